"""The exercises of chapter 9, SENet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lightnets_edu.models.squeeze_excitation import SqueezeExcitation, squeeze_excite
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

_BLOCK = {"channels": 1024, "squeeze_channels": 64}


def _judge_gates(answer: Callable[..., Tensor]) -> Sequence[Comparison]:
    cases = []
    for seed, (channels, squeezed) in enumerate(((4, 2), (8, 3))):
        generator = torch.Generator().manual_seed(seed)
        module = SqueezeExcitation(channels, squeezed)
        fc1: Any = module.fc1
        fc2: Any = module.fc2
        for parameter in module.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)
        x = torch.randn(2, channels, 5, 5, generator=generator)
        with torch.no_grad():
            expected = module.gates(x).flatten(1)
            got = answer(x, fc1.weight.flatten(1), fc1.bias, fc2.weight.flatten(1), fc2.bias)
        cases.append(Comparison(f"2 images, {channels} channels, squeezed to {squeezed}", expected, got, 1e-5))
    return cases


def _gates(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, *, relu: bool = True, last: str = "sigmoid"
) -> Tensor:
    hidden = x.mean((2, 3)) @ w1.T + b1
    out = (hidden.relu() if relu else hidden) @ w2.T + b2
    return out.sigmoid() if last == "sigmoid" else out.softmax(1) if last == "softmax" else out


def _one_gate(s: float, w1: float, b1: float, w2: float, b2: float) -> float:
    """The gate of one channel with one hidden number, in double precision."""
    numbers = (torch.tensor([value], dtype=torch.float64) for value in (s, w1, b1, w2, b2))
    mean, first, first_bias, second, second_bias = numbers
    return _gates(mean.reshape(1, 1, 1, 1), first[None], first_bias, second[None], second_bias).item()


def _gate_params(channels: int, reduction: int) -> int:
    return squeeze_excite(channels=channels, squeeze_channels=channels // reduction).params


EXERCISES = (
    NumberExercise(
        name="se_block_params",
        question="A block has 1024 channels, and its gates squeeze them with $r = 16$. How many parameters do the two "
        "layers have, biases included?",
        answer=lambda: squeeze_excite(**_BLOCK).params,
        unit="parameters",
        hint="From 1024 to $1024 / 16$ and back; each output of each layer has a bias.",
        mistakes=(
            Mistake(lambda: 2 * 1024 * 64, "The biases are missing: one for each output of each layer."),
            Mistake(lambda: 1024 * 64 + 64, "There are two layers: the second leads back to 1024 channels."),
            Mistake(
                lambda: 2 * 1024 * 1024 + 2 * 1024,
                "The reduction is missing: the layer between has $1024/16$ channels.",
            ),
        ),
        solution="$1024 \\cdot 64 + 64$ for the first layer and $64 \\cdot 1024 + 1024$ for the second: {answer}.",
    ),
    NumberExercise(
        name="se_gates_macs",
        question="The same two layers stand behind a $14 \\times 14$ map. How many MACs do they need for one image?",
        answer=lambda: squeeze_excite(**_BLOCK).macs,
        unit="MACs",
        hint="What is the size of the map that the first layer reads, behind the mean?",
        mistakes=(
            Mistake(
                lambda: squeeze_excite(**_BLOCK).macs * 196,
                "The mean leaves one number a channel: the layers run once an image, not once a pixel.",
            ),
            Mistake.flops(lambda: squeeze_excite(**_BLOCK).macs),
            Mistake(lambda: squeeze_excite(**_BLOCK).params, "Biases are added, not multiplied: they are no MACs."),
        ),
        solution="The layers see a $1 \\times 1$ map: $2 \\cdot 1024 \\cdot 64$ = {answer}, whatever the image's size. "
        "That is why the gates add many parameters and hardly any MACs.",
    ),
    CodeExercise(
        name="se_write_gates",
        question="Write `gates(x, w1, b1, w2, b2)`: the gates `[N, C]` of a map `[N, C, H, W]`, where `w1` is "
        "`[C / r, C]` and `w2` is `[C, C / r]`.",
        blank=Blank(
            line="gate = ____",
            lead="The smallest case: a single channel whose map has the mean `s`, and one hidden number. The "
            "first layer has the weight `w1` and the bias `b1`, the second `w2` and `b2`. A ReLU is `max(0, …)`, "
            "the sigmoid of $z$ is $1 / (1 + e^{-z})$.",
            right=_one_gate,
            settings=settings("s w1 b1 w2 b2", (2, 0.5, 0.25, 1.5, -1), (1, -2, 0.5, 3, 0.5), (0.5, 1, 1, -2, 1)),
            solution="1 / (1 + exp(-(w2 * max(0, w1 * s + b1) + b2)))",
            mistakes=(
                ("1 / (1 + exp(-(w2 * (w1 * s + b1) + b2)))", "A ReLU stands between the two layers."),
                ("w2 * max(0, w1 * s + b1) + b2", "The sigmoid is missing: gates lie between 0 and 1."),
                (
                    "1 / (1 + exp(w2 * max(0, w1 * s + b1) + b2))",
                    "The sign in the exponent is missing: a large number should open the gate.",
                ),
            ),
            hint="First layer, ReLU, second layer, sigmoid, from the inside to the outside.",
        ),
        judge=_judge_gates,
        hint="Squeeze (mean over height and width), first layer, ReLU, second layer, sigmoid.",
        mistakes=(
            Mistake(lambda *a: _gates(*a, relu=False), "A ReLU stands between the two layers."),
            Mistake(lambda *a: _gates(*a, last="none"), "The sigmoid is missing: gates lie between 0 and 1."),
            Mistake(
                lambda *a: _gates(*a, last="softmax"),
                "A softmax makes the channels compete for a sum of 1. Each gate has a sigmoid of its own.",
            ),
        ),
        solution="def gates(x, w1, b1, w2, b2):\n"
        "    squeezed = x.mean((2, 3))\n"
        "    hidden = (squeezed @ w1.T + b1).relu()\n"
        "    return (hidden @ w2.T + b2).sigmoid()\n\n"
        "answer = gates",
    ),
    ChoiceExercise(
        name="se_closed_gate",
        question="Close the gate of one channel of `small.blocks[5].se` with `closed_gate`, and look at the block's "
        "output (with `capture(small, ['blocks.5'], one)`) in that channel. What is left of it?",
        options=(
            Option("Nothing: the channel is zero.", "Only if the shortcut brought nothing. Look at the numbers."),
            Option(
                "What the shortcut brings: the gate closes the residual branch only.",
                "Yes. The gate stands before the sum, so the block becomes the identity (and ReLU) in this channel.",
                right=True,
            ),
            Option("It does not change, because a batch norm follows.", "No batch norm follows the gate here."),
        ),
        hint="Where does the gate stand in the block's drawing: before or behind the sum?",
        solution="The block computes shortcut + gate × branch. With the gate at 0 the shortcut is left, through the "
        "ReLU.",
    ),
    RankingExercise(
        name="se_rank_gates",
        question="Four blocks with gates. Put them in order by the parameters that the gates add, biases included.",
        first="fewest parameters first",
        unit="parameters",
        items=tuple(
            Item(f"{channels} channels, $r = {reduction}$", partial(_gate_params, channels, reduction))
            for channels, reduction in ((512, 8), (256, 4), (1024, 16), (256, 16))
        ),
        hint="The two layers have $2 C^2 / r$ weights. Doubling the channels counts twice, halving $r$ once.",
        solution="Fewest first:\n\n{order}\n\nParameters follow $C^2 / r$: at the same $r$ the last stages of a "
        "network, with the most channels, pay most of it.",
    ),
)
