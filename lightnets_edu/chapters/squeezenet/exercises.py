"""The exercises of chapter 4, SqueezeNet."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from lightnets_edu.formulas import conv2d, pointwise_conv2d
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.registry import network_layers
from lightnets_edu.models.squeezenet import BODIES, fire_module
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

# --- fire4 of SqueezeNet 1.0, 224 x 224 images ----------------------------------------------------------------------

IN_CHANNELS, SQUEEZE, EXPAND, SIDE = 128, 32, 128, 54
MAPS = {"out_height": SIDE, "out_width": SIDE}


def _fire4() -> int:
    expand = {"expand1x1_channels": EXPAND, "expand3x3_channels": EXPAND}
    maps = {"in_height": SIDE, "in_width": SIDE}
    return fire_module(in_channels=IN_CHANNELS, squeeze_channels=SQUEEZE, **expand, **maps).macs


def _expand(read: int) -> int:
    small = pointwise_conv2d(in_channels=read, out_channels=EXPAND, **MAPS)
    return small.macs + conv2d(in_channels=read, out_channels=EXPAND, kernel_size=3, **MAPS).macs


def _squeeze() -> int:
    return pointwise_conv2d(in_channels=IN_CHANNELS, out_channels=SQUEEZE, **MAPS).macs


# --- Pruned, coded --------------------------------------------------------------------------------------------------

KEPT, BITS, DISTANCE = Fraction(30, 100), 6, 4


def _smaller(kept: Fraction, bits: int) -> Fraction:
    return 32 / (kept * bits)


# --- The rules for channels -----------------------------------------------------------------------------------------

ROWS = [row for row in BODIES["1.0"] if row != "pool"]


def _judge_rules(answer: Callable[[int], object]) -> list[Comparison]:
    def given(index: int) -> object:
        got = answer(index)
        return tuple(got) if isinstance(got, list) else got

    return [Comparison(f"fire_channels({i})", row, given(i), tolerance=0) for i, row in enumerate(ROWS)]


def _rules(i: int, first: int = 0, every: int = 2, squeeze: int = 8, share: int = 2) -> tuple[int, int, int]:
    """The rules, or wrong ones: counted from another module, other steps, other parts."""
    expand = 128 + 128 * ((i + first) // every)
    return expand // squeeze, expand // share, expand // share


EXERCISES = (
    NumberExercise(
        name="squeezenet_fire_macs",
        question="The module fire4 reads 128 channels on a $54 \\times 54$ map, squeezes them to 32 and expands them "
        "to 128 by $1 \\times 1$ and 128 by $3 \\times 3$ filters. How many MACs?",
        answer=_fire4,
        unit="MACs",
        hint="Three convolutions on the same map. How many channels does each of them read?",
        mistakes=(
            Mistake.flops(_fire4),
            Mistake(lambda: _expand(IN_CHANNELS), "Without the squeeze: the expanding filters read 32 channels."),
            Mistake(lambda: _expand(IN_CHANNELS) + _squeeze(), "The expanding filters read the squeezed 32 channels."),
            Mistake(lambda: _expand(SQUEEZE), "The squeezing convolution itself is missing."),
            Mistake(lambda: _fire4() // SIDE**2, "Those are the weights. Each is used at every pixel of the map."),
            Mistake(
                lambda: _squeeze() + 2 * pointwise_conv2d(in_channels=SQUEEZE, out_channels=EXPAND, **MAPS).macs,
                "Half of the expanding filters are $3 \\times 3$: they read nine pixels.",
            ),
        ),
        solution="$(128 \\cdot 32 + 32 \\cdot 128 + 9 \\cdot 32 \\cdot 128) \\cdot 54^2$: {answer}. More than four "
        "fifths of it are the $3 \\times 3$ filters.",
    ),
    NumberExercise(
        name="squeezenet_compression",
        question="Pruning keeps 30 % of a network's weights. Each kept weight is stored as a code of 6 bits and a "
        "distance of 4 bits. How many times smaller is that than float32? Leave out tables and biases.",
        answer=lambda: _smaller(KEPT, BITS + DISTANCE),
        unit="times",
        digits=3,
        hint="How many bits does one weight take on average, if those that were pruned take none?",
        mistakes=(
            Mistake(lambda: _smaller(KEPT, BITS), "You left out the distances: without them nobody knows the places."),
            Mistake(lambda: _smaller(1 - KEPT, BITS + DISTANCE), "30 % are kept, not 70 %."),
            Mistake(lambda: _smaller(Fraction(1), BITS + DISTANCE), "That is without pruning: all weights are stored."),
            Mistake(lambda: 1 / KEPT, "That is the pruning alone. A kept weight is smaller than 32 bits, too."),
        ),
        solution="On average a weight takes $0.3 \\cdot (6 + 4) = 3$ bits instead of 32: {answer}.",
    ),
    CodeExercise(
        name="squeezenet_rules",
        question="Write `fire_channels(i)` for SqueezeNet 1.0, where `i` is 0 for fire2 and 7 for fire9. It returns "
        "the squeeze channels, the $1 \\times 1$ and the $3 \\times 3$ expand channels. The rules: there are 128 "
        "expand filters at first, and 128 more after every two modules; half of them are $3 \\times 3$; the squeeze "
        "ratio is one eighth. So `fire_channels(0)` is `(16, 64, 64)`.",
        blank=Blank(
            line="squeeze = (____) / 8",
            lead="The squeeze channels of the fire module `i` of SqueezeNet 1.0, where `i` is 0 for fire2 and 7 "
            "for fire9. The blank is the number of all its expand filters: 128 at first, and 128 more after every "
            "two modules.",
            right=lambda i: ROWS[int(i)][1] + ROWS[int(i)][2],
            settings=settings("i", (0,), (1,), (4,), (7,)),
            solution="128 + 128 * (i // 2)",
            mistakes=(
                ("128 + 128 * i", "The filters grow after every two modules only."),
                (
                    "128 + 128 * ((i + 1) // 2)",
                    "The modules are counted from 0 here: fire2 and fire3 have the same channels.",
                ),
                ("128 + 128 * i / 2", "After one module nothing has grown yet: round down, with // or floor."),
                ("128 * (i // 2)", "The first modules have 128 already."),
            ),
            hint="How often have the filters grown before module i? Divide by two and round down.",
        ),
        judge=_judge_rules,
        solution="""def fire_channels(i):
    expand = 128 + 128 * (i // 2)
    return expand // 8, expand // 2, expand // 2


answer = fire_channels
""",
        hint="First the number of all expand filters, $128 + 128 \\lfloor i / 2 \\rfloor$; the rest are parts of it.",
        mistakes=(
            Mistake(
                partial(_rules, first=1), "The modules are counted from 0 here: fire2 and fire3 have the same channels."
            ),
            Mistake(
                partial(_rules, squeeze=16), "The squeeze ratio is a part of all expand filters, not of the 3 × 3 ones."
            ),
            Mistake(partial(_rules, share=1), "The expand filters are shared out: half are 1 × 1 and half 3 × 3."),
            Mistake(partial(_rules, every=1), "The filters grow after every two modules only."),
        ),
    ),
    ChoiceExercise(
        name="squeezenet_prune_a_little",
        question="In the widget, set 8 bits, then move the kept weights from 100 % to 90 %. What does the size of the "
        "file do, and why?",
        options=(
            Option("It falls by a tenth.", "Then the places of the kept weights would cost nothing. Try it."),
            Option(
                "It grows.",
                "Each kept weight now needs a distance as well: 12 bits for nine tenths of them are more than 8 bits "
                "for all.",
                right=True,
            ),
            Option("It stays.", "Compute both sizes, and think of what says where the kept weights are."),
        ),
        hint="What has to be stored for a pruned network that a full one does not need?",
        solution="A full tensor needs no places. A pruned one needs a distance for each kept weight, here 4 bits. It "
        "is worth it from $8 / (8 + 4)$ on: when at most two thirds are kept. A bit for each weight that says whether "
        "it is kept would be cheaper here.",
    ),
    RankingExercise(
        name="squeezenet_rank_macs",
        question="Put these networks in order by their MACs, for one image of $224 \\times 224$. You met all four "
        "in this chapter and the one before.",
        first="fewest MACs first",
        unit="MACs",
        items=(
            Item("SqueezeNet 1.0", lambda: network_cost(network_layers("squeezenet1_0")).macs),
            Item("AlexNet of 2014", lambda: network_cost(network_layers("alexnet")).macs),
            Item(
                "SqueezeNet 1.0 with complex bypass",
                lambda: network_cost(network_layers("squeezenet1_0", bypass="complex")).macs,
            ),
            Item("SqueezeNet 1.1", lambda: network_cost(network_layers("squeezenet1_1")).macs),
        ),
        hint="Fifty times fewer parameters are not fifty times fewer MACs: each weight of a convolution is used "
        "at every pixel. A complex bypass is a convolution.",
        solution="Fewest first:\n\n{order}\n\nSqueezeNet 1.0 has a fiftieth of AlexNet's parameters and more of "
        "its MACs.",
    ),
)
