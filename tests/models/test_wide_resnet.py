"""Wide ResNet for CIFAR against pytorchcv (WRN-50-2 is in test_resnet)."""

import pytest
import torch
from agreement import assert_layers_equal_count, assert_same_outputs, fill, published, shared_state
from pytorchcv.models.wrn_cifar import wrn16_10_cifar10, wrn28_10_cifar10

from lightnets_edu import count, get_model
from lightnets_edu.models import wide_resnet


def on_meta(build, **options):
    with torch.device("meta"):
        return build(**options)


def from_pytorchcv(name: str) -> str:
    """Our name of pytorchcv's parameter."""
    if name.startswith("output."):
        return name.replace("output.", "fc.")
    name = name.replace("features.init_block.", "conv1.").replace("features.post_activ.bn.", "bn1.")
    head, _, rest = name.partition(".unit")
    if not rest:
        return name
    stage = head.removeprefix("features.stage")
    unit, rest = rest.split(".", 1)
    rest = rest.replace("body.", "").replace("identity_conv.", "shortcut.")
    for i in "12":
        rest = rest.replace(f"conv{i}.bn.", f"bn{i}.").replace(f"conv{i}.conv.", f"conv{i}.")
    return f"layer{stage}.{int(unit) - 1}.{rest}"


def test_the_published_numbers():
    row = published("WideResNet", "CIFAR WRN-28-10 (10 cls)")
    table = count(on_meta(get_model, name="wide_resnet28_10"), (1, 3, 32, 32))
    assert (table.params, table.macs, table.activations) == (row["params"], row["macs"], row["activations"])


@pytest.mark.parametrize(
    ("name", "other"), [("wide_resnet16_10", wrn16_10_cifar10), ("wide_resnet28_10", wrn28_10_cifar10)]
)
def test_same_outputs_as_pytorchcv(name, other):
    theirs = other()
    theirs.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)  # theirs fits 32 x 32 only
    fill(theirs)
    ours = on_meta(get_model, name=name)
    state = {from_pytorchcv(key): value for key, value in shared_state(theirs).items()}
    ours.load_state_dict(state, assign=True)
    sizes = [(16, 13), (32, 32)] if name == "wide_resnet16_10" else [(9, 12), (16, 16)]
    assert_same_outputs(ours, theirs, sizes)


@pytest.mark.parametrize(("depth", "width", "size"), [(16, 10, 32), (28, 10, 37), (10, 1, 5), (22, 2, 18)])
def test_closed_forms_equal_the_count_block_by_block(depth, width, size):
    network = on_meta(lambda: wide_resnet.WideResNet(depth, width, num_classes=7))
    table = count(network, (1, 3, size, size))
    assert_layers_equal_count(wide_resnet.layers(depth, width, num_classes=7, size=size), table)


def test_feature_maps():
    network = wide_resnet.WideResNet(10, 2).eval()
    x = torch.randn(1, 3, 33, 32)
    maps = network.feature_maps(x)
    assert {s: tuple(m.shape) for s, m in maps.items()} == {1: (1, 32, 33, 32), 2: (1, 64, 17, 16), 4: (1, 128, 9, 8)}
    assert maps[4].min() == 0
    assert torch.equal(network.forward_features(x), maps[4])


def test_dropout_is_between_the_convolutions_and_only_in_training():
    block = wide_resnet.WideBasicBlock(4, 4, dropout=0.999999)
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(block.train()(x), x)
    assert not torch.equal(block.eval()(x), x)
    assert get_model("wide_resnet16_10", dropout=0.3).layer1[0].dropout.p == 0.3


@pytest.mark.parametrize(
    ("depth", "width", "sentence"),
    [(27, 10, "depth should be 6 N"), (4, 1, "depth should be 6 N"), (16, 0, "width should be at least 1")],
)
def test_wrong_options_are_refused(depth, width, sentence):
    with pytest.raises(ValueError, match=sentence):
        wide_resnet.WideResNet(depth, width)
