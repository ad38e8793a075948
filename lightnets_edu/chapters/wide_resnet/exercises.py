"""Chapter 5: depth against width, in numbers."""

from __future__ import annotations

from fractions import Fraction

from lightnets_edu.formulas import conv2d, pointwise_conv2d
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.wide_resnet import layers, wide_basic_block
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

# --- One block of WRN-28-10 -----------------------------------------------------------------------------------------

CHANNELS, SIDE = 160, 32  # of the first group


def _block_macs() -> int:
    block = wide_basic_block(in_channels=CHANNELS, out_channels=CHANNELS, stride=1, in_height=SIDE, in_width=SIDE)
    return block.macs


# --- The widened bottleneck of WRN-50-2 -----------------------------------------------------------------------------


def _bottleneck_weights(width: int, channels: int = 256) -> int:
    """Weights of 1x1 down, 3x3, 1x1 up; the batch norms are left out."""
    maps = {"out_height": 1, "out_width": 1}
    down = pointwise_conv2d(in_channels=channels, out_channels=width, **maps)
    middle = conv2d(in_channels=width, out_channels=width, kernel_size=3, in_height=3, in_width=3, **maps)
    return 2 * down.params + middle.params


def _growth() -> Fraction:
    return Fraction(_bottleneck_weights(128), _bottleneck_weights(64))


# --- The width that pays for another depth --------------------------------------------------------------------------

CASES = ((40, 4, 16), (40, 4, 10), (28, 10, 40), (28, 10, 16), (16, 8, 100), (10, 2, 46))


def equal_width(depth: int, width: int, new_depth: int) -> int:
    """The widening factor at which N k^2 comes nearest to what it was."""
    return round(width * widening(depth, new_depth))


def widening(depth: int, new_depth: int) -> float:
    """By how much a network of another depth may be wider at the same $N k^2$."""
    return (blocks(depth) / blocks(new_depth)) ** 0.5


def blocks(depth: int) -> int:
    """Blocks in a group."""
    return (depth - 4) // 6


EXERCISES = (
    NumberExercise(
        name="wide_resnet_block_macs",
        question="The second block of WRN-28-10 has 160 channels in and out, on maps of $32 \\times 32$ pixels. "
        "How many MACs does it do?",
        answer=_block_macs,
        unit="MACs",
        hint="Two $3 \\times 3$ convolutions; input and output have the same shape, so the shortcut does nothing.",
        mistakes=(
            Mistake.flops(_block_macs),
            Mistake(lambda: _block_macs() // 2, "That is one convolution. The block $B(3,3)$ has two."),
            Mistake(lambda: _block_macs() // SIDE**2, "Those are the weights. Each is used at every pixel."),
            Mistake(lambda: _block_macs() // 9, "A $3 \\times 3$ kernel has nine weights."),
            Mistake(
                lambda: _block_macs() + CHANNELS**2 * SIDE**2,
                "You counted a convolution in the shortcut. It is there only where the shape changes.",
            ),
            Mistake(
                lambda: _block_macs() // 100,
                "That is the block at $k = 1$, with 16 channels. Ten times as many channels cost a hundred times.",
            ),
        ),
        solution="$2 \\cdot 3^2 \\cdot 160^2 \\cdot 32^2$: {answer}. The second block of each other group does as "
        "many: twice the channels, a quarter of the pixels.",
    ),
    CodeExercise(
        name="wide_resnet_equal_width",
        question="Write `equal_width(depth, width, new_depth)`: the widening factor, a whole number, for a network of "
        "`new_depth` that should do about as many MACs as WRN-`depth`-`width`. Use the rule that MACs follow "
        "$N k^2$, with depth $6 N + 4$, and take the nearest whole number. So `equal_width(40, 4, 16)` is 7.",
        blank=Blank(
            line="new_width = round(width * ____)",
            lead="The widening factor of a network of `new_depth` that does about as many MACs as one of `depth`. "
            "MACs follow $N k^2$, and a depth is $6 N + 4$.",
            right=lambda depth, new_depth: widening(int(depth), int(new_depth)),
            settings=settings("depth new_depth", (40, 16), (28, 40), (16, 100), (10, 46)),
            solution="sqrt((depth - 4) / (new_depth - 4))",
            mistakes=(
                (
                    "(depth - 4) / (new_depth - 4)",
                    "MACs grow with the square of the width, but in proportion to the blocks.",
                ),
                ("sqrt(depth / new_depth)", "You took the depth. The number of blocks in a group is $(d - 4) / 6$."),
                ("sqrt((new_depth - 4) / (depth - 4))", "Upside down: a shallower network can afford to be wider."),
            ),
            hint="Solve $N k^2 = N' k'^2$ for $k' / k$. Depth is $6 N + 4$, so $N$ is not the depth.",
        ),
        judge=Comparison.of_calls(equal_width, {f"equal_width{case}": case for case in CASES}, tolerance=0),
        solution="""def equal_width(depth, width, new_depth):
    blocks = (depth - 4) // 6
    new_blocks = (new_depth - 4) // 6
    return round(width * (blocks / new_blocks) ** 0.5)


answer = equal_width
""",
        hint="Solve $N k^2 = N' k'^2$ for $k'$. Depth is $6 N + 4$, so $N$ is not the depth.",
        mistakes=(
            Mistake(
                lambda depth, width, new_depth: round(width * blocks(depth) / blocks(new_depth)),
                "MACs grow with the square of the width, but in proportion to the blocks.",
            ),
            Mistake(
                lambda depth, width, new_depth: round(width * (depth / new_depth) ** 0.5),
                "You took the depth. The number of blocks in a group is $(d - 4) / 6$.",
            ),
            Mistake(
                lambda depth, width, new_depth: int(width * (blocks(depth) / blocks(new_depth)) ** 0.5),
                "Nearly: `int` cuts off; the nearest whole number may be the one above.",
            ),
            Mistake(
                lambda depth, width, new_depth: round(width * (blocks(new_depth) / blocks(depth)) ** 0.5),
                "Upside down: a shallower network can afford to be wider.",
            ),
        ),
    ),
    ChoiceExercise(
        name="wide_resnet_same_macs",
        question="In the widget, set depth 40 and $k = 6$ (32 px, 10 classes), and write down the three large numbers. "
        "Then set depth 16 and $k = 11$. Which of the three changes most, and how?",
        options=(
            Option(
                "The parameters: wide blocks need many more weights.",
                "Each block does. But there are a third as many blocks: parameters follow $N k^2$, as MACs do.",
            ),
            Option(
                "The activations: they fall by more than a quarter.",
                "Yes. They follow $N k$, which falls from 36 to 22. A wide network writes fewer numbers for the same "
                "arithmetic.",
                right=True,
            ),
            Option(
                "The MACs: a network less than half as deep does less than half of the work.",
                "It has a third of the blocks, but each does more than three times the work.",
            ),
            Option("None of them: all three stay within a twentieth.", "Two of them do. Read all three."),
        ),
        hint="Divide each new number by the old one.",
        solution="The MACs differ by less than a thousandth, the parameters by three per cent: $N k^2$ is "
        "$6 \\cdot 36 = 216$ and $2 \\cdot 121 = 242$, and the few odd layers make up for the difference. The "
        "activations fall by more than a quarter.",
    ),
    NumberExercise(
        name="wide_resnet_bottleneck_growth",
        question="WRN-50-2 doubles the channels of the $3 \\times 3$ convolution in ResNet-50's bottleneck, from 64 to "
        "128 in the first stage. The block's input and output keep their 256 channels. How many times as many MACs "
        "does such a block do?",
        answer=_growth,
        unit="times",
        digits=3,
        hint="Three convolutions: 256 to 64, $3 \\times 3$, 64 to 256. Which of their channel counts double?",
        mistakes=(
            Mistake(lambda: 4, "Only the $3 \\times 3$ has both of its channel counts doubled."),
            Mistake(lambda: 2, "That holds for the two $1 \\times 1$ convolutions. The $3 \\times 3$ does four times."),
            Mistake(lambda: Fraction(8, 3), "The three convolutions do not cost the same: weight them."),
        ),
        solution="Before: $2 \\cdot 256 \\cdot 64 + 9 \\cdot 64^2 = 69{,}632$ weights, each used once a pixel. After: "
        "$2 \\cdot 256 \\cdot 128 + 9 \\cdot 128^2 = 212{,}992$. The quotient is {answer}.",
    ),
    RankingExercise(
        name="wide_resnet_rank_macs",
        question="Put these networks in order by their MACs, for one image of $32 \\times 32$. The rule $N k^2$ "
        "with depth $6 N + 4$ is enough.",
        first="fewest MACs first",
        unit="MACs",
        items=(
            Item("WRN-16-10", lambda: network_cost(layers(16, 10)).macs),
            Item("WRN-40-4", lambda: network_cost(layers(40, 4)).macs),
            Item("WRN-28-10", lambda: network_cost(layers(28, 10)).macs),
            Item("WRN-16-8", lambda: network_cost(layers(16, 8)).macs),
        ),
        hint="Work out $N$ from the first number and $k^2$ from the second, and multiply.",
        solution="Fewest first:\n\n{order}\n\nBy the rule they are $6 \\cdot 4^2 = 96$, $2 \\cdot 8^2 = 128$, $2 "
        "\\cdot 10^2 = 200$ and $4 \\cdot 10^2 = 400$.",
    ),
)
