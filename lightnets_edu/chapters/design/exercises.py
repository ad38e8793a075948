"""The exercises of chapter 16, Design your own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.mnasnet import inverted_residual
from lightnets_edu.models.search_space import Design, Stage, block_layer, layers
from lightnets_edu.models.wide_resnet import wide_basic_block
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

_MAPS = {"in_channels": 64, "out_channels": 64, "stride": 1, "in_height": 16, "in_width": 16}
_RESIDUAL = wide_basic_block(**_MAPS)
_SEPARABLE = inverted_residual(**_MAPS, kernel_size=3, expand_ratio=1)
PARAMS, MACS = 40_000, 3_000_000


def _limit(label: str, side: str, limit: int, value: int) -> Comparison:
    """What is expected and what came: the same words if the limit holds, else the number that breaks it."""
    words, holds = f"at {side} {limit:,}", value <= limit if side == "most" else value >= limit
    return Comparison(label, words, words if holds else f"{value:,}")


def _judge_budget(answer: Callable[[], Any]) -> Sequence[Comparison]:
    """Whether a design keeps the budget, in words: many designs do."""
    design = answer()
    if not isinstance(design, Design):
        return [Comparison("what comes back", "a Design", design)]
    cost = network_cost(layers(design, size=32))
    return [
        Comparison("stages", 3, len(design.stages)),
        _limit("channels of the last stage", "least", 96, design.stages[-1].channels),
        _limit("blocks in all", "least", 6, sum(stage.depth for stage in design.stages)),
        _limit("parameters", "most", PARAMS, cost.params),
        _limit("MACs of a 32 × 32 image", "most", MACS, cost.macs),
    ]


def _deepest(channels: int) -> int:
    """Blocks of one stage that a budget of a hundred thousand parameters pays for, stem and classifier left out."""
    block = inverted_residual(
        in_channels=channels, out_channels=channels, kernel_size=3, stride=1, expand_ratio=3, in_height=8, in_width=8
    )
    return 100_000 // block.params


def _judge_scale(answer: Callable[[Design], Any]) -> Sequence[Comparison]:
    cases = []
    for channels in ((16, 24, 32), (24, 48, 96)):
        design = Design(tuple(Stage("separable", c, 2) for c in channels))
        got = answer(design)
        expected = tuple(2 * c for c in channels)
        if isinstance(got, Design):
            cases.append(Comparison("depths", [2, 2, 2], [stage.depth for stage in got.stages]))
            got = tuple(stage.channels for stage in got.stages)
        cases.append(Comparison(f"channels of twice {channels}", expected, got))
    return cases


def _block_macs(kind: str) -> int:
    formula, settings = block_layer(kind, 64, 64, 1, 16)
    return formula(**settings).macs


EXERCISES = (
    NumberExercise(
        name="design_residual_or_separable",
        question="A residual block (two $3 \\times 3$ convolutions) and a depthwise-separable block both have 64 "
        "channels in and out on a $16 \\times 16$ map. How many times the MACs of the separable block has the residual "
        "one?",
        answer=lambda: _RESIDUAL.macs / _SEPARABLE.macs,
        unit="times",
        digits=3,
        hint="Count MACs for one pixel: $9 C^2$ for each standard convolution, $9 C + C^2$ for the pair.",
        mistakes=(
            Mistake(lambda: _RESIDUAL.macs / _SEPARABLE.macs / 2, "The residual block has two convolutions, not one."),
            Mistake(lambda: _SEPARABLE.macs / _RESIDUAL.macs, "Upside down: the residual block is the dearer one."),
            Mistake(lambda: 18.0, "The depthwise half has MACs, too: 9 for each of the 64 channels."),
        ),
        solution="$2 \\times 9 C^2 / (9 C + C^2) = 18 C / (9 + C)$, for $C = 64$ {answer}.",
    ),
    NumberExercise(
        name="design_how_deep",
        question="You have 100,000 parameters left for the last stage. Its blocks are inverted residuals with 48 "
        "channels in and out, expansion 3, a $3 \\times 3$ kernel and a batch norm behind each convolution. How many "
        "whole blocks can you pay?",
        answer=lambda: _deepest(48),
        unit="blocks",
        hint="One block: $C \\cdot 3C + 9 \\cdot 3C + 3C \\cdot C$ weights, and two numbers a channel of each batch "
        "norm. Round down.",
        mistakes=(
            Mistake(lambda: _deepest(48) + 1, "The last of these is not whole: round down."),
            Mistake(
                lambda: 100_000 // (48 * 144 + 9 * 144), "A block has two pointwise convolutions: one up, one down."
            ),
            Mistake(lambda: 100_000 // (2 * 48 * 48 + 9 * 48), "Inside, the block has 3 × 48 channels: the expansion."),
        ),
        solution="A block has $48 \\cdot 144 + 9 \\cdot 144 + 144 \\cdot 48$ weights and $2 (144 + 144 + 48)$ numbers "
        "of batch norms: 15,792. So {answer} fit.",
    ),
    CodeExercise(
        name="design_fit_budget",
        question="Write `my_design()`, which returns a `Design` for images of $32 \\times 32$: three stages, at least "
        f"6 blocks in all, at least 96 channels at the end, at most {PARAMS:,} parameters and {MACS:,} MACs. Try "
        "it in the widget first, or compute with `network_cost(layers(design, size=32))`.",
        blank=Blank(
            line="params = ____",
            lead="The parameters of one depthwise-separable block with `c` channels in and out: a $3 \\times 3$ "
            "depthwise and a $1 \\times 1$ convolution without biases, a batch norm after each.",
            right=lambda c: (
                inverted_residual(
                    **{**_MAPS, "in_channels": c, "out_channels": c}, kernel_size=3, expand_ratio=1
                ).params
            ),
            settings=settings("c", (16,), (24,), (96,)),
            solution="9 * c + c^2 + 4 * c",
            mistakes=(
                ("9 * c + c^2", "The batch norms are missing: each has two numbers a channel."),
                ("9 * c + c^2 + 2 * c", "There are two batch norms, with two numbers a channel each."),
                (
                    "9 * c^2 + c^2 + 4 * c",
                    "A depthwise kernel reads one channel: nine weights a channel, not nine for each pair.",
                ),
                ("9 * c + 2 * c^2 + 4 * c", "There is one pointwise convolution in this block, not two."),
            ),
            hint="Add up the depthwise kernels, the pointwise weights and two numbers a channel for each batch norm.",
        ),
        judge=_judge_budget,
        hint="Which block has the fewest parameters for its channels? "
        "Keep the early stages thin: their maps are large.",
        mistakes=(
            Mistake(
                lambda: Design(tuple(Stage("residual", c, 2) for c in (16, 32, 96))),
                "Standard 3 × 3 convolutions pay nine weights for each pair of channels. Look for a cheaper block.",
            ),
            Mistake(
                lambda: Design(tuple(Stage("inverted_residual", c, 2) for c in (16, 32, 96))),
                "Three times the channels inside each block are too dear for this budget at 96 channels.",
            ),
        ),
        solution="from lightnets_edu.models.search_space import Design, Stage\n\n\n"
        "def my_design():\n"
        "    widths = (24, 48, 96)\n"
        '    return Design(tuple(Stage("separable", c, 2) for c in widths))\n\n\n'
        "answer = my_design",
    ),
    CodeExercise(
        name="design_twice_as_wide",
        question="Write `widened(design)`: the same design with twice the channels in every stage. A `Design` and its "
        "`Stage`s are frozen dataclasses: `dataclasses.replace(stage, channels=…)` makes a changed copy.",
        blank=Blank(
            line="macs_after = ____",
            lead="The MACs at one pixel of a depthwise-separable block with a $3 \\times 3$ kernel, after its "
            "channels in and out were doubled. Before, there were `c`.",
            right=lambda c: (
                inverted_residual(
                    in_channels=2 * c,
                    out_channels=2 * c,
                    stride=1,
                    in_height=1,
                    in_width=1,
                    kernel_size=3,
                    expand_ratio=1,
                ).macs
            ),
            settings=settings("c", (16,), (24,), (96,)),
            solution="9 * (2 * c) + (2 * c)^2",
            mistakes=(
                (
                    "2 * (9 * c + c^2)",
                    "The pointwise convolution has twice the inputs and twice the outputs: four times the MACs.",
                ),
                (
                    "4 * (9 * c + c^2)",
                    "The depthwise convolution has one number of channels, not two: it only doubles.",
                ),
                ("9 * c + c^2", "That is the block before it was widened."),
            ),
            hint="Put $2 c$ in the place of $c$, in both halves of the block.",
        ),
        judge=_judge_scale,
        hint="Make a new tuple of stages, each replaced, and replace the design's `stages` by it.",
        mistakes=(
            Mistake(lambda design: design, "Nothing has changed: return the new design, not the old one."),
            Mistake(
                lambda design: Design(tuple(Stage(s.kind, 2 * s.channels) for s in design.stages)),
                "The depths are lost: replace copies every other setting, a new Stage does not.",
            ),
        ),
        solution="from dataclasses import replace\n\n\n"
        "def widened(design):\n"
        "    stages = tuple(replace(s, channels=2 * s.channels) for s in design.stages)\n"
        "    return replace(design, stages=stages)\n\n\n"
        "answer = widened",
    ),
    ChoiceExercise(
        name="design_where_is_the_time",
        question="In the widget set all three stages to inverted residuals of depth 1, images of 32 px, and note the "
        "predicted time. Now set all three depths to 6. Then go back to depth 1 and double all channels instead. What "
        "makes the time grow more, and why?",
        options=(
            Option(
                "The depth. On small maps every operation costs its start, however little it computes.",
                "Six times the blocks are about six times the operations. Twice the channels are as many operations as "
                "before, on maps whose work is small.",
                right=True,
            ),
            Option(
                "The channels, because MACs grow with their square.",
                "The MACs do grow fourfold. Compare the milliseconds.",
            ),
            Option(
                "Both alike, because time follows the MACs.",
                "Look at both columns of the last table: MACs and milliseconds.",
            ),
        ),
        hint="Read the predicted milliseconds, not the MACs, at each of the three settings.",
        solution="At this size the prediction is mostly a sum of starts and of passes over maps: eight or nine "
        "operations a block. A wider block does more in each of them, a deeper stage has more of them.",
    ),
    RankingExercise(
        name="design_rank_blocks",
        question="The four blocks of this chapter, each with 64 channels in and out on a $16 \\times 16$ map and, "
        "where a block widens, three times the channels inside. Put them in order by their MACs.",
        first="fewest MACs first",
        unit="MACs",
        items=(
            Item("inverted residual", lambda: _block_macs("inverted_residual")),
            Item("residual", lambda: _block_macs("residual")),
            Item("depthwise-separable", lambda: _block_macs("separable")),
            Item("Ghost bottleneck", lambda: _block_macs("ghost")),
        ),
        hint="Count weights at one pixel in terms of $C$: which blocks have $9 C^2$, which only $C^2$, and which "
        "of them widen?",
        solution="Fewest first:\n\n{order}\n\nThe Ghost bottleneck computes half of what an inverted residual "
        "computes by pointwise convolutions.",
    ),
)
