"""G-GhostNet: GhostNets on Heterogeneous Devices via Cheap Operations.

Han, Wang, Xu, Guo, Xu, Wu, Tian; 2022; arXiv:2201.03297. RegNetX with G-Ghost stages, made for GPUs: instead of cheap
maps inside a layer (GhostNet), cheap maps of a whole stage. Parameter names are those of the authors' code.

That code and the paper differ in six points; ``variant="official"`` is the code, ``variant="paper"`` the paper:

1. The code's last block runs at full width after the concatenation; the figure ends with the concatenation.
2. The code splits the first block's output by channels between the two paths; the figure feeds all of it to both.
3. The code's correction pools the first block's output too and not the last block's; the paper's pools Y_2 ... Y_n.
4. The code's correction is two 1x1 convolutions with batch norms; the paper's one fully connected layer with bias.
5. The code's thin blocks have groups three quarters as wide, and the split is a whole number of such groups, so that
   the ghosts' share is at least 0.5. The paper has a share of 0.5 and names no group width for these blocks. Both
   variants split as the code does: half of the 432 channels of 3.2GF's third stage is no multiple of its 48.
6. The published numbers of parameters and MACs are the code's; the paper's stage has fewer of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import sympy as sp
import torch
from sympy import Expr
from torch import Tensor, nn

from lightnets_edu.formulas import Check, CostTerms, Setting, linear
from lightnets_edu.formulas.blocks import INPUT_MAP, pointwise_norm, strided, times
from lightnets_edu.formulas.cost import Symbols, cost_formula
from lightnets_edu.formulas.layers import IN_CHANNELS, OUT_CHANNELS
from lightnets_edu.models.cost import Layer
from lightnets_edu.models.layers import relu
from lightnets_edu.models.registry import Printed, register
from lightnets_edu.models.regnet import (
    SIZES,
    Bottleneck,
    RegNetSize,
    RegNetX,
    plain_stage,
    plain_stage_layers,
    regnet_bottleneck,
    whole_groups_check,
)
from lightnets_edu.models.regnet import layers as regnet_layers

VARIANTS = ("official", "paper")
SHARE = 0.5  # lambda: the part of a stage's channels that are ghosts


def split_channels(out_channels: int, group_width: int, share: float = SHARE) -> tuple[int, int, int]:
    """Divide a stage's channels: (thin blocks' channels, ghosts, thin blocks' group width). Difference 5.

    Args:
        out_channels: Of the stage.
        group_width: Of its full-width blocks.
        share: The least part of the channels that are ghosts, in whole per cents: what is left for the thin blocks is
            rounded down to whole groups.

    Raises:
        ValueError: If the rest of the channels does not hold one group of the thin blocks.
    """
    thin_group_width, percent = group_width * 3 // 4, 100 - round(100 * share)
    thin = out_channels * percent // 100 // max(thin_group_width, 1) * thin_group_width
    if thin == 0:
        raise ValueError(
            f"group_width={group_width} does not fit out_channels={out_channels}: {percent} % of the channels should "
            f"hold at least one group of the thin blocks, which is {thin_group_width} wide (three quarters of "
            f"{group_width})"
        )
    return thin, out_channels - thin, thin_group_width


def _check_depth(depth: int) -> None:
    if depth < 3:
        raise ValueError(
            f"a G-Ghost stage needs a depth of at least 3 instead of {depth}: a first, a last and thin ones between"
        )


def _pointwise_norm(in_channels: int, out_channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)


class GGhostStage(nn.Module):
    """end(cat(thin(y1[a]), relu(cheap(y1[b]) + merge(y1, thin maps)))), y1 = base(x): the stage of the official code.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        depth: Blocks from the input to the output: base, depth - 2 thin ones, end.
        group_width: Channels of each group in base and end.
        stride: Of the first block.
        share: The least part of the channels that are ghosts; see `split_channels`.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``. In training N must be 2 or
        more: merge has batch norms after a global pooling.

    Raises:
        ValueError: If the depth is below 3 or the group width does not fit the channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        depth: int,
        group_width: int,
        stride: int = 2,
        share: float = SHARE,
    ) -> None:
        super().__init__()
        _check_depth(depth)
        thin, ghosts, thin_group_width = split_channels(out_channels, group_width, share)
        self.split = (thin, ghosts)
        self.stride = stride
        self.base = Bottleneck(in_channels, out_channels, group_width, stride)
        self.end = Bottleneck(out_channels, out_channels, group_width)
        self.merge = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            *_pointwise_norm(out_channels + thin * (depth - 2), ghosts),
            relu(),
            *_pointwise_norm(ghosts, ghosts),
        )
        self.cheap = nn.Sequential(*_pointwise_norm(ghosts, ghosts))
        self.cheap_relu = relu()
        self.layers = nn.Sequential(*(Bottleneck(thin, thin, thin_group_width) for _ in range(depth - 2)))

    def forward(self, x: Tensor) -> Tensor:
        """First block, two paths of its channels, last block."""
        first = self.base(x)
        y, seed = first.split(self.split, dim=1)  # difference 2
        maps = [first]  # difference 3
        for block in self.layers:
            y = block(y)
            maps.append(y)
        ghosts = self.cheap_relu(self.cheap(seed) + self.merge(torch.cat(maps, dim=1)))  # difference 4
        return self.end(torch.cat([y, ghosts], dim=1))  # difference 1


class PaperGGhostStage(nn.Module):
    """cat(Y_n, relu(cheap(Y_1) + W mean(Y_2 ... Y_n) + b)), Y_1 = base(x): the stage of the paper.

    Arguments, shape and errors are those of `GGhostStage`; the thin blocks are depth - 1, the first of which narrows.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        depth: int,
        group_width: int,
        stride: int = 2,
        share: float = SHARE,
    ) -> None:
        super().__init__()
        _check_depth(depth)
        thin, ghosts, thin_group_width = split_channels(out_channels, group_width, share)
        self.stride = stride
        self.base = Bottleneck(in_channels, out_channels, group_width, stride)
        widths = (out_channels, *(thin for _ in range(depth - 2)))
        self.layers = nn.Sequential(*(Bottleneck(width, thin, thin_group_width) for width in widths))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.merge = nn.Linear(thin * (depth - 1), ghosts)
        self.cheap = nn.Sequential(*_pointwise_norm(out_channels, ghosts))
        self.cheap_relu = relu()

    def forward(self, x: Tensor) -> Tensor:
        """First block, the two paths from all of its output."""
        first = y = self.base(x)  # difference 2
        maps = []  # difference 3
        for block in self.layers:
            y = block(y)
            maps.append(y)
        correction = self.merge(self.pool(torch.cat(maps, dim=1)).flatten(1))  # difference 4
        ghosts = self.cheap_relu(self.cheap(first) + correction[:, :, None, None])
        return torch.cat([y, ghosts], dim=1)  # difference 1


GROUP_WIDTH = Setting("group_width", "g", "channels of each group in the full-width blocks", minimum=2)


@cost_formula(
    IN_CHANNELS,
    OUT_CHANNELS,
    Setting("depth", "n", "blocks of the stage", minimum=3),
    GROUP_WIDTH,
    Setting("stride", "s", "step of the first block, in pixels", default=2),
    *INPUT_MAP,
    Setting("paper", "p", "the stage as the paper draws it (1), or as the official code has it (0)", 0, 0, flag=True),
    checks=(
        whole_groups_check(GROUP_WIDTH),
        Check(
            sp.Ge(OUT_CHANNELS.symbol, 2 * sp.floor(3 * GROUP_WIDTH.symbol / 4)),
            "out_channels={out_channels} is too small for group_width={group_width}: half of the channels must hold "
            "at least one group of the thin blocks, whose groups are three quarters as wide",
        ),
    ),
)
def g_ghost_stage(s: Symbols) -> CostTerms:
    """A G-Ghost stage of RegNetX blocks: thin blocks compute about half of the channels, a 1x1 convolution makes the
    others from the first block's output, corrected by the pooled maps of the blocks on the way
    (Han et al. 2022, GhostNets on heterogeneous devices, the part on G-Ghost).
    """
    size = (s.in_height, s.in_width)
    out = strided(size, 3, s.stride)
    thin_group_width = sp.floor(3 * s.group_width / 4)
    thin = sp.floor(s.out_channels / (2 * thin_group_width)) * thin_group_width
    ghosts = s.out_channels - thin

    def block(ins: Expr, outs: Expr, width: Expr, size: tuple[Expr, Expr] = out, stride: Any = 1) -> CostTerms:
        channels = {"in_channels": ins, "out_channels": outs, "group_width": width}
        return regnet_bottleneck.terms(**channels, stride=stride, in_height=size[0], in_width=size[1])

    thin_block = block(thin, thin, thin_group_width)
    code = (
        times(s.depth - 2, thin_block)
        + pointwise_norm(ghosts, ghosts, out)
        + pointwise_norm(s.out_channels + (s.depth - 2) * thin, ghosts, (1, 1))
        + pointwise_norm(ghosts, ghosts, (1, 1))
        + block(s.out_channels, s.out_channels, s.group_width)
    )
    mix = linear.terms(in_features=(s.depth - 1) * thin, out_features=ghosts)
    figure = (
        block(s.out_channels, thin, thin_group_width)
        + times(s.depth - 2, thin_block)
        + pointwise_norm(s.out_channels, ghosts, out)
        + replace(mix, activations=sp.Integer(0))  # a linear layer's output is no convolution's
    )
    first = block(s.in_channels, s.out_channels, s.group_width, size, s.stride)
    return first + times(1 - s.paper, code) + times(s.paper, figure)


def _check_variant(variant: str) -> None:
    if variant not in VARIANTS:
        raise ValueError(f"variant should be 'official' (the authors' code) or 'paper' instead of {variant!r}")


def is_g_ghost(depth: int) -> bool:
    """Stages of at least 3 blocks are G-Ghost stages: in the twelve sizes the third always, the first never."""
    return depth > 2


def make_stage(variant: str, in_channels: int, out_channels: int, depth: int, group_width: int) -> nn.Module:
    """A G-Ghost stage if it is deep enough, else plain bottlenecks: ``[N, in, H, W] -> [N, out, H / 2, W / 2]``."""
    if not is_g_ghost(depth):
        return plain_stage(in_channels, out_channels, depth, group_width)
    stage = GGhostStage if variant == "official" else PaperGGhostStage
    return stage(in_channels, out_channels, depth, group_width)


class GGhostRegNetX(RegNetX):
    """RegNetX with G-Ghost stages.

    Args:
        design: One of `lightnets_edu.models.regnet.SIZES`.
        num_classes: Outputs of the classifier.
        variant: The stage as in the authors' code ("official") or as in their paper ("paper"); see above.
        dropout: Before the classifier.
        small_input: For images of about 32 x 32: the stem has stride 1.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax. In training the official
        variant needs N of at least 2.

    Raises:
        ValueError: If the variant is not known.
    """

    def __init__(
        self,
        design: RegNetSize,
        num_classes: int = 1000,
        variant: str = "official",
        dropout: float = 0.2,
        small_input: bool = False,
    ) -> None:
        _check_variant(variant)
        super().__init__(design, num_classes, dropout, small_input, partial(make_stage, variant))
        self.fc.reset_parameters()  # the code initialises as pycls does, but leaves torch's own for the classifier


def _stage_layers(
    variant: str, name: str, in_channels: int, out_channels: int, depth: int, group_width: int, side: Any, out_side: Any
) -> Iterator[Layer]:
    if not is_g_ghost(depth):
        yield from plain_stage_layers(name, in_channels, out_channels, depth, group_width, side, out_side)
        return
    settings = {"in_channels": in_channels, "out_channels": out_channels, "depth": depth, "group_width": group_width}
    yield name, g_ghost_stage, {**settings, "in_height": side, "in_width": side, "paper": int(variant == "paper")}


def layers(
    design: RegNetSize,
    *,
    num_classes: Any = 1000,
    variant: str = "official",
    small_input: bool = False,
    size: Any = 224,
) -> Iterator[Layer]:
    """The network as formulas, one for each G-Ghost stage or block. Arguments: `regnet.layers`' and the variant."""
    _check_variant(variant)
    stage_layers = partial(_stage_layers, variant)
    return regnet_layers(design, num_classes=num_classes, small_input=small_input, stage_layers=stage_layers, size=size)


AUTHORS = partial(Printed, "the authors' list of trained networks", read=True)
PRINTED = {
    "3_2gf": AUTHORS(params="10.5 M", macs="1.8 G", top1=77.8),
    "4_0gf": AUTHORS(params="15.7 M", macs="2.2 G", top1=78.6),
    "8_0gf": AUTHORS(
        params="24.6 M", macs="4.2 G", top1=79.0, why="counted 4.1497 G; we do not know what the list counts"
    ),
    "16gf": AUTHORS(params="32.4 M", macs="9.0 G", top1=79.9),
}

for size, design in SIZES.items():
    name, fixed = f"g_ghost_regnet_x_{size}", {"design": design}
    register(name, GGhostRegNetX, layers, family="G-Ghost", fixed=fixed, printed=PRINTED.get(size))
