"""The four guidelines of ShuffleNetV2, measured again: equally many MACs, not equally fast.

Ma, Zhang, Zheng, Sun; 2018; arXiv:1807.11164, section 2 and tables 1-4.

G1. Equal channel widths minimise memory access. G2. Too many groups cost memory access. G3. Fragments reduce the degree
of parallelism. G4. Element-wise operations are not negligible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lightnets_edu.checks import one_of, whole_number
from lightnets_edu.counting import count
from lightnets_edu.timing.clock import forward_step, paired_ratio, time_interleaved

BLOCKS = 10  # as in the paper
SIDE = 56  # of the maps, as in the paper
# The paper starts from 128 channels, where 90 x 180 = 16,200 is 1 % off 128 x 128, and 36 x 432 is 5 % off. From 116,
# all variants have equally many MACs within 0.2 %.
WIDTH = 116

# Variant, its settings, and how fast it was in the paper (tables 1-4, in each the column with 128 channels): batches a
# second on a GeForce GTX 1080 Ti, and images a second by one thread of a Snapdragon 810.
TABLE_1 = (
    ("1:1", (116, 116), 1480, 5.3),
    ("1:2", (82, 164), 1296, 5.1),
    ("1:6", (47, 286), 876, 4.6),
    ("1:12", (34, 396), 748, 4.4),
)
TABLE_2 = (
    ("g=1", (116, 1), 2451, 10.2),
    ("g=2", (164, 2), 1725, 9.5),
    ("g=4", (232, 4), 1026, 8.7),
    ("g=8", (328, 8), 634, 7.5),
)
TABLE_3 = (
    ("1 fragment", (116, 1, False), 2446, 10.1),
    ("2 in series", (82, 2, False), 1790, 10.1),
    ("4 in series", (58, 4, False), 752, 10.1),
    ("2 in parallel", (82, 2, True), 1537, 9.1),
    ("4 in parallel", (58, 4, True), 691, 8.4),
)
TABLE_4 = (
    ("ReLU and shortcut", (True, True), 1436, 5.0),
    ("ReLU only", (True, False), 1735, 5.2),
    ("shortcut only", (False, True), 1458, 5.1),
    ("neither", (False, False), 1782, 5.4),
)


class _Parallel(nn.Module):
    """The sum of several branches."""

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """``f1(x) + f2(x) + ...``."""
        first, *others = [branch(x) for branch in self.branches]
        for other in others:
            first = first + other
        return first


class _Bottleneck(nn.Module):
    """x + f(x), f three convolutions 1x1, 3x3, 1x1 with a quarter of the channels between them."""

    def __init__(self, channels: int, relu: bool, shortcut: bool) -> None:
        super().__init__()
        middle = channels // 4
        convolutions = (_conv(channels, middle), _conv(middle, middle, kernel_size=3), _conv(middle, channels))
        self.body = nn.Sequential(*(layer for conv in convolutions for layer in (conv, *([nn.ReLU()] if relu else []))))
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W] -> [N, C, H, W]``."""
        return x + self.body(x) if self.shortcut else self.body(x)


def _conv(a: int, b: int, *, kernel_size: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(a, b, kernel_size, padding=kernel_size // 2, groups=groups, bias=False)


def _fragments(channels: int, fragments: int, parallel: bool) -> nn.Module:
    convolutions = [_conv(channels, channels) for _ in range(fragments)]
    return _Parallel(convolutions) if parallel else nn.Sequential(*convolutions)


GUIDELINES: dict[str, tuple[str, Callable[..., nn.Module], tuple[tuple[str, tuple[Any, ...], int, float], ...]]] = {
    "G1": ("channel ratio", lambda narrow, wide: nn.Sequential(_conv(narrow, wide), _conv(wide, narrow)), TABLE_1),
    "G2": ("groups", lambda channels, groups: _conv(channels, channels, groups=groups), TABLE_2),
    "G3": ("fragments", _fragments, TABLE_3),
    "G4": ("element-wise operations", partial(_Bottleneck, WIDTH), TABLE_4),
}


@dataclass(frozen=True)
class GuidelineRow:
    """One variant of one guideline's experiment.

    Attributes:
        guideline: G1 … G4.
        about: What is varied.
        variant: How, in a few letters.
        macs: Multiply-accumulates for one image.
        memory_access: Elements that the convolutions read and write, for one image.
        images_per_second: Measured here, at the median.
        relative: That by the first variant's of the same guideline, as the median over the rounds.
        is_noisy: Whether the timing's spread says not to read small differences out of it.
    """

    guideline: str
    about: str
    variant: str
    macs: int
    memory_access: int
    images_per_second: float
    relative: float
    is_noisy: bool


def guideline_networks(guideline: str) -> dict[str, nn.Module]:
    """The small networks of one guideline: variant to ten blocks of it.

    Args:
        guideline: G1, G2, G3 or G4.

    Raises:
        ValueError: If there is no such guideline.
    """
    one_of("guideline", guideline, GUIDELINES)
    _, block, table = GUIDELINES[guideline]
    return {variant: nn.Sequential(*(block(*settings) for _ in range(BLOCKS))) for variant, settings, *_ in table}


def published_speeds(guideline: str) -> dict[str, dict[str, float]]:
    """How fast each variant was in the paper, as a multiple of the guideline's first one's speed.

    Args:
        guideline: G1, G2, G3 or G4.

    Returns:
        For the paper's ``"GPU"`` and its phone's ``"ARM"`` processor, variant to speed.

    Raises:
        ValueError: If there is no such guideline.
    """
    one_of("guideline", guideline, GUIDELINES)
    _, _, table = GUIDELINES[guideline]
    (_, _, first_gpu, first_arm), *_ = table
    return {
        "GPU": {variant: gpu / first_gpu for variant, _, gpu, _ in table},
        "ARM": {variant: arm / first_arm for variant, _, _, arm in table},
    }


def guideline_input(network: nn.Module, batch: int) -> tuple[int, int, int, int]:
    """Shape of a network's input: maps with as many channels as its first convolution reads."""
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    return batch, first.in_channels, SIDE, SIDE


def measure_guidelines(
    device: str | torch.device = "auto",
    *,
    batch_size: int = 1,
    amp: str = "off",
    channels_last: bool = False,
    repeats: int = 15,
    min_seconds: float = 0.0,
    guidelines: tuple[str, ...] = tuple(GUIDELINES),
) -> list[GuidelineRow]:
    """Time the variants of each guideline in turns.

    Args:
        device: As for ``resolve_device``.
        batch_size: Images.
        amp: As for ``resolve_amp``.
        channels_last: Use the channels-last memory format.
        repeats: Rounds at least.
        min_seconds: Go on until a guideline's samples add up to this.
        guidelines: Which.

    Raises:
        ValueError: If an argument is not allowed.
    """
    batch_size = whole_number("batch_size", batch_size, 1)
    rows: list[GuidelineRow] = []
    for guideline in guidelines:
        networks = guideline_networks(guideline)
        about, *_ = GUIDELINES[guideline]
        inputs = {variant: guideline_input(network, batch_size) for variant, network in networks.items()}
        steps = {
            variant: forward_step(network, inputs[variant], device=device, amp=amp, channels_last=channels_last)
            for variant, network in networks.items()
        }
        timings = time_interleaved(steps, device=device, repeats=repeats, min_seconds=min_seconds)
        first = timings[next(iter(networks))]
        for variant in networks:
            counted = count(networks[variant], (1, *inputs[variant][1:]))
            timing = timings[variant]
            row = GuidelineRow(
                guideline=guideline,
                about=about,
                variant=variant,
                macs=counted.macs,
                memory_access=counted.memory_access,
                images_per_second=batch_size / timing.median,
                relative=paired_ratio(first, timing),
                is_noisy=timing.is_noisy,
            )
            rows.append(row)
    return rows
