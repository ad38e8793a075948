"""Exercises of chapter 2: fewer FLOPs, yet slower."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import count as whole_numbers

from lightnets_edu.formulas import Cost, conv2d, depthwise_conv2d, linear
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

# --- Intensity of a depthwise layer ---------------------------------------------------------------------------------

DEPTHWISE = {"in_channels": 256, "kernel_size": 5, "out_height": 14, "out_width": 14}


def _intensity(flops_per_mac: int = 2, bytes_per_number: int = 4) -> float:
    cost = depthwise_conv2d(**DEPTHWISE)
    return flops_per_mac * cost.macs / (bytes_per_number * cost.memory_access)


# --- The batch at which a linear layer computes ---------------------------------------------------------------------

FEATURES, PEAK, BANDWIDTH = 4096, 200, 25  # of the layer, GFLOP/s, GB/s


def _least_batch(flops_per_mac: int = 2, bytes_per_number: int = 4) -> int:
    """Images that a FEATURES -> FEATURES layer needs so that its arithmetic takes at least as long as its memory."""

    def computes_longer(images: int) -> bool:
        flops = flops_per_mac * images * FEATURES**2
        moved = bytes_per_number * (FEATURES**2 + 2 * images * FEATURES)
        return Fraction(flops, PEAK) >= Fraction(moved, BANDWIDTH)

    return next(filter(computes_longer, whole_numbers(1)))


# --- The roof in code -----------------------------------------------------------------------------------------------

CASES = {  # MACs, numbers moved, GFLOP/s, GB/s
    "a standard layer": (231_211_008, 675_840, 200, 40),
    "a depthwise layer": (1_806_336, 401_984, 200, 40),
    "the same on half the bandwidth": (1_806_336, 401_984, 200, 20),
    "the same on twice the arithmetic": (1_806_336, 401_984, 400, 40),
}


def roof(macs: int, numbers_moved: int, peak_gflops: float, bandwidth_gbs: float) -> float:
    """GFLOP/s that a float32 layer can reach."""
    return min(peak_gflops, bandwidth_gbs * 2 * macs / (4 * numbers_moved))


# --- Layers by their intensity --------------------------------------------------------------------------------------

MAPS = {"in_channels": 256, "out_channels": 256, "out_height": 14, "out_width": 14}


def _flops_a_byte(cost: Cost) -> float:
    return cost.flops / (4 * cost.memory_access)


EXERCISES = (
    NumberExercise(
        name="depthwise_intensity",
        question="A depthwise convolution has 256 channels, a $5 \\times 5$ kernel and maps of $14 \\times 14$ pixels, "
        "in and out. All numbers are float32; each is moved once. How many FLOPs does it do for each byte that it "
        "moves?",
        answer=_intensity,
        unit="FLOPs a byte",
        digits=3,
        hint="FLOPs are two for each MAC. Bytes are four for each number: input, weights and output.",
        mistakes=(
            Mistake(lambda: _intensity(flops_per_mac=1), "You divided MACs by bytes. One MAC is two FLOPs."),
            Mistake(
                lambda: _intensity(bytes_per_number=1),
                "That is FLOPs for each number. A float32 number has four bytes.",
            ),
            Mistake(lambda: _intensity(1, 1), "That is MACs for each number; the question is FLOPs for each byte."),
            Mistake(lambda: 25 / 4, "That is the limit for large maps. Here the weights are not negligible."),
            Mistake(
                lambda: 256 * _intensity(), "An output of a depthwise layer sums over one channel, not over all 256."
            ),
        ),
        solution="MACs: $25 \\cdot 256 \\cdot 14^2 = 1{,}254{,}400$, so 2,508,800 FLOPs. Numbers moved: twice "
        "$256 \\cdot 14^2 = 50{,}176$ for the maps and $25 \\cdot 256 = 6{,}400$ weights, together 106,752 or 427,008 "
        "bytes. The quotient is {answer}. The shortcut gives the same: with $w = 1$, "
        "$1/I = 4/(K^2 w) + 2/(HW) = 0.16 + 0.0102$.",
    ),
    NumberExercise(
        name="batch_for_linear_layer",
        question="A machine computes 200 GFLOP/s at most and moves 25 GB/s. A linear layer has 4,096 inputs, 4,096 "
        "outputs and no bias, in float32. At one image it waits for memory. From how many images at once does its "
        "arithmetic take at least as long as its memory?",
        answer=_least_batch,
        unit="images",
        hint="The weights are read once for the whole batch; the inputs and outputs once for each image. Where do the "
        "two roofs of this machine meet?",
        mistakes=(
            Mistake(
                lambda: 4 * PEAK // (2 * BANDWIDTH),
                "Nearly: you left out the inputs and outputs, which grow with the batch.",
            ),
            Mistake(
                lambda: _least_batch(flops_per_mac=1), "You counted one operation a MAC. GFLOP/s count two for each."
            ),
            Mistake(lambda: _least_batch(bytes_per_number=1), "You counted numbers. Each has four bytes."),
            Mistake(
                lambda: PEAK // BANDWIDTH,
                "That is the intensity where the two roofs meet, in FLOPs a byte. Which batch has this intensity?",
            ),
        ),
        solution="The roofs meet at $200/25 = 8$ FLOPs a byte. With $N$ images the layer has $2 N n^2$ FLOPs and moves "
        "$4 (n^2 + 2 N n)$ bytes, $n = 4096$. So $N n / (2 n + 4 N) \\ge 8$, that is "
        "$N \\ge 16 n / (n - 32) \\approx 16.1$: {answer}.",
    ),
    CodeExercise(
        name="roof_function",
        question="Write a function `roof(macs, numbers_moved, peak_gflops, bandwidth_gbs)`: the GFLOP/s that a float32 "
        "layer can reach at most. `numbers_moved` are elements, not bytes.",
        blank=Blank(
            line="roof = min(peak, ____)",
            lead="The GFLOP/s that a layer can reach at most: it has `macs` MACs, moves `numbers_moved` float32 "
            "numbers, and the memory gives `bandwidth` GB/s.",
            right=lambda macs, numbers_moved, bandwidth: roof(macs, numbers_moved, math.inf, bandwidth),
            settings=settings(
                "macs numbers_moved bandwidth",
                (231_211_008, 675_840, 40),
                (1_806_336, 401_984, 40),
                (1_806_336, 401_984, 20),
            ),
            solution="bandwidth * 2 * macs / (4 * numbers_moved)",
            mistakes=(
                ("bandwidth * macs / (4 * numbers_moved)", "A MAC is two floating-point operations."),
                ("bandwidth * 2 * macs / numbers_moved", "The bandwidth counts bytes, and a float32 number has four."),
                (
                    "bandwidth * macs / numbers_moved",
                    "That is MACs for each number; the roof is made of FLOPs and bytes.",
                ),
                (
                    "2 * macs / (4 * numbers_moved)",
                    "That is the intensity, in FLOPs a byte. How many bytes come in a second?",
                ),
            ),
            hint="FLOPs a byte times gigabytes a second are GFLOP/s.",
        ),
        judge=Comparison.of_calls(roof, CASES),
        solution="""def roof(macs, numbers_moved, peak_gflops, bandwidth_gbs):
    intensity = 2 * macs / (4 * numbers_moved)
    return min(peak_gflops, bandwidth_gbs * intensity)


answer = roof
""",
        hint="Two roofs: what the arithmetic allows, and what the memory allows. Which of them counts?",
        mistakes=(
            Mistake(
                lambda macs, numbers, peak, bandwidth: min(peak, bandwidth * macs / (4 * numbers)),
                "A MAC is two floating-point operations.",
            ),
            Mistake(
                lambda macs, numbers, peak, bandwidth: min(peak, bandwidth * 2 * macs / numbers),
                "The bandwidth counts bytes, and a float32 number has four.",
            ),
            Mistake(
                lambda macs, numbers, peak, bandwidth: max(peak, bandwidth * 2 * macs / (4 * numbers)),
                "The layer must stay under both roofs, so the lower one counts.",
            ),
            Mistake(
                lambda macs, numbers, peak, bandwidth: bandwidth * 2 * macs / (4 * numbers),
                "That is the sloping roof alone. No layer computes faster than the machine can.",
            ),
        ),
    ),
    ChoiceExercise(
        name="wider_kernel_for_free",
        question="In the roofline widget, choose a depthwise layer with 128 channels, maps of 28 pixels, one image, "
        "400 GFLOP/s, 40 GB/s. Change the kernel from $3 \\times 3$ to $5 \\times 5$: the FLOPs become 2.8 times as "
        "many. What happens to the time at best, and why?",
        options=(
            Option(
                "It hardly changes: the layer waits for memory, and the maps are as large as before.",
                "Yes. Only the weights became more, and they are few. The larger kernel uses arithmetic that lay idle.",
                right=True,
            ),
            Option(
                "It becomes 2.8 times as long, as there is 2.8 times as much arithmetic.",
                "That would be so if the layer computed all the time. Look at the two bars: which one is longer?",
            ),
            Option(
                "It becomes shorter: the intensity is higher.",
                "The intensity is higher, and so is what is attainable. But there is as much more to do.",
            ),
        ),
        hint="Watch the two bars of the widget, not the FLOPs.",
        solution="The bar of memory is the longer one, and it grows with the numbers moved: two maps, which stay, and "
        "the weights, which are few. A roofline is a promise about the best case; whether a library keeps it for "
        "$5 \\times 5$ kernels, only a clock can tell.",
    ),
    ChoiceExercise(
        name="which_part_to_buy",
        question="In the widget with the networks, set one image, float32, 1000 GFLOP/s, 100 GB/s and 20 µs for "
        "starting an operation. Then, one at a time, double the arithmetic, double the bandwidth, halve the starting "
        "cost. Which of the three saves GhostNet the most time?",
        options=(
            Option(
                "Twice the arithmetic.",
                "This halves GhostNet's shortest part. Few FLOPs also mean that faster FLOPs help little.",
            ),
            Option(
                "Twice the bandwidth.",
                "This helps a little. Compare the two longer parts: what GhostNet has most of is operations.",
            ),
            Option(
                "Half the starting cost.",
                "Yes. GhostNet runs 288 operations, most of them small, and on a fast machine it takes longer to start "
                "them than to do them.",
                right=True,
            ),
        ),
        hint="Read the row of GhostNet: which of its three parts is the longest?",
        solution="The longest part is the one to halve. For GhostNet with one image on this machine, that is the "
        "starting of operations. With 16 images at once, or on a slow machine, the answer is another one: try it.",
    ),
    RankingExercise(
        name="intensity_rank",
        question="Four layers in float32, for one image. Put them in order by their arithmetic intensity, FLOPs a "
        "byte.",
        first="lowest intensity first",
        unit="FLOPs a byte",
        items=(
            Item(
                "a pointwise convolution, 256 to 256 channels on $14 \\times 14$",
                lambda: _flops_a_byte(conv2d(**MAPS, kernel_size=1)),
            ),
            Item(
                "a linear layer, 4,096 to 4,096",
                lambda: _flops_a_byte(linear(in_features=FEATURES, out_features=FEATURES, bias=False)),
            ),
            Item(
                "a standard $3 \\times 3$ convolution, 256 to 256 channels on $14 \\times 14$",
                lambda: _flops_a_byte(conv2d(**MAPS, kernel_size=3)),
            ),
            Item(
                "a depthwise $3 \\times 3$ convolution, 256 channels on $14 \\times 14$",
                lambda: _flops_a_byte(depthwise_conv2d(**MAPS, kernel_size=3)),
            ),
        ),
        hint="How often is each number used once it is there? A weight of a linear layer serves one product, for "
        "one image.",
        solution="Lowest first:\n\n{order}\n\nA linear layer reads each weight for a single product, a depthwise "
        "layer uses each input nine times, and the others use it for all 256 outputs.",
    ),
)
