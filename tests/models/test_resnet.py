"""ResNet-50 and the networks that share its body, against torchvision and timm."""

import pytest
import timm
import torch
import torchvision
from agreement import assert_layers_equal_count, assert_same_outputs, fill, published, shared_state

from lightnets_edu import count, get_model
from lightnets_edu.models import resnet
from lightnets_edu.models.cost import network_cost

DEEPER = {"depths": (3, 4, 23, 3)}
NETWORKS = {
    # name: the other implementation, our closed forms
    "resnet50": (torchvision.models.resnet50, {}),
    "resnext50_32x4d": (torchvision.models.resnext50_32x4d, {"groups": 32, "group_width": 4}),
    "resnext101_32x8d": (torchvision.models.resnext101_32x8d, {**DEEPER, "groups": 32, "group_width": 8}),
    "resnext101_64x4d": (torchvision.models.resnext101_64x4d, {**DEEPER, "groups": 64, "group_width": 4}),
    "resnext101_32x4d": (lambda: timm.create_model("resnext101_32x4d"), {**DEEPER, "groups": 32, "group_width": 4}),
    "wide_resnet50_2": (torchvision.models.wide_resnet50_2, {"group_width": 128}),
    "wide_resnet101_2": (torchvision.models.wide_resnet101_2, {**DEEPER, "group_width": 128}),
}
NUMBERS = {
    "resnet50": ("ResNet", "50"),
    "resnext50_32x4d": ("ResNeXt", "50 32x4d"),
    "resnext101_32x4d": ("ResNeXt", "101 32x4d"),
    "resnext101_32x8d": ("ResNeXt", "101 32x8d"),
    "wide_resnet50_2": ("WideResNet", "50-2"),
}


def on_meta(build, **options):
    with torch.device("meta"):
        return build(**options)


@pytest.mark.parametrize("name", NUMBERS)
def test_the_published_numbers(name):
    row = published(*NUMBERS[name])
    table = count(on_meta(get_model, name=name))
    assert (table.params, table.macs, table.activations) == (row["params"], row["macs"], row["activations"])


@pytest.mark.parametrize("name", NETWORKS)
def test_same_names_and_outputs_as_another_implementation(name):
    build_other, _ = NETWORKS[name]
    with torch.device("meta"):
        theirs = build_other()
    theirs, ours = fill(theirs), on_meta(get_model, name=name)
    ours.load_state_dict(shared_state(theirs), assign=True)
    assert_same_outputs(ours, theirs, [(33, 47), (48, 40)])


@pytest.mark.parametrize("size", [224, 97])
@pytest.mark.parametrize("name", NETWORKS)
def test_closed_forms_equal_the_count_block_by_block(name, size):
    _, options = NETWORKS[name]
    table = count(on_meta(get_model, name=name), (1, 3, size, size))
    layers = list(resnet.layers(size=size, **options))
    assert_layers_equal_count(layers, table)
    cost = network_cost(layers)
    assert (cost.params, cost.macs, cost.activations) == (table.params, table.macs, table.activations)
    assert cost.memory_access == table.memory_access


@pytest.mark.parametrize("stem_pool", ["padded", "ceil"])
@pytest.mark.parametrize("stride_in", ["1x1", "3x3"])
@pytest.mark.parametrize("size", [31, 32, 33, 34, 35, 36])
def test_closed_forms_of_every_option_at_every_remainder(size, stride_in, stem_pool):
    for small_input in (False, True):
        options = {"stride_in": stride_in, "stem_pool": stem_pool, "small_input": small_input}
        network = on_meta(lambda options=options: resnet.ResNet((1, 2, 1, 1), 4, 8, 7, **options))
        table = count(network, (1, 3, size, size))
        layers = resnet.layers((1, 2, 1, 1), 4, 8, num_classes=7, **options, size=size)
        assert_layers_equal_count(layers, table)


def test_the_stride_of_the_paper():
    # He et al., table 1: 3.8 billion multiply-adds; the published SE-ResNet-50 without its gates.
    assert count(on_meta(get_model, name="resnet50", stride_in="1x1")).macs == 3_857_973_248
    block = resnet.Bottleneck(256, 128, 512, stride=2, stride_in="1x1")
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))


def test_feature_maps():
    network = resnet.ResNet((1, 1, 1, 1), num_classes=5).eval()
    x = torch.randn(1, 3, 65, 96)
    maps = network.feature_maps(x)
    assert {stride: tuple(m.shape) for stride, m in maps.items()} == {
        2: (1, 64, 33, 48),
        4: (1, 256, 17, 24),
        8: (1, 512, 9, 12),
        16: (1, 1024, 5, 6),
        32: (1, 2048, 3, 3),
    }
    assert torch.equal(network.forward_features(x), maps[32])
    small = resnet.ResNet((1, 1, 1, 1), num_classes=5, small_input=True).eval()
    assert {s: m.shape[-1] for s, m in small.feature_maps(torch.randn(1, 3, 32, 32)).items()} == {
        1: 32,
        2: 16,
        4: 8,
        8: 4,
    }
    assert small.state_dict().keys() == network.state_dict().keys()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"stride_in": "5x5"}, "stride_in should be '1x1' .* or '3x3' instead of '5x5'"),
        ({"stem_pool": "max"}, "stem_pool should be 'padded' or 'ceil' instead of 'max'"),
        ({"depths": (3, 4)}, "depths should be the blocks of 4 stages"),
        ({"groups": 0}, "groups should be at least 1 instead of 0"),
        ({"group_width": 1.5}, "group_width should be a whole number instead of 1.5"),
    ],
)
def test_wrong_options_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        resnet.ResNet(**{"depths": (1, 1, 1, 1), **options})


def test_images_that_are_too_small_are_refused():
    network = resnet.ResNet((1, 1, 1, 1), stem_pool="ceil").eval()
    with pytest.raises(ValueError, match="at least 3 x 3 pixels instead of 2 x 5"):
        network(torch.randn(1, 3, 2, 5))
    assert network(torch.randn(1, 3, 3, 3)).shape == (1, 1000)
    with pytest.raises(ValueError, match="images of shape"):
        network(torch.randn(3, 32, 32))
