"""Chapter 6: paths, groups and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lightnets_edu.formulas import conv2d
from lightnets_edu.models.resnet import resnext_bottleneck
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

# --- Weights of a block ---------------------------------------------------------------------------------------------

CHANNELS, CARDINALITY, WIDTH = 256, 32, 4


def _block_weights(groups: int = CARDINALITY, group_width: int = WIDTH, norms: bool = False) -> int:
    """Weights of the three convolutions; with the batch norms' numbers, if asked for."""
    block = resnext_bottleneck(
        in_channels=CHANNELS, out_channels=CHANNELS, groups=groups, group_width=group_width, in_height=1, in_width=1
    )
    return block.params - (0 if norms else 2 * (2 * groups * group_width + CHANNELS))


# --- A grouped kernel as a dense one --------------------------------------------------------------------------------

CASES = ((12, 12, 3), (8, 12, 4), (6, 6, 1), (5, 5, 5))  # in_channels, out_channels, groups
Expand = Callable[[Tensor, int], Tensor]


def expand(weight: Tensor, groups: int) -> Tensor:
    """The dense kernel that does what a grouped one does: blocks on the diagonal, zeros elsewhere."""
    outs, ins = weight.shape[0] // groups, weight.shape[1]
    dense = weight.new_zeros(weight.shape[0], groups * ins, *weight.shape[2:])
    for group in range(groups):
        rows, columns = slice(group * outs, (group + 1) * outs), slice(group * ins, (group + 1) * ins)
        dense[rows, columns] = weight[rows]
    return dense


def _judge_expand(answer: Expand) -> list[Comparison]:
    comparisons = []
    for ins, outs, groups in CASES:
        # Small whole numbers, all different, so that a misplaced block shows.
        weight = torch.arange(1.0, outs * (ins // groups) * 9 + 1).reshape(outs, ins // groups, 3, 3)
        label = f"{ins} to {outs} channels in {groups} group{'s' if groups > 1 else ''}"
        comparisons.append(Comparison(label, expand(weight, groups), answer(weight.clone(), groups)))
    return comparisons


def _without_zeros_before(weight: Tensor, groups: int) -> Tensor:
    padding = weight.new_zeros(weight.shape[0], (groups - 1) * weight.shape[1], *weight.shape[2:])
    return torch.cat([weight, padding], dim=1)


SOLUTION = """import torch


def expand(weight, groups):
    outs, ins = weight.shape[0] // groups, weight.shape[1]
    dense = torch.zeros(weight.shape[0], groups * ins, *weight.shape[2:])
    for group in range(groups):
        rows = slice(group * outs, (group + 1) * outs)
        columns = slice(group * ins, (group + 1) * ins)
        dense[rows, columns] = weight[rows]
    return dense


answer = expand
"""

# --- The 3x3 convolution of a block ---------------------------------------------------------------------------------


def _kernel_weights(groups: int, width: int) -> int:
    channels = {"in_channels": groups * width, "out_channels": groups * width}
    return conv2d(**channels, kernel_size=3, groups=groups, out_height=1, out_width=1).params


EXERCISES = (
    NumberExercise(
        name="resnext_block_weights",
        question="A block $32 \\times 4\\text{d}$ has 256 channels in and out: $1 \\times 1$ down, $3 \\times 3$ in "
        "groups, $1 \\times 1$ up. How many weights do its three convolutions have? (Without the batch norms.)",
        answer=_block_weights,
        unit="weights",
        hint="The $3 \\times 3$ has $32 \\cdot 4 = 128$ channels. How many of them does each output read?",
        mistakes=(
            Mistake(
                lambda: _block_weights(groups=1, group_width=CARDINALITY * WIDTH),
                "In a group each output reads 4 channels, not all 128.",
            ),
            Mistake(lambda: _block_weights(norms=True), "You counted the batch norms. The question leaves them out."),
            Mistake(
                lambda: _block_weights(groups=WIDTH, group_width=CARDINALITY),
                "You took 4 groups of 32 channels. The cardinality 32 is the number of groups.",
            ),
            Mistake(
                lambda: _block_weights() - CHANNELS * CARDINALITY * WIDTH,
                "There are two $1 \\times 1$ convolutions: one down, one up.",
            ),
            Mistake(
                lambda: _block_weights() + 2 * CARDINALITY * WIDTH + CHANNELS,
                "These convolutions have no bias: a batch norm follows each.",
            ),
        ),
        solution="$32 \\cdot (256 \\cdot 4 + 9 \\cdot 4 \\cdot 4 + 4 \\cdot 256)$: {answer}, against 69,632 in "
        "ResNet's block.",
    ),
    CodeExercise(
        name="resnext_expand_groups",
        question="A grouped convolution is a dense one with zeros. Write `expand(weight, groups)`: from the weight of "
        "`nn.Conv2d(…, groups=groups)`, of shape `[out, in / groups, K, K]`, the weight of the dense convolution that "
        "computes the same, of shape `[out, in, K, K]`.",
        blank=Blank(
            line="group = ____",
            lead="The group, counted from 0, to which the output channel `o`, counted from 0, belongs. The "
            "convolution has `outs` output channels in `groups` groups.",
            right=lambda o, outs, groups: next(
                g for g in range(int(groups)) if o in range(int(g * outs / groups), int((g + 1) * outs / groups))
            ),
            settings=settings("o outs groups", (0, 12, 3), (5, 12, 3), (11, 12, 4), (7, 8, 4)),
            solution="o // (outs / groups)",
            mistakes=(
                (
                    "o // groups",
                    "The quotient outs / groups is how many channels a group has; `groups` is how many groups "
                    "there are.",
                ),
                ("o / (outs / groups)", "A channel belongs to a whole group: round down, with // or floor."),
                ("o // outs", "Divide by the channels of one group, not of all."),
            ),
            hint="How many output channels has one group? How many such shares fit below channel `o`?",
        ),
        judge=_judge_expand,
        solution=SOLUTION,
        hint="Output channel $o$ belongs to group $o$ // (out / groups), and reads the input channels of this group.",
        mistakes=(
            Mistake(
                lambda weight, groups: weight.repeat(1, groups, 1, 1),
                "You repeated the kernels: now each output reads all inputs. Most cells must be zero.",
            ),
            Mistake(_without_zeros_before, "All groups read the first inputs. Group 1 has to read the second share."),
        ),
    ),
    ChoiceExercise(
        name="resnext_more_paths",
        question="In the widget of equal cost, with ResNet's width 64, go through the cardinalities 2, 8, 32 and 64. "
        "Watch the channels $C \\cdot d$ of the $3 \\times 3$ convolution. ResNet has 64. What happens?",
        options=(
            Option(
                "They stay at 64: the cost is the same.",
                "The cost is. But a grouped convolution is cheaper, and the saving is spent on channels.",
            ),
            Option(
                "They double each time the cardinality doubles.",
                "Watch from 32 to 64. The two $1 \\times 1$ convolutions have no groups and must be paid in full.",
            ),
            Option(
                "They grow at first, then hardly: to about twice ResNet's.",
                "Yes. The saving ends where the $3 \\times 3$ costs almost nothing: the rest goes to the two "
                "$1 \\times 1$ convolutions, whose cost is proportional to $C \\cdot d$.",
                right=True,
            ),
            Option("They fall: each path becomes narrower.", "Each path does, but there are more of them. Multiply."),
        ),
        hint="Write down $C$, $d$ and $C \\cdot d$ in a small table.",
        solution="64 channels at $C = 1$, 80 at 2, 112 at 8, 128 at 32 and at 64. At most it could be "
        "$69{,}632 / 512 = 136$, if the $3 \\times 3$ cost nothing at all. So most of what cardinality can buy is "
        "bought by 32 paths.",
    ),
    RankingExercise(
        name="resnext_rank_kernels",
        question="Four blocks of the same cost, with 256 channels in and out. Put them in order by the weights of "
        "their $3 \\times 3$ convolution alone. $C \\times d$ stands for $C$ groups of $d$ channels.",
        first="most weights first",
        largest_first=True,
        unit="weights",
        items=tuple(
            Item(f"${groups} \\times {width}\\text{{d}}$", partial(_kernel_weights, groups, width))
            for groups, width in ((8, 14), (32, 4), (1, 64), (2, 40))
        ),
        hint="In a group each of the $d$ outputs reads $d$ inputs at nine places: $9 d^2$ weights, and there are "
        "$C$ groups.",
        solution="Most first:\n\n{order}\n\nThe more groups, the less the $3 \\times 3$ costs. What it saves is "
        "spent on channels, in the two $1 \\times 1$ convolutions.",
    ),
)
