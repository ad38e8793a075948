"""ShuffleNetV2 against torchvision's, and its Megvii variant against pytorchcv's and a restatement."""

from functools import partial

import pytest
import torch
import torchvision
from agreement import MODELS, assert_layers_equal_count, assert_same_outputs, fill
from pytorchcv.models import shufflenetv2b as pytorchcv
from torch import nn

from lightnets_edu import count, get_model
from lightnets_edu.models import shufflenet_v2
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.shufflenet_v2 import ShuffleUnit, layers

BUILDERS = {width: partial(get_model, f"shufflenet_v2_x{width.replace('.', '_')}") for width in shufflenet_v2.CHANNELS}
ROWS = [row for row in MODELS if row["model"] == "ShuffleNetV2" and not row["source_impl"].startswith("pytorchcv")]
# Parameters (torchvision's), million MACs of torchvision's network and of Megvii's, which are the paper's.
PUBLISHED = {
    "0.5": (1366792, None, None),
    "1.0": (2278604, 144.9, 146),
    "1.5": (3503624, 295.8, 299),
    "2.0": (7393996, 583.3, 591),
}


def on_meta(build, **options):
    with torch.device("meta"):
        return build(**options)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['variant']} {row['source_impl'][:6]}")
def test_published_numbers(row):
    variant = "megvii" if row["source_impl"].startswith("megvii") else "torchvision"
    build = BUILDERS[row["variant"].removesuffix("x")]
    table = count(on_meta(build, variant=variant))
    assert (table.params, table.macs, table.activations) == (row["params"], row["macs"], row["activations"])


@pytest.mark.parametrize("width", BUILDERS)
def test_all_widths(width):
    params, torchvision_macs, megvii_macs = PUBLISHED[width]
    assert count(on_meta(BUILDERS[width])).params == params
    if torchvision_macs:
        assert round(count(on_meta(BUILDERS[width])).macs / 1e6, 1) == torchvision_macs
        assert round(count(on_meta(BUILDERS[width], variant="megvii")).macs / 1e6) == megvii_macs


@pytest.mark.parametrize("variant", ["torchvision", "megvii"])
@pytest.mark.parametrize("width", BUILDERS)
def test_closed_forms(width, variant):
    model = on_meta(BUILDERS[width], variant=variant)
    for size in (224, 97):
        table = count(model, (1, 3, size, size))
        assert_layers_equal_count(layers(width, variant=variant, size=size), table)
        cost = network_cost(layers(width, variant=variant, size=size))
        assert (cost.params, cost.macs, cost.activations, cost.memory_access) == (
            table.params, table.macs, table.activations, table.memory_access,
        )  # fmt: skip
    small = on_meta(BUILDERS[width], variant=variant, num_classes=10, small_input=True)
    formulas = layers(width, variant=variant, num_classes=10, small_input=True, size=33)
    assert_layers_equal_count(formulas, count(small, (1, 3, 33, 33)))


@pytest.mark.parametrize("width", BUILDERS)
def test_same_network_as_torchvision(width):
    theirs = fill(on_meta(getattr(torchvision.models, f"shufflenet_v2_x{width.replace('.', '_')}"), num_classes=7))
    ours = on_meta(BUILDERS[width], num_classes=7).to_empty(device="cpu")
    ours.load_state_dict(theirs.state_dict())
    assert_same_outputs(ours, theirs, ((64, 64), (97, 70)))


def test_megvii_is_pytorchcvs_2b():
    """pytorchcv's 2b with Megvii's direction of the shuffle, which is not its default.

    It shuffles behind every unit, Megvii only before units with stride 1. So where a unit with stride 2 or the last
    convolution follows, pytorchcv's weights are for channels in the shuffled order: 0, 2, 4, ..., 1, 3, 5, ...
    """
    theirs = fill(on_meta(pytorchcv.get_shufflenetv2b, width_scale=1.0, shuffle_group_first=False, num_classes=7))
    nn.init.zeros_(theirs.output.bias)
    theirs.features.final_pool = nn.AdaptiveAvgPool2d(1)
    state = {}
    for stage in (2, 3, 4):
        for index, unit in enumerate(theirs.features[stage - 1]):
            main = (unit.conv1, unit.dconv, unit.conv2)
            shortcut = (unit.shortcut_dconv, unit.shortcut_conv) if index == 0 else ()
            for branch, blocks, places in (("branch2", main, (0, 3, 5)), ("branch1", shortcut, (0, 2))):
                for block, place in zip(blocks, places[: len(blocks)], strict=True):
                    name = f"stage{stage}.{index}.{branch}"
                    state |= {f"{name}.{place}.{key}": x for key, x in block.conv.state_dict().items()}
                    state |= {f"{name}.{place + 1}.{key}": x for key, x in block.bn.state_dict().items()}
    for name, block in (("conv1", theirs.features.init_block.conv), ("conv5", theirs.features.final_block)):
        state |= {f"{name}.0.weight": block.conv.weight}
        state |= {f"{name}.1.{key}": x for key, x in block.bn.state_dict().items()}
    state["fc.weight"] = theirs.output.weight

    def unshuffled(weight, dim):
        """From weights for channels in the shuffled order to weights for channels in their own order."""
        order = torch.cat((torch.arange(0, weight.shape[dim], 2), torch.arange(1, weight.shape[dim], 2)))
        return weight.index_select(dim, order.argsort())

    for stage in (3, 4):
        state[f"stage{stage}.0.branch2.0.weight"] = unshuffled(state[f"stage{stage}.0.branch2.0.weight"], 1)
        # The shortcut's depthwise convolution has one kernel, and its batch norm one of each number, a channel.
        for key in ("0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var"):
            state[f"stage{stage}.0.branch1.{key}"] = unshuffled(state[f"stage{stage}.0.branch1.{key}"], 0)
        state[f"stage{stage}.0.branch1.2.weight"] = unshuffled(state[f"stage{stage}.0.branch1.2.weight"], 1)
    state["conv5.0.weight"] = unshuffled(state["conv5.0.weight"], 1)
    ours = on_meta(BUILDERS["1.0"], num_classes=7, variant="megvii").to_empty(device="cpu")
    ours.load_state_dict(state)
    # In double precision, because the sums run over the channels in another order.
    ours, theirs = ours.double(), theirs.double()
    for training in (False, True):
        for size in ((64, 64), (97, 70)):
            x = torch.randn(2, 3, *size, dtype=torch.double)
            with torch.no_grad():
                a, b = ours.train(training)(x), theirs.train(training)(x)
            assert b.abs().max() > 0.1
            assert (a - b).abs().max() <= 1e-12


def test_megviis_unit():
    """Even channels pass, odd ones are worked on, nothing is shuffled behind. With stride 2 the shortcut is first."""
    unit = ShuffleUnit(8, 8, 1, "megvii").eval()
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(unit(x), torch.cat((x[:, 0::2], unit.branch2(x[:, 1::2])), 1))
    unit = ShuffleUnit(6, 8, 2, "megvii").eval()
    assert torch.equal(unit(x[:, :6]), torch.cat((unit.branch1(x[:, :6]), unit.branch2(x[:, :6])), 1))
    assert unit.branch1[2].out_channels == 6 and unit.branch2[5].out_channels == 2


def test_megviis_head():
    assert [on_meta(build, variant="megvii").dropout.p for build in BUILDERS.values()] == [0, 0, 0, 0.2]
    assert all(on_meta(build, variant="megvii").fc.bias is None for build in BUILDERS.values())


def test_feature_maps():
    model = on_meta(BUILDERS["1.5"])
    maps = model.feature_maps(torch.zeros(1, 3, 225, 224, device="meta"))
    expected = {2: (24, 113, 112), 4: (24, 57, 56), 8: (176, 29, 28), 16: (352, 15, 14), 32: (1024, 8, 7)}
    assert {stride: tuple(x.shape[1:]) for stride, x in maps.items()} == expected


def test_wrong_options():
    with pytest.raises(ValueError, match="variant should be 'torchvision' or 'megvii' instead of 'paper'"):
        on_meta(BUILDERS["1.0"], variant="paper")
    with pytest.raises(ValueError, match="stride should be 1 or 2 instead of 3"):
        ShuffleUnit(24, 48, 3)
    with pytest.raises(ValueError, match="out_channels=49 is odd"):
        ShuffleUnit(24, 49, 2)
    with pytest.raises(ValueError, match="in_channels=24 and out_channels=48 should be equal for stride 1"):
        ShuffleUnit(24, 48, 1)
