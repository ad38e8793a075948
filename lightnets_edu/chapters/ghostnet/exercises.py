"""Chapter 12: what a ghost costs, and when it is no bargain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lightnets_edu.formulas import pointwise_conv2d
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.ghostnet import ghost_module, layers
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

_SHAPE = {"in_channels": 80, "out_channels": 240, "in_height": 14, "in_width": 14}
_PLAIN = {"in_channels": 80, "out_channels": 240, "out_height": 14, "out_width": 14}
_PIXELS = 14 * 14
_SPEEDUP = 2 * 32 / (32 + 9)  # r_s = s c k² / (c k² + (s - 1) d²) for s = 2, c = 32, k = 1, d = 3


def _macs_left() -> float:
    """Per cent of the network's MACs that are left with the ratio 4 instead of 2."""
    four, two = (network_cost(layers(1.0, ratio=ratio)).macs for ratio in (4, 2))
    return 100 * four / two


def _ghost_macs(c_in: int, c_out: int, side: int, ratio: int = 2, d: int = 3) -> int:
    return ghost_module(
        in_channels=c_in, out_channels=c_out, ratio=ratio, cheap_kernel_size=d, in_height=side, in_width=side
    ).macs


def _judge_cost(answer: Callable[..., int]) -> Sequence[Comparison]:
    cases = ((80, 240, 14, 2, 3), (16, 48, 112, 2, 3), (64, 120, 28, 4, 5), (40, 50, 7, 3, 3))
    return [
        Comparison(
            f"ghost_macs({c_in}, {c_out}, {side}, ratio={ratio}, d={d})",
            _ghost_macs(c_in, c_out, side, ratio, d),
            answer(c_in, c_out, side, ratio=ratio, d=d),
        )
        for c_in, c_out, side, ratio, d in cases
    ]


def _wrong_macs(weights: Callable[[int, int], int], rounded: Callable[[float], int] = math.ceil) -> Callable[..., int]:
    """A wrong `ghost_macs`: how many weights the ghosts have for the intrinsic maps and d, and how maps are rounded."""

    def ghost_macs(c_in: int, c_out: int, side: int, ratio: int = 2, d: int = 3) -> int:
        intrinsic = rounded(c_out / ratio)
        return side * side * (intrinsic * c_in + (ratio - 1) * weights(intrinsic, d))

    return ghost_macs


EXERCISES = (
    NumberExercise(
        name="ghost_half_macs",
        question="A Ghost module reads 80 channels and writes 240 on a $14 \\times 14$ map, with ratio $s = 2$, a "
        "$1 \\times 1$ primary convolution and cheap kernels of $3 \\times 3$. How many MACs?",
        answer=lambda: ghost_module(**_SHAPE).macs,
        unit="MACs",
        hint="How many maps does the primary convolution make? Each of the others is one kernel over one of them.",
        mistakes=(
            Mistake.flops(lambda: ghost_module(**_SHAPE).macs),
            Mistake(
                lambda: pointwise_conv2d(**_PLAIN).macs // 2,
                "That is the primary convolution alone. The ghosts are cheap, but not free.",
            ),
            Mistake(lambda: pointwise_conv2d(**_PLAIN).macs, "That is the plain convolution, without any ghost."),
            Mistake(
                lambda: _PIXELS * (120 * 80 + 120 * 120 * 9),
                "You counted the cheap kernels as a standard convolution. They are depthwise: each reads one map.",
            ),
            Mistake(
                lambda: _PIXELS * (120 * 80 + 240 * 9), "Only the other half of the maps are ghosts: 120, not 240."
            ),
            Mistake(
                lambda: ghost_module(**_SHAPE).params - 2 * 240,
                "Those are the weights. Each is used once for every pixel of the map.",
            ),
        ),
        solution="The primary convolution makes $240 / 2 = 120$ maps: $120 \\cdot 80 \\cdot 14^2$ MACs. Each of the "
        "other 120 is one $3 \\times 3$ kernel over one map: $120 \\cdot 9 \\cdot 14^2$. Together {answer}.",
    ),
    NumberExercise(
        name="ghost_speedup_small",
        question="A Ghost module reads 32 channels and writes 96, with $s = 2$, "
        "$k = 1$, $d = 3$. How many times fewer MACs has it than the plain $1 \\times 1$ convolution?",
        answer=lambda: _SPEEDUP,
        unit="times",
        digits=3,
        hint="For each pixel and intrinsic map: 32 MACs in the primary convolution, and how many for its ghost?",
        mistakes=(
            Mistake(lambda: 2, "That is the ratio, which the speed-up tends to with many input channels. Here are 32."),
            Mistake(
                lambda: 2 * 32 / (32 + 1),  # and 2 * 32 * 9 / (32 * 9 + 9), with a primary kernel of 3 x 3
                "A ghost costs one MAC for each of its kernel's nine weights, and the primary kernel is 1 × 1.",
            ),
            Mistake(lambda: 1 / _SPEEDUP, "That is its reciprocal: the part of the MACs that is left."),
        ),
        solution="$r_s = \\dfrac{s\\,c\\,k^2}{c\\,k^2 + (s-1)\\,d^2} = \\dfrac{2 \\cdot 32}{32 + 9}$: {answer}. The "
        "nine weights of a ghost are not small beside thirty-two.",
    ),
    CodeExercise(
        name="ghost_write_cost",
        question="Write `ghost_macs(c_in, c_out, side, ratio=2, d=3)`: the MACs of a Ghost module with a $1 \\times 1$ "
        "primary convolution on a square map. `ratio` need not divide `c_out`: then a few maps too many are computed, "
        "and dropped.",
        blank=Blank(
            line="macs = side^2 * (intrinsic * c_in + ____)",
            lead="The blank is what the ghosts cost at one pixel: `intrinsic` maps come from the primary "
            "convolution, each gets `ratio` − 1 ghosts, and the cheap kernels are `d` × `d`.",
            right=lambda intrinsic, ratio, d: _ghost_macs(1, int(intrinsic * ratio), 1, int(ratio), int(d)) - intrinsic,
            settings=settings("intrinsic ratio d", (120, 2, 3), (24, 2, 3), (30, 4, 5), (17, 3, 3)),
            solution="intrinsic * (ratio - 1) * d^2",
            mistakes=(
                (
                    "intrinsic * (ratio - 1)",
                    "A ghost costs one MAC for each weight of its d × d kernel, not one a pixel.",
                ),
                (
                    "intrinsic^2 * (ratio - 1) * d^2",
                    "The cheap kernels are depthwise: each reads one intrinsic map, not all of them.",
                ),
                (
                    "intrinsic * ratio * d^2",
                    "The intrinsic maps are there already: each gets one ghost less than the ratio.",
                ),
                ("intrinsic * (ratio - 1) * d", "The kernel has rows and columns."),
            ),
            hint="How many ghosts are there, and how many weights has the kernel of each?",
        ),
        judge=_judge_cost,
        hint="The primary convolution makes ceil(c_out / ratio) maps, and each of them gets ratio − 1 ghosts.",
        mistakes=(
            Mistake(
                _wrong_macs(lambda maps, d: maps),
                "A ghost costs one MAC for each weight of its d × d kernel, not one a pixel.",
            ),
            Mistake(
                _wrong_macs(lambda maps, d: maps**2 * d**2),
                "The cheap kernels are depthwise: each reads one intrinsic map, not all of them.",
            ),
            Mistake(
                _wrong_macs(lambda maps, d: maps * d**2, math.floor),
                "Where ratio does not divide c_out, the intrinsic maps are rounded up, not down.",
            ),
        ),
        solution="import math\n\n"
        "def ghost_macs(c_in, c_out, side, ratio=2, d=3):\n"
        "    intrinsic = math.ceil(c_out / ratio)\n"
        "    ghosts = intrinsic * (ratio - 1)\n"
        "    return side * side * (intrinsic * c_in + ghosts * d * d)\n\n"
        "answer = ghost_macs",
    ),
    NumberExercise(
        name="ghost_ratio_network",
        question="Set the ratio of the whole network (width 1.0, images of $224 \\times 224$) to 4 instead of 2, with "
        'the explorer or with `count(get_model("ghostnet", ratio=4))`. What percentage of the MACs is left?',
        answer=_macs_left,
        unit="%",
        digits=3,
        hint="Divide the MACs at ratio 4 by those at ratio 2. Use the numbers of the whole network.",
        mistakes=(
            Mistake(
                lambda: 50,
                "That is what the ratio promises. But cheap kernels, strided depthwise convolutions, gates and the "
                "first and last layers do not halve.",
            ),
            Mistake(lambda: 100 - _macs_left(), "That part is saved, not left."),
            Mistake(lambda: _macs_left() / 100, "That is the part itself; as per cent it is a hundred times as much."),
        ),
        solution='`count(get_model("ghostnet", ratio=4)).macs / count(get_model("ghostnet")).macs`: {answer}. The '
        "primary convolutions halve, the cheap kernels grow by half, and the rest stays.",
    ),
    ChoiceExercise(
        name="ghost_which_control",
        question="A colleague replaces half of the maps of one layer by what a kernel makes of their twins, and only a "
        "few of the network's answers change. *So the twins make these maps well*, she says. Which control does this "
        "sentence need most?",
        options=(
            Option(
                "Replace a tenth of the maps instead of half.",
                "Then fewer answers change whatever the maps are replaced by. What has to differ is only what stands "
                "in their place.",
            ),
            Option(
                "Replace the same maps by their means.",
                "If few answers change then, too, the network hardly uses these maps, and the experiment says nothing "
                "about twins. Only where means do much more harm is it the twins' content that counts.",
                right=True,
            ),
            Option(
                "Do the same in a network that was not trained.",
                "Its answers mean nothing before, so it means nothing if they change. That control belongs to the "
                "other question, whether training made the maps alike.",
            ),
        ),
        hint="In which case would few answers change although the twins are bad?",
        solution="A layer may have maps that hardly matter. Whatever stands in their place, the answers stay. The same "
        "maps with their means in place have no content at all, and all else equal: a comparison is fair if it changes "
        "one thing.",
    ),
    RankingExercise(
        name="ghost_rank_modules",
        question="Four ways to make 240 maps of $14 \\times 14$ from 80. Put them in order by their MACs.",
        first="fewest MACs first",
        unit="MACs",
        items=(
            Item(
                "a Ghost module, $s = 2$, cheap kernels of $5 \\times 5$",
                lambda: ghost_module(**_SHAPE, cheap_kernel_size=5).macs,
            ),
            Item("a Ghost module, $s = 2$, cheap kernels of $3 \\times 3$", lambda: ghost_module(**_SHAPE).macs),
            Item("a plain $1 \\times 1$ convolution", lambda: pointwise_conv2d(**_PLAIN).macs),
            Item(
                "a Ghost module, $s = 4$, cheap kernels of $3 \\times 3$", lambda: ghost_module(**_SHAPE, ratio=4).macs
            ),
        ),
        hint="At one pixel: intrinsic maps times 80, and ghosts times the places of the cheap kernel.",
        solution="Fewest first:\n\n{order}\n\nWith 80 input channels a ghost of $5 \\times 5$ still costs less "
        "than a third of a plain map.",
    ),
)
