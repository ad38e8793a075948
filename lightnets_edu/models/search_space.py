"""Networks from a short description: for searching among many of them, and for designing one under a budget.

A `Design` lists stages; each stage repeats one block of this book. The same description gives the real network
(`DesignedNetwork`) and its closed form (`layers`). A `SearchSpace` draws designs and changes them, stage by stage, as
in the factorised hierarchical search space of MnasNet (Tan et al. 2019).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from math import prod
from typing import Any

from torch import Tensor, nn

from lightnets_edu import statistics
from lightnets_edu.formulas import (
    CostFormula,
    batch_norm2d,
    conv2d,
    conv_output_size,
    linear,
)
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer, convolution_norm
from lightnets_edu.models.ghostnet import GhostBottleneck, ghost_bottleneck
from lightnets_edu.models.layers import initialise_convolution, relu
from lightnets_edu.models.mnasnet import InvertedResidual, inverted_residual
from lightnets_edu.models.mobilenet_v1 import DepthwiseSeparable
from lightnets_edu.models.wide_resnet import WideBasicBlock, wide_basic_block

#: Chapter 7's block, chapter 11's, chapter 12's and chapter 5's.
KINDS = ("separable", "inverted_residual", "ghost", "residual")
EXPANDING = ("inverted_residual", "ghost")  # kinds that look at expand_ratio


@dataclass(frozen=True)
class Stage:
    """Some equal blocks on maps of one size.

    Attributes:
        kind: Of the blocks, one of ``KINDS``.
        channels: Of every block's output; even.
        depth: Number of blocks.
        kernel_size: Of an inverted residual's depthwise convolution: 3, 5, 7 ...; the other kinds have 3.
        expand_ratio: Channels inside an inverted residual or a Ghost bottleneck for each input channel.
        squeeze: Whether an inverted residual has squeeze-and-excitation, with a quarter of the input's channels.
        stride: Of the first block, 1 or 2.

    Raises:
        ValueError: If a value is not allowed.
    """

    kind: str
    channels: int
    depth: int = 1
    kernel_size: int = 3
    expand_ratio: int = 3
    squeeze: bool = False
    stride: int = 2

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind should be one of {', '.join(KINDS)} instead of {self.kind!r}")
        if self.channels < 2 or self.channels % 2:
            raise ValueError(
                f"channels should be even and at least 2 instead of {self.channels}: a Ghost module makes half of them "
                "from the other half"
            )
        if self.depth < 1:
            raise ValueError(f"depth should be at least 1 instead of {self.depth}: an empty stage changes no size")
        if self.stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {self.stride}")
        if self.kind in EXPANDING and self.expand_ratio < 1:
            raise ValueError(f"expand_ratio should be at least 1 instead of {self.expand_ratio}")
        if self.kernel_size % 2 == 0 or self.kernel_size < 1:
            raise ValueError(f"kernel_size should be odd, such as 3 or 5, instead of {self.kernel_size}")
        if self.kind != "inverted_residual" and (self.kernel_size != 3 or self.squeeze):
            raise ValueError(
                f"a {self.kind} block has a kernel of 3 and no squeeze-and-excitation here, but kernel_size="
                f"{self.kernel_size}, squeeze={self.squeeze}: only an inverted residual takes others"
            )

    @property
    def name(self) -> str:
        """Such as ``24×2 k5 t3 SE``: channels, depth, kernel, expansion; before them any other kind."""
        inverted = self.kind == "inverted_residual"
        words = [] if inverted else [self.kind]
        words.append(f"{self.channels}×{self.depth}")
        words += [f"k{self.kernel_size}"] if inverted else []
        words += [f"t{self.expand_ratio}"] if self.kind in EXPANDING else []
        return " ".join([*words, "SE"] if self.squeeze else words)

    def blocks(self, in_channels: int) -> Iterator[dict[str, Any]]:
        """The settings of each block, as `block_layer` takes them."""
        for index in range(self.depth):
            yield {
                "kind": self.kind,
                "in_channels": in_channels,
                "out_channels": self.channels,
                "stride": 1 if index else self.stride,
                "kernel_size": self.kernel_size,
                "expand_ratio": self.expand_ratio,
                "squeeze_channels": in_channels // 4 if self.squeeze else 0,
            }
            in_channels = self.channels


@dataclass(frozen=True)
class Design:
    """A whole network: a 3x3 convolution, stages, a batch norm with ReLU, the mean over each map, a linear classifier.

    Attributes:
        stages: From the first to the last.
        stem_channels: Outputs of the first convolution; even.
        stem_stride: Of the first convolution: 1 for small images, 2 for large ones.
        num_classes: Outputs of the classifier.
    """

    stages: tuple[Stage, ...]
    stem_channels: int = 16
    stem_stride: int = 1
    num_classes: int = 10

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a design needs at least one stage")

    @property
    def name(self) -> str:
        """Those of the stages, such as ``24×1 k3 t3 | 48×2 k5 t6 SE``: it tells the designs of a space apart."""
        return " | ".join(stage.name for stage in self.stages)

    def blocks(self) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """(stage, index in the stage, settings) of each block."""
        channels = self.stem_channels
        for number, stage in enumerate(self.stages):
            for index, settings in enumerate(stage.blocks(channels)):
                yield number, index, settings
            channels = stage.channels


def make_block(
    kind: str,
    in_channels: int,
    out_channels: int,
    stride: int,
    kernel_size: int = 3,
    expand_ratio: int = 3,
    squeeze_channels: int = 0,
) -> nn.Module:
    """The real block of a kind; see `Stage` for the settings."""
    if kind == "separable":
        return DepthwiseSeparable(in_channels, out_channels, stride)
    if kind == "inverted_residual":
        return InvertedResidual(in_channels, out_channels, kernel_size, stride, expand_ratio, squeeze_channels)
    if kind == "ghost":
        return GhostBottleneck(in_channels, in_channels * expand_ratio, out_channels, stride=stride)
    return WideBasicBlock(in_channels, out_channels, stride)


def block_layer(
    kind: str,
    in_channels: Any,
    out_channels: Any,
    stride: int,
    side: Any,
    kernel_size: Any = 3,
    expand_ratio: Any = 3,
    squeeze_channels: Any = 0,
) -> tuple[CostFormula, dict[str, Any]]:
    """The formula of a block and its settings; numbers of channels and ``side``, of the input map, may be symbols."""
    maps = {"stride": stride, "in_height": side, "in_width": side}
    channels = {"in_channels": in_channels, "out_channels": out_channels}
    if kind == "ghost":
        return ghost_bottleneck, {**channels, "hidden_channels": in_channels * expand_ratio, **maps}
    if kind == "residual":
        return wide_basic_block, {**channels, **maps}
    # To separate and to invert cost the same where nothing is expanded: a depthwise and a pointwise convolution.
    inner = {"kernel_size": kernel_size, "expand_ratio": 1 if kind == "separable" else expand_ratio}
    return inverted_residual, {**channels, **inner, "squeeze_channels": squeeze_channels, **maps}


def layers(design: Design, *, size: Any = 32) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer or block.

    ``size``, the side of the square images in pixels, may be a SymPy symbol.
    """
    side = conv_output_size(in_size=size, kernel_size=3, stride=design.stem_stride, padding=1)
    stem = {"in_channels": 3, "out_channels": design.stem_channels, "kernel_size": 3}
    yield from convolution_norm(("stem.0", "stem.1"), conv2d, side, size, **stem)
    channels = design.stem_channels
    for number, index, settings in design.blocks():
        formula, known = block_layer(**settings, side=side)
        yield f"stages.{number}.{index}", formula, known
        side = conv_output_size(in_size=side, kernel_size=3, stride=settings["stride"], padding=1)
        channels = settings["out_channels"]
    yield "norm", batch_norm2d, {"num_features": channels, "out_height": side, "out_width": side}
    yield "classifier", linear, {"in_features": channels, "out_features": design.num_classes}


class DesignedNetwork(Backbone):
    """The network of a design.

    Args:
        design: What to build.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.
    """

    def __init__(self, design: Design) -> None:
        super().__init__()
        stem = nn.Conv2d(3, design.stem_channels, 3, design.stem_stride, padding=1, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(design.stem_channels), relu())
        stages: list[list[nn.Module]] = [[] for _ in design.stages]
        for number, _, settings in design.blocks():
            stages[number].append(make_block(**settings))
        self.stages = nn.Sequential(*(nn.Sequential(*blocks) for blocks in stages))
        # Some blocks end without a batch norm or a ReLU, so the network ends with both.
        channels = design.stages[-1].channels
        self.norm = nn.BatchNorm2d(channels)
        self.relu = relu()
        self.classifier = nn.Linear(channels, design.num_classes)
        self.apply(initialise_convolution)

    def chain(self) -> tuple[nn.Module, ...]:
        """The stem's stride, then those of the stages."""
        return (*self.stem, *self.stages, self.norm, self.relu)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.forward_features(x).mean((2, 3)))


# --- Searching -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SearchSpace:
    """All designs that differ in what is listed here, chosen for each stage by itself.

    Attributes:
        channels: For each stage the numbers of channels to choose from.
        depth: Numbers of blocks to choose from.
        kernel_size: Kernels of the depthwise convolution to choose from.
        expand_ratio: Expansions to choose from.
        squeeze: With or without squeeze-and-excitation.
        stem_channels: Outputs of the first convolution, the same in all designs.
        stem_stride: Stride of the first convolution.
    """

    channels: tuple[tuple[int, ...], ...]
    depth: tuple[int, ...] = (1, 2, 3)
    kernel_size: tuple[int, ...] = (3, 5)
    expand_ratio: tuple[int, ...] = (3, 6)
    squeeze: tuple[bool, ...] = (False, True)
    stem_channels: int = 16
    stem_stride: int = 1

    def choices(self, stage: int) -> dict[str, tuple]:
        """What can be chosen for one stage, by the name of `Stage`'s field."""
        listed = {field.name: getattr(self, field.name) for field in fields(self)[1:5]}
        return {"channels": self.channels[stage], **listed}

    @property
    def designs_per_stage(self) -> tuple[int, ...]:
        """How many different stages there are at each place."""
        return tuple(prod(map(len, self.choices(stage).values())) for stage in range(len(self.channels)))

    @property
    def size(self) -> int:
        """How many designs there are: stages are chosen independently of each other."""
        return prod(self.designs_per_stage)

    def designs(self) -> Iterator[Design]:
        """Every design once: the last stage's choices change first, and of a stage's choices those listed last."""
        stages = []
        for place in range(len(self.channels)):
            names, values = zip(*self.choices(place).items(), strict=True)
            chosen = (dict(zip(names, one, strict=True)) for one in product(*values))
            stages.append([Stage("inverted_residual", **choice) for choice in chosen])
        for combined in product(*stages):
            yield Design(combined, self.stem_channels, self.stem_stride)

    def sample(self, generator: random.Random) -> Design:
        """One design, every one equally likely."""
        stages = (
            Stage("inverted_residual", **{name: generator.choice(values) for name, values in self.choices(i).items()})
            for i in range(len(self.channels))
        )
        return Design(tuple(stages), self.stem_channels, self.stem_stride)

    def mutate(self, design: Design, generator: random.Random) -> Design:
        """The same design with one choice of one stage changed to another value."""
        places = [(i, name) for i in range(len(self.channels)) for name, v in self.choices(i).items() if len(v) > 1]
        place, name = generator.choice(places)
        stage = design.stages[place]
        others = [value for value in self.choices(place)[name] if value != getattr(stage, name)]
        changed = replace(stage, **{name: generator.choice(others)})
        return replace(design, stages=(*design.stages[:place], changed, *design.stages[place + 1 :]))


def random_search(space: SearchSpace, trainings: int, generator: random.Random) -> list[Design]:
    """Different designs, every one equally likely, in the order in which they are tried.

    Args:
        space: To draw from.
        trainings: How many.
        generator: What is drawn depends on it alone.

    Raises:
        ValueError: If the space has fewer.
    """
    _check_trainings(space, trainings)
    tried: dict[Design, None] = {}  # in order, and each once
    while len(tried) < trainings:
        tried[space.sample(generator)] = None
    return list(tried)


def evolution(
    space: SearchSpace,
    value: Callable[[Design], float],
    trainings: int,
    generator: random.Random,
    *,
    population: int = 8,
    tournament: int = 3,
) -> list[Design]:
    """Regularised evolution (Real et al. 2019, arXiv:1802.01548): the best of a few lives on, changed; the oldest dies.

    The first designs are those that `random_search` draws with the same generator. No design is trained twice: a child
    that was there already is changed once more.

    Args:
        space: To search in.
        value: Trains a design and says how good it is; the more the better.
        trainings: How many designs are tried in all.
        generator: All chance comes from it.
        population: Designs that live at a time.
        tournament: Of them, so many are drawn, and the best one becomes the parent.

    Returns:
        The designs in the order in which they were tried.

    Raises:
        ValueError: If the space has fewer designs, or the tournament is larger than the population.
    """
    _check_trainings(space, trainings)
    if not 1 <= tournament <= population:
        raise ValueError(
            f"tournament={tournament} should be 1 to {population}, the population: parents are drawn from those alive"
        )
    tried = random_search(space, min(population, trainings), generator)
    values = {design: value(design) for design in tried}
    while len(tried) < trainings:
        alive = tried[-population:]
        child = space.mutate(max(generator.sample(alive, tournament), key=values.__getitem__), generator)
        while child in values:
            child = space.mutate(child, generator)
        values[child] = value(child)
        tried.append(child)
    return tried


def _check_trainings(space: SearchSpace, trainings: int) -> None:
    if not 1 <= trainings <= space.size:
        raise ValueError(
            f"trainings={trainings} should be 1 to {space.size}, the designs of the space: none is trained twice"
        )


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which points no other point beats, cheapest first; of equal points, only the first.

    Args:
        points: (cost, gain) each. A point is beaten by one that costs no more and gains no less, and is better in one
            of the two.

    Returns:
        Indices of ``points``.
    """
    first = {point: index for index, point in reversed([*enumerate(points)])}
    front = statistics.pareto_front([{"cost": cost, "gain": gain} for cost, gain in first], "cost", "gain")
    return [first[row["cost"], row["gain"]] for row in front]


def reward(accuracy: float, latency: float, target: float, *, alpha: float = -0.07, beta: float = -0.07) -> float:
    """MnasNet's objective, ``accuracy * (latency / target) ** w`` (Tan et al. 2019).

    Args:
        accuracy: Part of the images that are right.
        latency: Of one forward pass; same unit as ``target``.
        target: The wished latency.
        alpha: w up to the target. -0.07 with the same ``beta`` is the paper's soft form, 0 with ``beta=-1`` the hard.
        beta: w beyond the target.

    Raises:
        ValueError: If a time is not above 0.
    """
    if latency <= 0 or target <= 0:
        raise ValueError(f"latency={latency} and target={target} should be above 0: only their ratio counts")
    return accuracy * (latency / target) ** (alpha if latency <= target else beta)
