"""The exercises of chapter 10, ShuffleNetV2."""

from __future__ import annotations

from functools import partial

from lightnets_edu.formulas import pointwise_conv2d
from lightnets_edu.models.shufflenet_v2 import shuffle_unit_v2
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

_EQUAL = {"in_channels": 64, "out_channels": 64, "out_height": 14, "out_width": 14}
_LAYERS = ((64 * 64 * 196, 196), (128 * 128 * 3136, 3136), (12 * 500 * 49, 49))  # MACs, pixels
_UNIT = {"in_channels": 232, "out_channels": 232, "stride": 1, "in_height": 14, "in_width": 14}


def _bound(macs: int, pixels: int) -> float:
    return 2 * (pixels * macs) ** 0.5 + macs / pixels


def _access(ins: int, outs: int) -> int:
    return pointwise_conv2d(in_channels=ins, out_channels=outs, out_height=14, out_width=14).memory_access


EXERCISES = (
    NumberExercise(
        name="shufflenet_v2_least_access",
        question="A pointwise convolution reads 32 channels and writes 128, on a $14 \\times 14$ map. Another one on "
        "a map of the same size has the same MACs and the least possible memory access. How many elements does that "
        "one read and write, weights included?",
        answer=lambda: pointwise_conv2d(**_EQUAL).memory_access,
        unit="elements",
        hint="The product of the channels is fixed by the MACs. Which two equal numbers have this product?",
        mistakes=(
            Mistake(
                lambda: pointwise_conv2d(**{**_EQUAL, "in_channels": 32, "out_channels": 128}).memory_access,
                "That is the memory access of the layer with 32 and 128 channels.",
            ),
            Mistake(lambda: 2 * 64 * 196, "The weights are read too."),
            Mistake(lambda: 64 * 196 + 64 * 64, "The output is written too."),
        ),
        solution="$32 \\cdot 128 = 64 \\cdot 64$. Input and output have $64 \\cdot 196$ elements each, and there are "
        "$64 \\cdot 64$ weights: {answer}.",
    ),
    NumberExercise(
        name="shufflenet_v2_unit_macs",
        question="How many MACs has a ShuffleNetV2 unit with stride 1 and 232 channels, on a $14 \\times 14$ map?",
        answer=lambda: shuffle_unit_v2(**_UNIT).macs,
        unit="MACs",
        hint="Only half of the channels are worked on: a pointwise, a depthwise and a pointwise convolution.",
        mistakes=(
            Mistake(
                lambda: (2 * 232 * 232 + 9 * 232) * 196,
                "Not all channels are worked on: the unit splits them first, and half passes untouched.",
            ),
            Mistake.flops(lambda: shuffle_unit_v2(**_UNIT).macs),
            Mistake(lambda: 2 * 116 * 116 * 196, "The depthwise convolution is missing: nine weights a channel."),
            Mistake(lambda: (116 * 116 + 9 * 116) * 196, "There are two pointwise convolutions."),
        ),
        solution="116 channels are worked on: $2 \\cdot 116^2 + 9 \\cdot 116$ weights, each used for $14 \\cdot 14$ "
        "pixels: {answer}.",
    ),
    CodeExercise(
        name="shufflenet_v2_bound",
        question="Write `least_access(macs, pixels)`: the least memory access, in elements, of a pointwise convolution "
        "with so many MACs on a map of so many pixels.",
        blank=Blank(
            line="least_access = ____",
            lead="The least memory access, in elements, of a pointwise convolution with `macs` MACs on a map of "
            "`pixels` pixels.",
            right=_bound,
            settings=settings("macs pixels", *_LAYERS),
            solution="2 * sqrt(pixels * macs) + macs / pixels",
            mistakes=(
                ("2 * sqrt(pixels * macs)", "The weights, $B / n$ of them, are read too."),
                ("sqrt(pixels * macs) + macs / pixels", "Input and output are both moved: the root counts twice."),
                (
                    "2 * sqrt(macs / pixels) + macs / pixels",
                    "Each channel is a map of many pixels: multiply the channels by the pixels.",
                ),
            ),
            hint="Start from $n(c_1 + c_2) + c_1 c_2$ with $c_1 = c_2$ and $n\\,c_1 c_2 = B$.",
        ),
        judge=Comparison.of_calls(
            _bound, {f"{macs:,} MACs on {pixels:,} pixels": (macs, pixels) for macs, pixels in _LAYERS}
        ),
        hint="Start from $n(c_1 + c_2) + c_1 c_2$ with $c_1 = c_2$ and $n\\,c_1 c_2 = B$.",
        mistakes=(
            Mistake(lambda macs, pixels: 2 * (pixels * macs) ** 0.5, "The weights, $B / n$ of them, are read too."),
            Mistake(
                lambda macs, pixels: (pixels * macs) ** 0.5 + macs / pixels,
                "Input and output are both moved: the root counts twice.",
            ),
            Mistake(
                lambda macs, pixels: 2 * (macs / pixels) ** 0.5 + macs / pixels,
                "Each channel is a map of many pixels: multiply the channels by the pixels.",
            ),
        ),
        solution="def least_access(macs, pixels):\n"
        "    channels = (macs / pixels) ** 0.5\n"
        "    return 2 * pixels * channels + channels**2\n\n"
        "answer = least_access",
    ),
    ChoiceExercise(
        name="shufflenet_v2_split",
        question="Remove the shuffle from the unit: in `ages` of this chapter, replace the `channel_shuffle` line by "
        "`ages = joined`, run the cell, and look at the shares. What would happen to a network without shuffles?",
        options=(
            Option("Nothing: each unit still works on half of the channels.", "On which half? Print the ages."),
            Option(
                "The same half would be worked on in every unit of a stage, and the other half never.",
                "Yes: half of the channels get the age 7. The stage would be half as wide, and carry the rest along.",
                right=True,
            ),
            Option("Every channel would be worked on in every unit.", "Half of them pass untouched in each unit."),
        ),
        hint="Without the shuffle, where is the untouched half in the next unit?",
        solution="The untouched half stays in front, and the front half is the one that passes. Only the shuffle "
        "changes who passes.",
    ),
    ChoiceExercise(
        name="shufflenet_v2_why_groups",
        question="On the recorded machine ten layers with 4 groups of 58 channels take less time than ten layers "
        "without groups and with as many MACs, although they move about twice as many numbers. Why?",
        options=(
            Option("They start fewer operations.", "Count them: ten convolutions in either network."),
            Option("A group's weights are fewer, so less is read.", "The maps are most of what is moved, and grow."),
            Option(
                "Four groups can be computed side by side by the two cores.",
                "A convolution without groups is shared out among the cores as well.",
            ),
            Option(
                "The layers without groups run further below the peak, because their maps are rearranged and filled "
                "up on the way.",
                "Yes: this is in no count of MACs or of memory access, but the clock sees it.",
                right=True,
            ),
        ),
        hint="In the figure's left half, compare where the time of g=1 and of g=4 goes.",
        solution="Arithmetic at the peak and starts are equal, and the memory speaks against groups. What is left is "
        "the rest: the library's code for the layer without groups reaches less of the peak.",
    ),
    RankingExercise(
        name="shufflenet_v2_rank_access",
        question="Four pointwise convolutions with the same MACs, on maps of $14 \\times 14$. Put them in order "
        "by their memory access: input, output and weights.",
        first="least memory access first",
        unit="elements",
        items=tuple(
            Item(f"{ins} to {outs} channels", partial(_access, ins, outs))
            for ins, outs in ((32, 128), (8, 512), (64, 64), (256, 16))
        ),
        hint="The weights are as many in each. Compare the sums of the channels.",
        solution="Least first:\n\n{order}\n\nThe product of the channels is 4096 in all; the sum is smallest "
        "where both are equal. That is guideline 1.",
    ),
)
