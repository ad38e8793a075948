"""What the recorded times say of ShuffleNetV2's four guidelines: sentences made from them, and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lightnets_edu.tables import NumberTable, signed
from lightnets_edu.timing.guideline_experiments import GUIDELINES, GuidelineRow, published_speeds
from lightnets_edu.timing.time_parts import PARTS, TimeParts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MATTERS = 0.05  # a variant that takes a twentieth more or less time than another one is slower or faster
ENDS = {
    # the variant that follows the guideline, and the one that breaks it most
    "G1": ("1:1", "1:12"),
    "G2": ("g=1", "g=8"),
    "G3": ("1 fragment", "4 in parallel"),
    "G4": ("neither", "ReLU and shortcut"),
}
HOLDS, REVERSED, OPEN = "holds here", "is reversed here", "does not show here"


def verdict(guideline: str, variants: Sequence[TimeParts]) -> str:
    """Whether any other variant is slower than the advised one, or all others are faster, by a difference that matters.

    Args:
        guideline: G1, G2, G3 or G4.
        variants: All of its variants.

    Returns:
        ``HOLDS``, ``REVERSED`` or ``OPEN``.
    """
    advised, others = _advised(guideline, variants)
    slowest = max(one.seconds for one in others) / advised.seconds
    return HOLDS if slowest > 1 + MATTERS else REVERSED if slowest < 1 - MATTERS else OPEN


def guideline_sentence(guideline: str, variants: Sequence[TimeParts]) -> str:
    """The verdict on a guideline, and why its slowest variant is slower than its fastest.

    Args:
        guideline: G1, G2, G3 or G4.
        variants: All of its variants.
    """
    about, *_ = GUIDELINES[guideline]
    found = verdict(guideline, variants)
    advised, others = _advised(guideline, variants)
    slower = [f"“{one.name}”" for one in others if one.seconds > (1 + MATTERS) * advised.seconds]
    if found == HOLDS and len(slower) == len(others):
        what = "all others are slower"
    elif found == HOLDS:
        what = f"of the others {_listed(slower)} {'is' if len(slower) == 1 else 'are'} slower"
    else:
        what = "all others are faster" if found == REVERSED else "no other is slower"
    ordered = sorted(variants, key=lambda one: one.seconds)
    return (
        f"{guideline} ({about}) {found}: “{advised.name}” should be the fastest, and {what} by more than "
        f"{_percent(MATTERS)}. {cause_sentence(ordered[-1], ordered[0])}"
    )


def cause_sentence(one: TimeParts, other: TimeParts) -> str:
    """Why the slower of two takes longer: the difference in its parts, and in words where the largest comes from."""
    fast, slow = sorted((one, other), key=lambda each: each.seconds)
    more = {part: 1000 * seconds for part, seconds in slow.beyond(fast).items()}
    reasons = {
        "arithmetic": ("arithmetic at the peak", "there are more multiply-accumulates"),
        "starts": ("starts of operations", f"{slow.operations} operations are started instead of {fast.operations}"),
        "memory": ("memory moved", f"{slow.bytes / 1e6:.0f} MB are moved instead of {fast.bytes / 1e6:.0f} MB"),
        "rest": (
            "the rest",
            f"the arithmetic runs at {_percent(slow.of_peak)} of the peak instead of {_percent(fast.of_peak)}",
        ),
    }
    told = [part for part in PARTS if part != "arithmetic" or _signed(more[part]) != "0.0"]  # mostly it is held equal
    parts = _listed([f"{reasons[part][0]} {_signed(more[part])}" for part in told])
    largest, reason = reasons[max(PARTS, key=lambda part: more[part])]
    return (
        f"“{slow.name}” takes {1000 * slow.seconds:.1f} ms and “{fast.name}” {1000 * fast.seconds:.1f} ms. The "
        f"{1000 * (slow.seconds - fast.seconds):.1f} ms between them are: {parts} ms. Most is {largest}: {reason}."
    )


def guideline_chart(causes: Mapping[str, Sequence[TimeParts]]) -> Figure:
    """Where the time of each variant goes, and its time beside its guideline's first one's, here and in the paper.

    Args:
        causes: From `lightnets_edu.timing.time_parts.guideline_causes`.
    """
    from lightnets_edu.pages.plots_of_runs import dot_chart

    rows = [(guideline, one) for guideline, variants in causes.items() for one in variants]
    milliseconds = {
        "MACs at the peak": [1000 * one.arithmetic for _, one in rows],
        "+ starts": [1000 * (one.arithmetic + one.starts) for _, one in rows],
        "+ memory": [1000 * (one.arithmetic + one.starts + one.memory) for _, one in rows],
        "measured here": [1000 * one.seconds for _, one in rows],
    }
    relative = {"measured here": [one.seconds / causes[guideline][0].seconds for guideline, one in rows]}
    for device, name in (("GPU", "paper, GPU"), ("ARM", "paper, phone")):
        relative[name] = [1 / published_speeds(guideline)[device][one.name] for guideline, one in rows]
    beside = "time, the first is 1"
    return dot_chart(
        {f"{name}: {GUIDELINES[name][0]}": [one.name for one in variants] for name, variants in causes.items()},
        {"ms for one image": milliseconds, beside: relative},
        title="Equal MACs, and where the time goes",
        log=[beside],
    )


def ends_ratios(guideline: str, variants: Sequence[TimeParts]) -> dict[str, float]:
    """How many times as long as what follows a guideline its worst breach takes, where it is known.

    Args:
        guideline: G1, G2, G3 or G4.
        variants: All of its variants, as recorded.

    Returns:
        Clock to ratio: the record's, that of the paper's GPU and that of its phone.
    """
    follows, breaks = ENDS[guideline]
    recorded = {one.name: one.seconds for one in variants}
    published = {
        words: published_speeds(guideline)[device] for device, words in (("GPU", "paper, GPU"), ("ARM", "paper, phone"))
    }
    ratios = {words: speeds[follows] / speeds[breaks] for words, speeds in published.items()}
    return {"recorded": recorded[breaks] / recorded[follows], **ratios}


def ends_table(measured: Sequence[GuidelineRow], causes: Mapping[str, Sequence[TimeParts]]) -> NumberTable:
    """For each guideline the variant that breaks it most, in multiples of the time of the one that follows it.

    Args:
        measured: Now, from `lightnets_edu.timing.measure_guidelines`.
        causes: Recorded, from `lightnets_edu.timing.time_parts.guideline_causes`.
    """
    lines = []
    for guideline, variants in causes.items():
        follows, breaks = ENDS[guideline]
        rows = {row.variant: row for row in measured if row.guideline == guideline}
        ratios = [rows[follows].relative / rows[breaks].relative, *ends_ratios(guideline, variants).values()]
        texts = [f"{ratio:.2f}" for ratio in ratios]
        if rows[follows].is_noisy or rows[breaks].is_noisy:
            texts[0] += " (noisy)"
        lines.append((guideline, f"“{breaks}” instead of “{follows}”", *texts))
    return NumberTable(
        "The time of what breaks a guideline, as a multiple of what follows it",
        ("guideline", "compared", "here, now", "recorded", "paper, GPU", "paper, phone"),
        lines,
        ["Above 1 the guideline holds. What is marked as noisy says little: on a busy machine, run the cell again."],
        words=("compared",),
    )


def _advised(guideline: str, variants: Sequence[TimeParts]) -> tuple[TimeParts, list[TimeParts]]:
    """The variant that follows the guideline, and the others."""
    name, _ = ENDS[guideline]
    return next(one for one in variants if one.name == name), [one for one in variants if one.name != name]


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _signed(milliseconds: float) -> str:
    return signed(milliseconds, 1)
