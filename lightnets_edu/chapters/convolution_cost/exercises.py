"""Chapter 1: counting convolutions by hand, by code, and what "FLOPs" may mean."""

from __future__ import annotations

from collections.abc import Callable

from lightnets_edu.formulas import conv2d, depthwise_conv2d, depthwise_separable_conv2d
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

LAYER = {"in_channels": 32, "out_channels": 64, "kernel_size": 5, "out_height": 28, "out_width": 28}
CASES = (
    # in_channels, out_channels, kernel_size, out_size, groups, bias
    (32, 64, 5, 28, 1, False),
    (32, 64, 5, 28, 1, True),
    (32, 64, 5, 28, 4, False),
    (32, 64, 5, 28, 4, True),
    (48, 48, 3, 14, 48, False),
)


def _conv_cost(c_in: int, c_out: int, kernel_size: int, side: int, groups: int, bias: bool) -> tuple[int, int]:
    shape = {"in_channels": c_in, "out_channels": c_out, "out_height": side, "out_width": side}
    cost = conv2d(**shape, kernel_size=kernel_size, groups=groups, bias=bias)
    return cost.params, cost.macs


def _wrong(formula: Callable[[int, int, int, int], tuple[int, int]]) -> Callable[..., tuple[int, int]]:
    """A wrong `conv_cost`: a formula of the right weights, the groups, the biases and the pixels of the output."""

    def conv_cost(c_in: int, c_out: int, kernel_size: int, side: int, groups: int, bias: bool) -> tuple[int, int]:
        return formula(c_in // groups * c_out * kernel_size**2, groups, bias * c_out, side**2)

    return conv_cost


def _saving() -> float:
    return conv2d(**LAYER).macs / depthwise_separable_conv2d(**LAYER).macs


_MAPS = {"in_channels": 64, "out_channels": 64, "kernel_size": 3, "out_height": 28, "out_width": 28}


EXERCISES = (
    NumberExercise(
        name="conv_macs",
        question=r"A layer has 32 input and 64 output channels, a $5 \times 5$ kernel and output maps of "
        r"$28 \times 28$. How many MACs does it need for one image?",
        answer=lambda: conv2d(**LAYER).macs,
        unit="MACs",
        hint="Six loops, one factor each: output channels, output rows, output columns, input channels, kernel rows, "
        "kernel columns.",
        mistakes=(
            Mistake.flops(lambda: conv2d(**LAYER).macs),
            Mistake(
                lambda: conv2d(**LAYER).params,
                "That is the number of weights. Each weight is used once at every place of the output map.",
            ),
            Mistake(
                lambda: conv2d(**LAYER).params * LAYER["out_height"],
                "You counted one row of the output map. It has as many rows as columns.",
            ),
            Mistake(
                lambda: conv2d(**LAYER).macs // LAYER["kernel_size"],
                "You put the side of the kernel in once. It has rows and columns.",
            ),
            Mistake(
                lambda: depthwise_conv2d(**LAYER).macs,
                "Each output channel of a standard convolution reads all input channels, not one.",
            ),
        ),
        solution=r"$5^2 \cdot 32 \cdot 64 = 51{,}200$ weights, each used at $28^2 = 784$ places: {answer}.",
    ),
    NumberExercise(
        name="conv_separable_saving",
        question=r"Replace the layer of the first exercise (32 to 64 channels, $5 \times 5$ kernel) by a "
        "depthwise-separable one: a depthwise convolution with the same kernel, then a pointwise one. "
        "How many times fewer MACs are that?",
        answer=_saving,
        unit="times",
        digits=4,
        hint=r"Add the shares of the two halves, $\frac{1}{C_\text{out}} + \frac{1}{K^2}$, then turn the sum over.",
        mistakes=(
            Mistake(lambda: 1 / _saving(), "That is the share that is left. How many times does it fit into 1?"),
            Mistake(
                lambda: LAYER["kernel_size"] ** 2,
                "That is what the pointwise half alone saves. The depthwise half costs something, too.",
            ),
            Mistake(
                lambda: LAYER["out_channels"],
                "That is what the depthwise half alone saves. The pointwise half costs more.",
            ),
            Mistake(
                lambda: LAYER["kernel_size"] ** 2 + LAYER["out_channels"],
                "Shares of the cost can be added, savings cannot: add the two shares, then turn the sum over.",
            ),
        ),
        solution=r"The share that is left is $\frac{1}{64} + \frac{1}{25} = \frac{89}{1600}$. So {answer} fewer, "
        r"exactly $\frac{1600}{89}$.",
    ),
    ChoiceExercise(
        name="conv_half_image",
        question="Halve the side of the image. What happens to the weights and to the MACs? Predict it, then halve "
        "*Input size* in the sliders above and look.",
        options=(
            Option("Both fall to a quarter.", "The kernel does not know how large the image is."),
            Option("Both fall to a half.", "The kernel does not know how large the image is."),
            Option(
                "The weights stay, the MACs fall to a half.",
                "A map has rows and columns, and both become half as many.",
            ),
            Option(
                "The weights stay, the MACs fall to a quarter.",
                "The same kernel is used at a quarter as many places.",
                right=True,
            ),
        ),
        hint="Which factors of the two formulas come from the image?",
        solution=r"The weights do not change. The MACs fall to a quarter, since $H_\text{out} \cdot W_\text{out}$ "
        "does: the kernel is used at a quarter as many places.",
    ),
    CodeExercise(
        name="conv_cost_code",
        question="Write `conv_cost(in_channels, out_channels, kernel_size, out_size, groups, bias)` for square maps. "
        "It returns two whole numbers: parameters and MACs.",
        blank=Blank(
            line="macs = ____",
            lead="The MACs of a convolution on square maps, with `c_in` and `c_out` channels, a `k` × `k` kernel, "
            "`groups` groups and `side` × `side` output pixels.",
            right=lambda c_in, c_out, k, side, groups: _conv_cost(c_in, c_out, k, side, groups, False)[1],
            settings=settings("c_in c_out k side groups", (32, 64, 5, 28, 1), (32, 64, 5, 28, 4), (48, 48, 3, 14, 48)),
            solution="c_in / groups * c_out * k^2 * side^2",
            mistakes=(
                (
                    "c_in * c_out * k^2 * side^2",
                    "Divide by the groups: an output channel reads only the inputs of its own group.",
                ),
                (
                    "c_in / groups * c_out / groups * k^2 * side^2",
                    "You divided by the groups twice. All output channels remain; each reads fewer.",
                ),
                (
                    "c_in / groups * c_out * k^2",
                    "Those are the weights. Each is used once at every place of the output map.",
                ),
                ("2 * c_in / groups * c_out * k^2 * side^2", "That is twice the MACs: you counted FLOPs."),
                (
                    "c_in / groups * c_out * k * side^2",
                    "You put the side of the kernel in once. It has rows and columns.",
                ),
            ),
            hint="One factor each: the inputs that an output channel reads, the output channels, the places of "
            "the kernel and those of the map.",
        ),
        judge=Comparison.of_calls(_conv_cost, {f"conv_cost{case}": case for case in CASES}),
        hint=r"Each output channel reads $C_\text{in}/g$ input channels, and has one bias if there is any.",
        mistakes=(
            Mistake(
                _wrong(lambda w, g, b, p: (g * w + b, g * w * p)),
                "Divide by the groups: an output channel reads only the inputs of its own group.",
            ),
            Mistake(
                _wrong(lambda w, g, b, p: (w // g + b, w // g * p)),
                "You divided by the groups twice. All output channels remain; each reads fewer.",
            ),
            Mistake(
                _wrong(lambda w, g, b, p: (w, w * p)), "The bias is missing: one parameter for each output channel."
            ),
            Mistake(
                _wrong(lambda w, g, b, p: (w + b, (w + b) * p)),
                "A bias is added, not multiplied: it is a parameter but no MAC.",
            ),
            Mistake(_wrong(lambda w, g, b, p: (w + b, 2 * w * p)), "That is twice the MACs: you counted FLOPs."),
        ),
        solution="""
def conv_cost(in_channels, out_channels, kernel_size, out_size, groups, bias):
    weights = (in_channels // groups) * out_channels * kernel_size**2
    return weights + bias * out_channels, weights * out_size**2


answer = conv_cost
""",
    ),
    ChoiceExercise(
        name="conv_which_flop",
        question="A colleague reports 1.2 GFLOPs for a network that you count at 600 M MACs. First go through all "
        "counters in *Which FLOP?* above for one network. Who is right?",
        options=(
            Option("You. FLOPs and MACs are the same.", "Some tools use the words so, but not all: compare them."),
            Option("Your colleague. You forgot the additions.", "A MAC holds its addition already."),
            Option("Both.", r"A MAC is two FLOPs: $2 \cdot 600$ M is 1.2 G.", right=True),
            Option("Neither can be, the numbers differ.", "Different units give different numbers for one thing."),
        ),
        hint="How many floating-point operations are in one multiply-accumulate?",
        solution="Both. The usual convention is two FLOPs a MAC: one multiplication and one addition. So always say "
        "which of the two you mean.",
    ),
    RankingExercise(
        name="conv_rank_layers",
        question=r"Five layers read and write 64 channels on maps of $28 \times 28$. Put them in order by their MACs.",
        first="fewest MACs first",
        unit="MACs",
        items=(
            Item(r"a standard $3 \times 3$ convolution", lambda: conv2d(**_MAPS).macs),
            Item(
                r"a depthwise $3 \times 3$ convolution, then a pointwise one",
                lambda: depthwise_separable_conv2d(**_MAPS).macs,
            ),
            Item(r"a depthwise $3 \times 3$ convolution", lambda: depthwise_conv2d(**_MAPS).macs),
            Item(r"a $3 \times 3$ convolution in 4 groups", lambda: conv2d(**_MAPS, groups=4).macs),
            Item("a pointwise convolution", lambda: conv2d(**{**_MAPS, "kernel_size": 1}).macs),
        ),
        hint="The map is the same for all, so compare the weights: how many inputs does an output channel read, "
        "and at how many places of the kernel?",
        solution="Fewest first:\n\n{order}\n\nOn 64 channels a kernel of nine places over one channel costs less "
        "than a single place over all of them.",
    ),
)
