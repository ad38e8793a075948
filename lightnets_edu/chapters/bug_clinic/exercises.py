"""Chapter 15: find the mistake, say what it costs, repair it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lightnets_edu.chapters.bug_clinic.listings.softmax import loss_floor
from lightnets_edu.formulas import batch_norm2d, conv2d
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

_LAYER = {"in_channels": 256, "out_channels": 256, "kernel_size": 3, "out_height": 14, "out_width": 14}
CHANNELS, SIZES = 8, (7, 6, 14)


def _judge_head(make: Callable[[], Any]) -> list[Comparison]:
    head = make()
    if not isinstance(head, nn.Module):
        return [Comparison("what head() returns", "a module", head)]
    torch.manual_seed(0)
    cases = []
    for size in SIZES:
        maps = torch.rand(2, CHANNELS, size, size)
        try:
            got = head(maps)
            shape = tuple(got.shape)
        except RuntimeError as error:
            cases.append(Comparison(f"maps of {size} x {size}", (2, CHANNELS), f"an error: {error}"))
            continue
        cases.append(Comparison(f"shape for maps of {size} x {size}", (2, CHANNELS), shape))
        if shape == (2, CHANNELS):
            cases.append(Comparison(f"means of maps of {size} x {size}", maps.mean((2, 3)), got, 1e-4))
    return cases


class _FixedPool(nn.Module):
    """The typical slip: a pool of the training images' size, and a view that hides what is left over."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(7)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.pool(maps).view(-1, CHANNELS)


_PIXEL = {"out_height": 1, "out_width": 1}


def _grouped(groups: int) -> int:
    return conv2d(**_LAYER, groups=groups).params


EXERCISES = (
    NumberExercise(
        name="clinic_floor",
        question="A classifier for 100 classes ends in a softmax, and is trained with `nn.CrossEntropyLoss`. What is "
        "the least loss that it can ever reach?",
        answer=lambda: loss_floor(100),
        digits=3,
        hint="At best, the softmax gives 1 for the right class and 0 for 99 others. What does the loss's own softmax "
        "make of these?",
        mistakes=(
            Mistake(lambda: 0, "Zero would need the loss's softmax to give 1, but no number that it gets is above 1."),
            Mistake(lambda: math.log(100), "That is the loss of a guess, where all outputs are equal."),
            Mistake(
                lambda: math.log(99), "You left out that e for the right class stands in the sum, too, and divides."
            ),
        ),
        solution="The right class gets $e / (e + 99)$, so the loss is $\\ln(1 + 99/e)$ = {answer}. A guess has "
        "$\\ln 100 = 4.61$: the whole way from ignorance to certainty is about one unit of loss.",
    ),
    NumberExercise(
        name="clinic_groups_or_width",
        question="A grouped $3 \\times 3$ convolution with 256 channels in and out should have 32 groups. The code "
        "passes `groups=256 // 32` instead. How many parameters has it (no bias)?",
        answer=lambda: conv2d(**_LAYER, groups=256 // 32).params,
        unit="parameters",
        hint="How many groups does the code make, and how many input channels does an output then read?",
        mistakes=(
            Mistake(lambda: conv2d(**_LAYER, groups=32).params, "That is what it should have been, with 32 groups."),
            Mistake(lambda: conv2d(**_LAYER).params, "You did not divide by the groups at all."),
            Mistake(lambda: conv2d(**_LAYER, groups=8).macs, "Those are MACs on a map; the question is about weights."),
        ),
        solution="$256 / 32 = 8$ groups, so each output reads 32 inputs: $9 \\cdot 32 \\cdot 256$ = {answer}. With 32 "
        "groups each would read 8: a quarter of it.",
    ),
    CodeExercise(
        name="clinic_any_size",
        question="Write `head()`, which returns a module that turns maps `[N, 8, H, W]` into their means `[N, 8]`, for "
        "any H and W.",
        blank=Blank(
            line="numbers_left = ____",
            lead="The head that knows one size has `nn.AvgPool2d(7)`: it takes the means of squares of 7 × 7 that "
            "lie side by side, and leaves out what does not fill a square. How many numbers does it leave of one "
            "map of `h` × `w`?",
            right=lambda h, w: nn.AvgPool2d(7)(torch.zeros(1, 1, int(h), int(w))).numel(),
            settings=settings("h w", (7, 7), (14, 14), (20, 7), (13, 27)),
            solution="(h // 7) * (w // 7)",
            mistakes=(
                ("h / 7 * (w / 7)", "Only whole squares count: round down, with // or floor."),
                (
                    "h * w // 49",
                    "Round each side down for itself: squares cannot be put together from what is left over.",
                ),
                ("(h - 6) * (w - 6)", "That is a pool that moves by one pixel. This one moves by its own size."),
                ("1", "That holds for the size that it was written for. At 14 × 14 it leaves more, and view hides it."),
            ),
            hint="How many whole squares fit beside each other, and how many below each other?",
        ),
        judge=_judge_head,
        hint="`nn.AdaptiveAvgPool2d(1)` takes maps of any size; `flatten(1)` keeps the images apart.",
        mistakes=(
            Mistake(_FixedPool, "At 14 x 14 it gives four rows for one image, and at 6 x 6 it cannot run at all."),
        ),
        solution="from torch import nn\n\n\n"
        "def head():\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())\n\n\n"
        "answer = head",
    ),
    ChoiceExercise(
        name="clinic_where_it_hides",
        question="In the widget, switch on only *Build what runs*. Parameters fall by "
        "45 million and MACs do not move. What does that tell you about the mistake?",
        options=(
            Option(
                "The layers exist, but forward never calls them.",
                "Parameters are counted where layers are built, MACs where they run. A gap between the two is a "
                "trace of layers that do not run.",
                right=True,
            ),
            Option(
                "The counter is wrong: such layers must cost something.",
                "Layers that never run cost no arithmetic. They do cost memory and a place in the file.",
            ),
            Option(
                "The layers run, but on maps of one pixel.",
                "Even one pixel would cost as many MACs as there are weights.",
            ),
        ),
        hint="When does a layer add to the parameters, and when to the MACs?",
        solution="Count both, and compare each with the paper. Parameters without MACs point at layers that never run; "
        "MACs without parameters at layers that nobody registered.",
    ),
    RankingExercise(
        name="clinic_rank_mistakes",
        question="What a slip in one layer of 256 channels may add or leave in. Put these in order by their "
        "parameters.",
        first="fewest parameters first",
        unit="parameters",
        items=(
            Item("the $3 \\times 3$ convolution with `groups=256 // 32`", lambda: _grouped(256 // 32)),
            Item("biases before a batch norm", lambda: conv2d(**_LAYER, bias=True).params - conv2d(**_LAYER).params),
            Item("the $3 \\times 3$ convolution with `groups` forgotten", lambda: _grouped(1)),
            Item("the $3 \\times 3$ convolution as it should be, with `groups=32`", lambda: _grouped(32)),
            Item("a batch norm that is built twice", lambda: batch_norm2d(num_features=256, **_PIXEL).params),
        ),
        hint="A bias is one number a channel, a batch norm has two that are trained. An output of a grouped "
        "convolution reads $256 / g$ inputs at nine places.",
        solution="Fewest first:\n\n{order}\n\nSome of these slips are too small to see in a count that is rounded "
        "to a tenth of a million; that is why a ledger compares layer by layer.",
    ),
)
