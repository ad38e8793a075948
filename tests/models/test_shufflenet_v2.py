"""ShuffleNetV2's Megvii variant against pytorchcv's and a restatement."""

import pytest
import torch
from agreement import fill, on_meta
from pytorchcv.models import shufflenetv2b as pytorchcv
from torch import nn

from lightnets_edu import count
from lightnets_edu.models import shufflenet_v2
from lightnets_edu.models.shufflenet_v2 import BasicUnit, DownsamplingUnit

NAMES = {width: f"shufflenet_v2_x{width.replace('.', '_')}" for width in shufflenet_v2.CHANNELS}
# Parameters (torchvision's), million MACs of torchvision's network and of Megvii's, which are the paper's.
PUBLISHED = {
    "0.5": (1366792, None, None),
    "1.0": (2278604, 144.9, 146),
    "1.5": (3503624, 295.8, 299),
    "2.0": (7393996, 583.3, 591),
}


@pytest.mark.parametrize("width", NAMES)
def test_all_widths(width):
    params, torchvision_macs, megvii_macs = PUBLISHED[width]
    assert count(on_meta(NAMES[width])).params == params
    if torchvision_macs:
        assert round(count(on_meta(NAMES[width])).macs / 1e6, 1) == torchvision_macs
        assert round(count(on_meta(NAMES[width], variant="megvii")).macs / 1e6) == megvii_macs


def test_megvii_is_pytorchcvs_2b():
    """pytorchcv's 2b with Megvii's direction of the shuffle, which is not its default.

    It shuffles after every unit, Megvii only before units with stride 1. So where a unit with stride 2 or the last
    convolution follows, pytorchcv's weights are for channels in the shuffled order: 0, 2, 4, ..., 1, 3, 5, ...
    """
    with torch.device("meta"):
        theirs = pytorchcv.get_shufflenetv2b(width_scale=1.0, shuffle_group_first=False, num_classes=7)
    theirs = fill(theirs)
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
    ours = on_meta(NAMES["1.0"], num_classes=7, variant="megvii").to_empty(device="cpu")
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
    """Even channels pass, odd ones are worked on; no shuffle at the end. With stride 2 the shortcut is first."""
    unit = BasicUnit(8, "megvii").eval()
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(unit(x), torch.cat((x[:, 0::2], unit.branch2(x[:, 1::2])), 1))
    unit = DownsamplingUnit(6, 8, "megvii").eval()
    assert torch.equal(unit(x[:, :6]), torch.cat((unit.branch1(x[:, :6]), unit.branch2(x[:, :6])), 1))
    assert unit.branch1[2].out_channels == 6 and unit.branch2[5].out_channels == 2


def test_megviis_head():
    assert [on_meta(name, variant="megvii").dropout.p for name in NAMES.values()] == [0, 0, 0, 0.2]
    assert all(on_meta(name, variant="megvii").fc.bias is None for name in NAMES.values())


def test_odd_channels_are_refused():
    with pytest.raises(ValueError, match="out_channels=49 is odd"):
        DownsamplingUnit(24, 49)
    with pytest.raises(ValueError, match="out_channels=49 is odd"):
        BasicUnit(49)
