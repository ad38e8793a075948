"""Chapter 16's study: the designs that spend one budget best, by kind of block, trained and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from lightnets_edu.models.search_space import Design, DesignedNetwork, Stage
from lightnets_edu.recording.studies import ACCURACY, RECIPE, Comparison, Evidence, HeldEqual, Study, Variant
from lightnets_edu.records.verdicts import t_interval, values_of

MATTERS = 0.5  # points of accuracy: the smallest difference that would matter
MIXED, FAST = "mixed", "fast"  # more than one kind of block; at most FAST_MS predicted milliseconds
FAST_MS = 1.0  # half of the budget's milliseconds

# What the search of chapter 16 finds with the recorded profile of the CPU. They are written down so that a new profile
# does not change what was trained; tests/chapters/test_design_page.py fails if the search finds others.
DESIGNS = {
    MIXED: Design((Stage("ghost", 24, 2), Stage("separable", 64, 2), Stage("separable", 152, 2))),
    "separable": Design((Stage("separable", 24, 2), Stage("separable", 72, 6), Stage("separable", 168, 1))),
    "inverted_residual": Design(
        tuple(Stage("inverted_residual", channels, depth) for channels, depth in ((8, 3), (24, 3), (64, 2)))
    ),
    "ghost": Design(tuple(Stage("ghost", channels, 2, expand_ratio=2) for channels in (24, 48, 96))),
    "residual": Design((Stage("residual", 8, 2), Stage("residual", 16, 5), Stage("residual", 40, 1))),
    FAST: Design((Stage("separable", 16, 1), Stage("residual", 32, 2), Stage("ghost", 96, 1, expand_ratio=4))),
}
DESCRIPTIONS = {
    MIXED: "networks of Ghost bottlenecks and separable blocks",
    "separable": "networks of separable blocks",
    "inverted_residual": "networks of inverted residuals",
    "ghost": "networks of Ghost bottlenecks",
    "residual": "networks of residual blocks",
    FAST: "networks of at most half the predicted time",
}

STUDY = Study(
    name="design",
    claim="Within one budget, a network with different blocks in different stages is more accurate than one that "
    "repeats a single kind of block.",
    source="Tan et al. 2019, arXiv:1807.11626v3, section 6.3, table 6",
    evidence=(
        Evidence(
            "MnasNet-A1 instead of one layer throughout (MBConv3, 5 × 5), ImageNet",
            "top-1 accuracy 75.2 % instead of 72.5 %, both 78 ms on a Pixel 1",
            "table 6",
        ),
        Evidence("the most accurate of the networks with one layer (MBConv6, 5 × 5)", "75.6 %, 146 ms", "table 6"),
    ),
    variants=tuple(
        Variant(name, DESCRIPTIONS[name], partial(DesignedNetwork, design)) for name, design in DESIGNS.items()
    ),
    comparisons=(
        Comparison(MIXED, "separable", by=MATTERS),
        Comparison(
            MIXED, "inverted_residual", by=MATTERS, claim="Different blocks are better than inverted residuals alone."
        ),
        Comparison(MIXED, "ghost", by=MATTERS, claim="Different blocks are better than Ghost bottlenecks alone."),
        Comparison(MIXED, "residual", by=MATTERS, claim="Different blocks are better than residual blocks alone."),
        Comparison(
            "separable",
            "residual",
            by=MATTERS,
            claim="Depthwise-separable blocks are better than residual blocks with as many parameters and MACs.",
        ),
        Comparison(
            FAST, MIXED, by=MATTERS, kind="no worse", claim="Half of the predicted time is enough to be no worse."
        ),
    ),
    held_equal=(
        HeldEqual("macs", tuple(DESIGNS), tolerance=0.02),
        HeldEqual("parameters", tuple(DESIGNS), tolerance=0.06),
    ),
    recipe=replace(RECIPE, image_size=32, channels=3),  # the networks take three channels
)


def ranked(record: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The variants of the study's record that have runs, with their mean accuracies, the highest first."""
    found = [(variant["name"], values_of(record, variant["name"], ACCURACY.name)) for variant in record["variants"]]
    means = [(name, sum(values.values()) / len(values)) for name, values in found if values]
    return sorted(means, key=lambda entry: -entry[1])


def bought(record: Mapping[str, Any], ms: Mapping[str, float]) -> str:
    """The variant to buy: of those within ``MATTERS`` of the highest mean, the one with the least predicted time.

    Args:
        record: The study's.
        ms: Each variant's predicted milliseconds.

    Returns:
        Its name; empty if there is no run yet.
    """
    means = ranked(record)
    near = [name for name, mean in means if mean >= means[0][1] - MATTERS]
    return min(near, key=lambda name: ms[name], default="")


def purchase(record: Mapping[str, Any], ms: Mapping[str, float]) -> str:
    """Which network is the most accurate, how sure that is, and which one to buy; in sentences.

    Args:
        record: The study's.
        ms: Each variant's predicted milliseconds.
    """
    means = ranked(record)
    if len(means) < 2:
        return "The study is not recorded yet, so no network can be named."
    (first, most), (second, next_most) = means[:2]
    a, b = (values_of(record, name, ACCURACY.name) for name in (first, second))
    difference = t_interval([a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())])
    names = {variant["name"]: variant["description"] for variant in record["variants"]}
    sentences = [
        f"The most accurate are the {names[first]} (mean {most:.1f} %), followed by the {names[second]} "
        f"({next_most:.1f} %)."
    ]
    if difference.low is not None:
        apart = "apart" if difference.low > 0 else "not apart"
        sentences.append(
            f"The difference of {difference.mean:.2f} points has a 95 % interval from {difference.low:.2f} to "
            f"{difference.high:.2f}, so the seeds tell the two {apart}."
        )
    choice = bought(record, ms)
    near = sum(mean >= most - MATTERS for _, mean in means)
    sentences.append(
        f"Of the {len(means)} designs {near} lie within {MATTERS:g} points of the highest mean. Buy the one of these "
        f"with the least predicted time: the {names[choice]} ({ms[choice]:.2f} ms, {dict(means)[choice]:.1f} %)."
    )
    return " ".join(sentences)
