"""The exercises of chapter 8, ShuffleNetV1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lightnets_edu.formulas import conv2d, depthwise_conv2d, pointwise_conv2d
from lightnets_edu.models.channel_shuffle import channel_shuffle
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


def _reach(channels: int, groups: int) -> int:
    """Inputs that one output sees through two grouped layers with a shuffle between them, by following them."""
    per_group = channels // groups
    old_group = torch.arange(channels).reshape(1, channels, 1, 1) // per_group
    seen = channel_shuffle(old_group, groups).flatten()[:per_group]
    return len(set(seen.tolist())) * per_group


_LAYER = {"in_channels": 240, "out_channels": 60, "out_height": 28, "out_width": 28}


def _judge_shuffle(answer: Callable[[Tensor, int], Tensor]) -> Sequence[Comparison]:
    cases = []
    for channels, groups in ((6, 2), (12, 3), (8, 4)):
        x = torch.arange(float(channels)).reshape(1, channels, 1, 1).expand(1, channels, 2, 2)
        got = answer(x, groups)
        order = got[0, :, 0, 0].int().tolist() if isinstance(got, Tensor) and got.ndim == 4 else got
        expected = channel_shuffle(x, groups)[0, :, 0, 0].int().tolist()
        cases.append(Comparison(f"{channels} channels in {groups} groups", expected, order))
    return cases


def _new_place(i: float, group: float, channels: float, groups: float) -> int:
    """Where a channel of a group is after the shuffle, by following it."""
    whole, parts = int(channels), int(groups)
    order = channel_shuffle(torch.arange(whole).reshape(1, whole, 1, 1), parts).flatten().tolist()
    return order.index(int(group) * (whole // parts) + int(i))


_MAP = {"out_height": 28, "out_width": 28}


EXERCISES = (
    NumberExercise(
        name="shuffle_reach",
        question="Two grouped $1 \\times 1$ convolutions with 16 channels in 8 groups stand behind each other, with a "
        "channel shuffle between them. How many of the 16 inputs can one output see?",
        answer=lambda: _reach(16, 8),
        unit="inputs",
        hint="How many channels has a group of the second layer, and from how many groups of the first do they come?",
        mistakes=(
            Mistake(lambda: 16, "All of them would need as many channels in a group as there are groups. Count them."),
            Mistake(lambda: 16 // 8, "That is what an output sees without the shuffle, or in one layer."),
            Mistake(lambda: 8, "Each group of the second layer has only two channels, not one from every old group."),
        ),
        solution="A group has $16 / 8 = 2$ channels. After the shuffle they come from 2 different groups, and each of "
        "these reads 2 inputs: {answer}. Only with $C/g \\ge g$ does one shuffle connect everything.",
    ),
    NumberExercise(
        name="shuffle_grouped_macs",
        question="A pointwise convolution reads 240 channels and writes 60, on a $28 \\times 28$ map, in 3 groups. How "
        "many MACs?",
        answer=lambda: pointwise_conv2d(**_LAYER, groups=3).macs,
        unit="MACs",
        hint="Each output element is a sum over the input channels of its own group.",
        mistakes=(
            Mistake(
                lambda: pointwise_conv2d(**_LAYER).macs, "The groups are not divided out: an output reads 80 inputs."
            ),
            Mistake.flops(lambda: pointwise_conv2d(**_LAYER, groups=3).macs),
            Mistake(
                lambda: pointwise_conv2d(**_LAYER).macs // 9,
                "You divided by the groups twice. All outputs are still computed; each reads fewer inputs.",
            ),
            Mistake(
                lambda: pointwise_conv2d(**_LAYER, groups=3).params, "Those are the weights. Each is used once a pixel."
            ),
        ),
        solution="$60 \\times 28 \\times 28$ outputs, each a sum over $240 / 3 = 80$ inputs: {answer}.",
    ),
    CodeExercise(
        name="shuffle_write_it",
        question="Write `shuffle(x, groups)`: the paper's channel shuffle of a tensor `[N, C, H, W]`. Channels "
        "0 1 2 | 3 4 5 in two groups become 0 3 1 4 2 5.",
        blank=Blank(
            line="new_place = ____",
            lead="The place of a channel after the shuffle: before, it is channel `i` of group `group`. There are "
            "`channels` channels in `groups` groups; all are counted from 0.",
            right=_new_place,
            settings=settings("i group channels groups", (1, 0, 6, 2), (2, 1, 6, 2), (1, 2, 12, 3), (1, 3, 8, 4)),
            solution="i * groups + group",
            mistakes=(
                ("group * channels / groups + i", "That is where the channel is before the shuffle."),
                (
                    "group * groups + i",
                    "After the shuffle the first channels of all groups come first: `i` says which such share.",
                ),
                (
                    "i * channels / groups + group",
                    "One channel of every group comes before the second ones: that is as many as there are groups.",
                ),
            ),
            hint="Channels 0 1 2 | 3 4 5 become 0 3 1 4 2 5. Where does channel 1 of group 0 go, and where "
            "channel 2 of group 1?",
        ),
        judge=_judge_shuffle,
        hint="Reshape the channels to `[groups, C // groups]`, swap these two axes, and reshape back.",
        mistakes=(
            Mistake(
                lambda x, groups: channel_shuffle(x, groups, inverse=True),
                "That is the inverse, which Megvii's code uses: the first axis should be the groups.",
            ),
            Mistake(lambda x, groups: x, "The channels are where they were: a reshape alone moves nothing."),
        ),
        solution="def shuffle(x, groups):\n"
        "    n, c, h, w = x.shape\n"
        "    return x.reshape(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)\n\n"
        "answer = shuffle",
    ),
    ChoiceExercise(
        name="shuffle_twice",
        question="Run `channel_shuffle(channel_shuffle(x, 3), 3)` on `torch.arange(12.0).reshape(1, 12, 1, 1)`, then "
        "the same with 9 channels. When does shuffling twice bring every channel back to its place, if the shuffle "
        "moves anything at all?",
        options=(
            Option("Always: a shuffle undoes itself.", "With 12 channels it does not. Look at the printed order."),
            Option("Never.", "With 9 channels in 3 groups it does."),
            Option(
                "When a group has as many channels as there are groups.",
                "Then the table is square, and turning it twice gives the same table. Else the second shuffle would "
                "have to use $C/g$ groups: that is the inverse.",
                right=True,
            ),
        ),
        hint="Write the channels as a table with a row a group, and turn it twice.",
        solution="The shuffle turns a table of $g$ rows and $C/g$ columns. To turn it back, the second shuffle would "
        "need $C/g$ groups. Both are the same number only in a square table.",
    ),
    RankingExercise(
        name="shuffle_rank_layers",
        question="Five layers on maps of $28 \\times 28$. Put them in order by their MACs.",
        first="fewest MACs first",
        unit="MACs",
        items=(
            Item("$1 \\times 1$, 240 to 60 channels, without groups", lambda: pointwise_conv2d(**_LAYER).macs),
            Item(
                "$1 \\times 1$, 240 to 240 channels, in 8 groups",
                lambda: pointwise_conv2d(in_channels=240, out_channels=240, **_MAP, groups=8).macs,
            ),
            Item(
                "depthwise $3 \\times 3$ on 60 channels",
                lambda: depthwise_conv2d(in_channels=60, kernel_size=3, **_MAP).macs,
            ),
            Item(
                "standard $3 \\times 3$, 60 to 60 channels",
                lambda: conv2d(in_channels=60, out_channels=60, kernel_size=3, **_MAP).macs,
            ),
            Item("$1 \\times 1$, 240 to 60 channels, in 3 groups", lambda: pointwise_conv2d(**_LAYER, groups=3).macs),
        ),
        hint="For each layer: how many products make one output number, and how many output channels are there?",
        solution="Fewest first:\n\n{order}\n\nBefore the groups, the pointwise convolution was the dearest part "
        "of a unit with a depthwise kernel; with them it comes closer to it.",
    ),
)
