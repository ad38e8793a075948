"""Chapter 3: what AlexNet's groups save, where its parameters are, and how often a weight is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightnets_edu.formulas import conv2d, linear
from lightnets_edu.models.alexnet import layers
from lightnets_edu.models.cost import network_cost
from lightnets_edu.pages.exercise.kinds import (
    Blank,
    ChoiceExercise,
    CodeExercise,
    Comparison,
    Item,
    Mistake,
    NumberExercise,
    Option,
    RankingExercise,
    settings,
)

NUM_CLASSES = 1000
LAST_CHANNELS = 256
POOLED_FEATURES = LAST_CHANNELS * 6 * 6


def _saved(quantity: str) -> int:
    """What the 2012 network has less than the same network without groups, for 227 x 227 images."""
    whole, split = (network_cost(layers("2012", groups=groups, size=227)) for groups in (1, 2))
    return getattr(whole, quantity) - getattr(split, quantity)


def _convolution_params(bias: int = 1) -> int:
    """Parameters of the five convolutions of 2014."""
    found = [settings for _, formula, settings in layers("2014") if formula is conv2d]
    return sum(conv2d(**{**settings, "bias": bias}).params for settings in found)


def _pooled_params(features: int = LAST_CHANNELS) -> int:
    """The 2014 network with one linear layer after its convolutions."""
    return _convolution_params() + linear(in_features=features, out_features=NUM_CLASSES).params


def _params(name: str) -> int:
    """Parameters of a layer of 2014."""
    return network_cost(layer for layer in layers("2014") if layer[0] == name).params


def _uses(side: int) -> int:
    """MACs of each weight of the third convolution, with maps of this side."""
    cost = conv2d(in_channels=256, out_channels=384, kernel_size=3, out_height=side, out_width=side)
    return cost.macs // cost.params


def _halves(conv: nn.Conv2d, maps: Tensor, biases: Sequence[Tensor | None]) -> Tensor:
    parts = zip(maps.chunk(2, dim=1), conv.weight.chunk(2), biases, strict=True)
    return torch.cat([F.conv2d(own, weight, bias, padding=2) for own, weight, bias in parts], dim=1)


def _without_bias(conv: nn.Conv2d, maps: Tensor) -> Tensor:
    return _halves(conv, maps, (None, None))


def _judge_halves(two_halves: Callable) -> list[Comparison]:
    conv = nn.Conv2d(96, 256, 5, padding=2, groups=2)
    maps = torch.rand(1, 96, 7, 7, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        right, got = conv(maps), two_halves(conv, maps)
    if not isinstance(got, Tensor):
        return [Comparison("what two_halves returns", "a tensor", got)]
    if got.shape != right.shape:
        return [Comparison("shape", list(right.shape), list(got.shape))]
    towers = zip(("first", "second"), got.chunk(2, dim=1), right.chunk(2, dim=1), strict=True)
    return [
        Comparison(f"the {name} tower's numbers are the layer's", True, torch.allclose(mine, real, atol=1e-4))
        for name, mine, real in towers
    ]


EXERCISES = (
    NumberExercise(
        name="alexnet_saved_by_groups",
        question="The 2012 network has two groups in its second, fourth and fifth convolution. How many parameters do "
        "these groups save? The channels are 96 → 256 → 384 → 384 → 256, the kernels of these three layers 5 × 5, "
        "3 × 3 and 3 × 3.",
        answer=lambda: _saved("params"),
        unit="parameters",
        hint="Two groups halve the weights of a convolution: each output reads half of the input channels. Biases are "
        "not weights.",
        mistakes=(
            Mistake(
                lambda: 2 * _saved("params"), "That is what the three layers have without groups. Half of it stays."
            ),
            Mistake(
                lambda: _saved("params") + (256 + 384 + 256) // 2,
                "You halved the biases too. Each output channel keeps its own.",
            ),
            Mistake(lambda: _saved("macs"), "Those are the MACs: parameters do not know the map's size."),
        ),
        solution=r"Half of $25 \cdot 96 \cdot 256 + 9 \cdot 384 \cdot 384 + 9 \cdot 384 \cdot 256$: {answer}. That is "
        "2 % of the network's parameters, but more than a third of its MACs.",
    ),
    NumberExercise(
        name="alexnet_uses_of_a_weight",
        question="How many multiply-accumulates does one weight of the third convolution do for an image? Its kernels "
        "are $3 \\times 3$, it has 384 output channels, and its output maps are $13 \\times 13$ pixels.",
        answer=lambda: _uses(13),
        unit="MACs",
        hint="A weight is used once for every pixel of the output. How many are there?",
        mistakes=(
            Mistake(lambda: 1, "That holds for a weight of a fully connected layer."),
            Mistake(lambda: 9 * _uses(13), "Each of the nine weights of a kernel counts for itself."),
            Mistake(lambda: 384 * _uses(13), "A weight belongs to one output channel, not to all 384."),
        ),
        solution=r"$13 \cdot 13$ = {answer}. Kernel and channels do not matter: a weight works once for each pixel "
        "that its layer writes. A weight of a fully connected layer works once.",
    ),
    NumberExercise(
        name="alexnet_pooled_head",
        question="Take the network of 2014 and replace its three fully connected layers: the mean of each of the 256 "
        "last maps, then one linear layer to 1000 classes, with biases. How many parameters has the new network? The "
        "table of layers above has what you need.",
        answer=_pooled_params,
        unit="parameters",
        hint="Add up the five convolutions, then a layer with 256 inputs and 1000 outputs.",
        mistakes=(
            Mistake(
                lambda: _pooled_params(POOLED_FEATURES),
                "You took all 256 · 6 · 6 numbers of the last maps. The mean leaves one of each map.",
            ),
            Mistake(lambda: _pooled_params() - NUM_CLASSES, "The new layer's 1000 biases are missing."),
            Mistake(
                lambda: _convolution_params(bias=0) + (LAST_CHANNELS + 1) * NUM_CLASSES,
                "The biases of the convolutions are missing.",
            ),
            Mistake(_convolution_params, "Those are the convolutions alone. The new layer comes on top."),
        ),
        solution=r"2,469,696 in the convolutions and $(256 + 1) \cdot 1000$ in the new layer: {answer}, instead of 61 "
        "million. SqueezeNet, the next chapter, begins with this idea.",
    ),
    ChoiceExercise(
        name="alexnet_why_so_few",
        question="Set the explorer to one group and back to two. The MACs fall by more than a third, the parameters by "
        "two per cent. Why by so little?",
        options=(
            Option("Groups save MACs, but no weights.", "They halve the weights of three convolutions."),
            Option(
                "The two towers keep their weights twice.",
                "Each tower has weights of its own, half as many as without groups.",
            ),
            Option(
                "Nearly all parameters are in layers that have no groups.",
                "The fully connected layers hold them, and read everything.",
                right=True,
            ),
            Option("The biases grow.", "There is one for each output channel, with groups or without."),
        ),
        hint="Where are AlexNet's parameters, and where are its MACs?",
        solution="The three grouped convolutions have a few per cent of the parameters, but more than half of the "
        "MACs. What halves them is a large part of the work and a small part of the weights.",
    ),
    CodeExercise(
        name="alexnet_two_halves",
        question="Write `two_halves(conv, maps)`: what `conv`, an `nn.Conv2d` with two groups, gives for `maps`, "
        "computed by two calls of `F.conv2d` without groups, one for each tower.",
        blank=Blank(
            line="weights = ____",
            lead="The weights of a convolution with `kernel_size` × `kernel_size` kernels and `groups` groups.",
            right=lambda in_channels, out_channels, kernel_size, groups: (
                conv2d(
                    in_channels=in_channels,
                    out_channels=out_channels,
                    kernel_size=kernel_size,
                    groups=groups,
                    bias=False,
                    out_height=1,
                    out_width=1,
                ).params
            ),
            settings=settings(
                "in_channels out_channels kernel_size groups", (96, 256, 5, 2), (384, 384, 3, 2), (64, 128, 3, 4)
            ),
            solution="in_channels / groups * out_channels * kernel_size^2",
            mistakes=(
                (
                    "in_channels / groups * out_channels / groups * kernel_size^2",
                    "That is one group. There are as many of them as `groups` says.",
                ),
                ("in_channels * out_channels * kernel_size^2", "Each output reads only the channels of its own group."),
                ("in_channels / groups * out_channels * kernel_size", "The kernel has a height and a width."),
            ),
            hint="Each output channel has a kernel for every input channel of its own group.",
        ),
        judge=_judge_halves,
        hint="`tensor.chunk(2, dim)` halves the maps along their channels, and weights and biases along the outputs.",
        mistakes=(
            Mistake(
                lambda conv, maps: torch.cat([F.conv2d(maps[:, :48], conv.weight, conv.bias, padding=2)], dim=1),
                "Every output reads the first half. The second half of the kernels belongs to the second half of the "
                "maps.",
            ),
            Mistake(_without_bias, "The biases are missing: each tower adds those of its own outputs."),
        ),
        solution="""
import torch
import torch.nn.functional as F


def two_halves(conv, maps):
    halves = zip(maps.chunk(2, dim=1), conv.weight.chunk(2), conv.bias.chunk(2))
    return torch.cat([F.conv2d(*half, padding=conv.padding) for half in halves], dim=1)


answer = two_halves
""",
    ),
    RankingExercise(
        name="alexnet_rank_layers",
        question="Put these four layers of the network of 2014 in order by their parameters.",
        first="most parameters first",
        largest_first=True,
        unit="parameters",
        items=(
            Item("the first convolution, 3 to 64 channels, $11 \\times 11$", lambda: _params("features.0")),
            Item("the last fully connected layer, 4096 to 1000", lambda: _params("classifier.6")),
            Item("the first fully connected layer, 9216 to 4096", lambda: _params("classifier.1")),
            Item("the third convolution, 192 to 384 channels, $3 \\times 3$", lambda: _params("features.6")),
        ),
        hint="A convolution has inputs times outputs times places of the kernel; a fully connected layer is one "
        "of $1 \\times 1$.",
        solution="Most first:\n\n{order}\n\nAll five convolutions together have fewer parameters than the "
        "smallest of the fully connected layers.",
    ),
)
