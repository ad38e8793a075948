"""G-Ghost RegNetX, which no package has: the official names, a re-statement (numbers are in test_networks)."""

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from agreement import on_meta
from torch import nn

from lightnets_edu import count
from lightnets_edu.models.g_ghost_regnet import (
    GGhostStage,
    PaperGGhostStage,
    layers,
    split_channels,
)
from lightnets_edu.models.regnet import SIZES, Bottleneck

DATA = Path(__file__).parents[1] / "data"
OFFICIAL_STATE = json.loads((DATA / "g_ghost_state_dict.json").read_text(encoding="utf-8"))
VARIANTS = ("official", "paper")


def test_official_names_and_shapes():
    """So the official file loads strictly."""
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    expected = {f"{name}.weight": shape for name, shape in OFFICIAL_STATE["convolutions"].items()}
    for name, channels in OFFICIAL_STATE["norms"].items():
        expected |= {f"{name}.{part}": [channels] for part in ("weight", "bias", *buffers[:2])}
        expected[f"{name}.num_batches_tracked"] = []
    expected |= OFFICIAL_STATE["rest"]
    assert len(expected) == 518
    state = on_meta("g_ghost_regnet_x_3_2gf").state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == expected


def test_stage_as_the_paper_draws_it():
    table = count(on_meta("g_ghost_regnet_x_3_2gf", variant="paper"))
    assert (round(table.params / 1e6, 2), round(table.macs / 1e9, 2)) == (10.08, 1.69)


def test_share_of_ghosts():
    """A whole number of thin groups: the share is not always 0.5."""
    shares = set()
    for size in SIZES.values():
        for width, depth in zip(size.widths, size.depths, strict=True):
            if depth > 2:
                thin, ghosts, thin_group_width = split_channels(width, size.group_width)
                assert thin + ghosts == width and thin % thin_group_width == 0
                shares.add(ghosts / width)
    assert min(shares) == 0.5 and max(shares) == 0.625
    assert split_channels(192, 48) == (72, 120, 36) and split_channels(432, 48) == (216, 216, 36)


@pytest.mark.parametrize("stage_class", [GGhostStage, PaperGGhostStage])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.75])
def test_any_share_of_ghosts(stage_class, share):
    """120 channels hold 20 thin groups of 6: the share is exact where a whole number of them is left."""
    groups = math.floor(20 * (1 - share) + 1e-9)
    stage = stage_class(16, 120, 4, 8, share=share)
    with torch.no_grad():
        maps = torch.rand(2, 16, 8, 8)
        thin = stage.layers[-1].conv3.weight.shape[0]
        assert (thin, stage.cheap[0].weight.shape[0]) == (6 * groups, 120 - 6 * groups)
        assert stage(maps).shape == (2, 120, 4, 4)
    with pytest.raises(ValueError, match="4 % of the channels should hold at least one group"):
        stage_class(16, 120, 4, 8, share=0.96)


class Restated:
    """Both stages written out with torch.nn.functional on a state dict."""

    def __init__(self, state, training):
        self.state, self.training = state, training

    def conv_norm(self, x, conv, norm, stride=1):
        """The convolution's groups and padding follow from the shape of its weight."""
        weight = self.state[f"{conv}.weight"]
        y = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=x.shape[1] // weight.shape[1])
        mean, var, scale, shift = (
            self.state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        if self.training:
            mean, var = y.mean((0, 2, 3)), y.var((0, 2, 3), unbiased=False)
        mean, var, scale, shift = (v[:, None, None] for v in (mean, var, scale, shift))
        return (y - mean) / (var + 1e-5).sqrt() * scale + shift

    def block(self, x, name, stride=1):
        y = self.conv_norm(x, f"{name}.conv1", f"{name}.bn1").relu()
        y = self.conv_norm(y, f"{name}.conv2", f"{name}.bn2", stride).relu()
        y = self.conv_norm(y, f"{name}.conv3", f"{name}.bn3")
        if f"{name}.downsample.0.weight" in self.state:
            x = self.conv_norm(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
        return (x + y).relu()

    def official(self, x, depth, thin):
        y1 = self.block(x, "base", 2)
        e, pooled = y1[:, :thin], [y1.mean((2, 3), keepdim=True)]
        for i in range(depth - 2):
            e = self.block(e, f"layers.{i}")
            pooled.append(e.mean((2, 3), keepdim=True))
        m = self.conv_norm(torch.cat(pooled, 1), "merge.1", "merge.2").relu()
        m = self.conv_norm(m, "merge.4", "merge.5")
        c = (self.conv_norm(y1[:, thin:], "cheap.0", "cheap.1") + m).relu()
        return self.block(torch.cat([e, c], 1), "end")

    def paper(self, x, depth, thin):
        y1 = y = self.block(x, "base", 2)
        pooled = []
        for i in range(depth - 1):
            y = self.block(y, f"layers.{i}")
            pooled.append(y.mean((2, 3)))
        tau = torch.cat(pooled, 1) @ self.state["merge.weight"].T + self.state["merge.bias"]
        return torch.cat([y, (self.conv_norm(y1, "cheap.0", "cheap.1") + tau[:, :, None, None]).relu()], 1)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_same_stage_as_the_restatement(variant, training):
    stage = {"official": GGhostStage, "paper": PaperGGhostStage}[variant](24, 48, depth=5, group_width=16)
    for name, tensor in stage.state_dict().items():
        if tensor.dim() == 1:
            nn.init.uniform_(tensor, 0.5, 1.5) if "var" in name or "weight" in name else nn.init.normal_(tensor)
    stage = stage.double().train(training)
    state = {name: tensor.clone() for name, tensor in stage.state_dict().items()}
    for size in ((16, 16), (9, 13)):
        x = torch.randn(2, 24, *size, dtype=torch.float64)
        with torch.no_grad():
            want = getattr(Restated(state, training), variant)(x, 5, 24)
            torch.testing.assert_close(stage(x), want, rtol=0, atol=1e-10)


def test_plain_stages_stay_plain():
    """3.2GF: the second and third stage are G-Ghost stages, the others too shallow."""
    model = on_meta("g_ghost_regnet_x_3_2gf")
    kinds = [type(stage) for stage in (model.layer1, model.layer2, model.layer3, model.layer4)]
    assert kinds == [nn.Sequential, GGhostStage, GGhostStage, nn.Sequential]
    assert [len(model.layer1), len(model.layer3.layers), len(model.layer4)] == [2, 13, 2]
    assert all(isinstance(block, Bottleneck) for block in (*model.layer1, *model.layer4, model.layer2.end))
    assert model.dropout.p == 0.2


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="variant should be"):
        next(layers(SIZES["200mf"], variant="figure"))
    for stage in (GGhostStage, PaperGGhostStage):
        with pytest.raises(ValueError, match="depth of at least 3 instead of 2"):
            stage(24, 48, depth=2, group_width=16)
        for group_width in (48, 1):
            with pytest.raises(ValueError, match=f"group_width={group_width} does not fit out_channels=48"):
                stage(24, 48, depth=3, group_width=group_width)
