"""What do the runs of a study say? Paired differences over seeds, their interval, a verdict and its sentence.

Two variants are compared on the same seeds: the same seed gives both the same order of images and the same
augmentation, so what the two share cancels in the difference. The mean of the differences has a t-interval of 95 %
(Student 1908; as ``scipy.stats.ttest_rel`` gives it).

With δ the smallest difference that would matter, fixed before the first run, and the difference taken so that positive
means "a does better":

=============  ===========================  =====================================  =========
claim          shown                        refuted                                otherwise
=============  ===========================  =====================================  =========
a is better    interval above 0, mean ≥ δ   interval below δ                       undecided
a is no worse  interval above −δ            interval below 0, mean ≤ −δ            undecided
=============  ===========================  =====================================  =========
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

CONFIDENCE = 0.95
FEWEST_SEEDS = 3  # with fewer the interval says nothing
BETTER, NO_WORSE = "better", "no worse"
SHOWN, REFUTED, UNDECIDED = "shown", "refuted", "undecided"
KINDS, VERDICTS = (BETTER, NO_WORSE), (SHOWN, REFUTED, UNDECIDED)
CAUTION = (
    "The intervals show how much results scatter over seeds. They are not corrected for the number of comparisons, and "
    "they speak for these training and test images and for networks of this size."
)
_RESULTS = ("seeds", "mean_difference", "interval", "verdict", "sentence")  # what is computed of a comparison


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % t-interval.

    Attributes:
        mean: Of the values.
        low: The lower end; None if there are fewer values than ``FEWEST_SEEDS``.
        high: The upper end; likewise.
        count: Number of values.
    """

    mean: float
    low: float | None
    high: float | None
    count: int


def t_interval(values: Sequence[float]) -> Interval:
    """The mean of some values and its t-interval: mean ± t(0.975, n − 1) · s / √n.

    Raises:
        ValueError: If there is no value.
        ImportError: If SciPy is not installed.
    """
    from scipy.stats import t as student

    count = len(values)
    if not count:
        raise ValueError("an interval needs at least one value, and there is none")
    mean = float(np.mean(values))
    if count < FEWEST_SEEDS:
        return Interval(mean, None, None, count)
    half = float(student.ppf((1 + CONFIDENCE) / 2, count - 1)) * float(np.std(values, ddof=1)) / sqrt(count)
    return Interval(mean, mean - half, mean + half, count)


def verdict_of(kind: str, difference: Interval, smallest: float) -> str:
    """The verdict on a claim about a difference that is positive where the claim's side does better.

    Args:
        kind: ``"better"`` or ``"no worse"``.
        difference: Of the paired runs.
        smallest: The smallest difference that would matter, above 0.

    Returns:
        ``"shown"``, ``"refuted"`` or ``"undecided"``.
    """
    if difference.low is None or difference.high is None:
        return UNDECIDED
    if kind == BETTER:
        shown = difference.low > 0 and difference.mean >= smallest
        refuted = difference.high < smallest
    else:
        shown = difference.low > -smallest
        refuted = difference.high < 0 and difference.mean <= -smallest
    return SHOWN if shown else REFUTED if refuted else UNDECIDED


def values_of(record: Mapping[str, Any], variant: str, measure: str) -> dict[int, float]:
    """A measure of a variant in a study's record, by seed; runs that do not have it are left out."""
    return {
        run["seed"]: run["measures"][measure]
        for run in record["runs"]
        if run["variant"] == variant and measure in run["measures"]
    }


def judged(record: Mapping[str, Any]) -> dict[str, Any]:
    """A study's record with its comparisons judged anew from its runs.

    Where SciPy is not installed, what would be computed is None: call it again where it is.

    Args:
        record: From a study; it is not changed.
    """
    comparisons = [_judged(comparison, record) for comparison in record["comparisons"]]
    main = comparisons[0]
    return {**record, "comparisons": comparisons, "verdict": main["verdict"], "sentence": main["sentence"]}


def _judged(comparison: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    a, b = (values_of(record, comparison[side], comparison["measure"]) for side in ("a", "b"))
    seeds = sorted(a.keys() & b.keys())
    results: dict[str, Any] = dict.fromkeys(_RESULTS)
    try:
        found = t_interval([a[seed] - b[seed] for seed in seeds]) if seeds else Interval(0.0, None, None, 0)
    except ImportError:
        return {**comparison, **results}
    measure = next(one for one in record["measures"] if one["name"] == comparison["measure"])
    decimals = measure["digits"] + 4  # far more than the seeds' scatter lets one know, and less than rounding disturbs

    def rounded(value: float) -> float:
        return round(value, decimals) + 0.0  # no -0.0

    oriented = found if measure["better"] == "higher" else _mirrored(found)
    verdict = verdict_of(comparison["kind"], oriented, comparison["smallest_difference"])
    results = {
        "seeds": len(seeds),
        "mean_difference": rounded(found.mean) if seeds else None,
        "interval": None if found.low is None or found.high is None else [rounded(found.low), rounded(found.high)],
        "verdict": verdict,
    }
    means = [float(np.mean([side[seed] for seed in seeds])) if seeds else 0.0 for side in (a, b)]
    words = _Words(comparison, record, measure)
    return {**comparison, **results, "sentence": words.sentence(means, found, oriented, verdict)}


def _mirrored(interval: Interval) -> Interval:
    if interval.low is None or interval.high is None:
        return Interval(-interval.mean, None, None, interval.count)
    return Interval(-interval.mean, -interval.high, -interval.low, interval.count)


class _Words:
    """The sentence of one comparison."""

    def __init__(self, comparison: Mapping[str, Any], record: Mapping[str, Any], measure: Mapping[str, Any]) -> None:
        descriptions = {variant["name"]: variant["description"] for variant in record["variants"]}
        self.a, self.b = (descriptions[comparison[side]] for side in ("a", "b"))
        self.kind, self.smallest, self.measure = comparison["kind"], comparison["smallest_difference"], measure

    def sentence(self, means: Sequence[float], found: Interval, oriented: Interval, verdict: str) -> str:
        """All of it.

        Args:
            means: Of both sides, over the seeds that both have.
            found: The difference as it was measured, a − b.
            oriented: The difference, positive where a does better.
            verdict: On it.
        """
        if not found.count:
            return f"No seed has been run yet for both {self.a} and {self.b}."
        seeds = "one seed each" if found.count == 1 else f"means of {found.count} seeds each"
        levels = [level_text(mean, self.measure) for mean in means]
        numbers = f"The {self.measure['label']} is {levels[0]} for {self.a} and {levels[1]} for {self.b} ({seeds})"
        if found.low is None or found.high is None:
            return f"{numbers}; fewer than {FEWEST_SEEDS} seeds cannot decide, so the claim is undecided."
        ends = [self._signed(end).removesuffix(self._unit) for end in (found.low, found.high)]
        difference = f"the difference of {self._signed(found.mean)} (95 % interval {ends[0]} to {ends[1]})"
        return f"{numbers}; {difference} {self._reason(oriented, verdict)}, so at this size the claim is {verdict}."

    @property
    def _unit(self) -> str:
        return difference_unit(self.measure)

    def _signed(self, value: float) -> str:
        digits = self.measure["digits"] + 1  # a difference is known better than what it is a difference of
        text = f"{abs(value):,.{digits}f}"
        sign = "" if not text.strip("0.,") else "−" if value < 0 else "+"
        return f"{sign}{text}{self._unit}"

    def _reason(self, oriented: Interval, verdict: str) -> str:
        """What the interval does, as the predicate of "the difference"."""
        assert oriented.low is not None and oriented.high is not None
        matters = f"the {self.smallest:,g}{self._unit}"
        higher = self.measure["better"] == "higher"
        good, bad = ("above", "below") if higher else ("below", "above")
        if self.kind == BETTER:
            if verdict == SHOWN:
                return f"lies {good} zero with its whole interval, and its mean reaches {matters} that would matter"
            if verdict == REFUTED and oriented.high < 0:
                return f"lies {bad} zero with its whole interval"
            if verdict == REFUTED and oriented.low > 0:
                return f"lies {good} zero, but excludes {matters} that would matter"
            if verdict == REFUTED:
                return f"excludes {matters} that would matter"
            if oriented.low > 0:
                return f"lies {good} zero, but whether it reaches {matters} that would matter stays open"
            return f"may be zero as well as {matters} that would matter"
        if verdict == SHOWN:
            return f"excludes a loss of {matters} that would matter"
        if verdict == REFUTED:
            return f"is a loss with its whole interval, and its mean reaches {matters} that would matter"
        if oriented.high < 0:
            return f"is a loss, but whether it reaches {matters} that would matter stays open"
        return f"may be zero as well as a loss of {matters} that would matter"


def level_text(value: float, measure: Mapping[str, Any]) -> str:
    """A value of a measure with its unit, such as ``90.3 %``."""
    unit = f" {measure['unit']}" if measure["unit"] else ""
    return f"{value:,.{measure['digits']}f}{unit}"


def difference_unit(measure: Mapping[str, Any]) -> str:
    """The unit of a difference, with a space before it: of per cents it is ``points``; nothing if there is none."""
    unit = "points" if measure["unit"] == "%" else measure["unit"]
    return f" {unit}" if unit else ""
