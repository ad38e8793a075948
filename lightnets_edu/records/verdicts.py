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

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import sympy as sp

from lightnets_edu.formulas.checks import fill_message
from lightnets_edu.formulas.tree import Tree, compile_trees, to_tree
from lightnets_edu.tables import signed as signed_text

CONFIDENCE = 0.95
FEWEST_SEEDS = 3  # with fewer the interval says nothing
BETTER, NO_WORSE = "better", "no worse"
SHOWN, REFUTED, UNDECIDED = "shown", "refuted", "undecided"
KINDS, VERDICTS = (BETTER, NO_WORSE), (SHOWN, REFUTED, UNDECIDED)
VERDICT = "At this size: {verdict}."
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


class Rule(NamedTuple):
    """A line of the table above, and how its sentence says why.

    Attributes:
        holds: A SymPy boolean over ``low``, ``mean``, ``high`` (positive: a does better) and ``smallest`` (δ).
        verdict: If it holds, and no rule before it.
        reason: The predicate of "the difference"; ``{good}`` and ``{bad}`` are "above" and "below" where higher values
            are better, ``{matters}`` is δ with its unit.
    """

    holds: sp.Basic
    verdict: str
    reason: str


_LOW, _MEAN, _HIGH, _DELTA = _NAMES = sp.symbols("low mean high smallest", real=True)
RULES = {
    BETTER: (
        Rule(
            sp.And(_LOW > 0, _MEAN >= _DELTA),
            SHOWN,
            "lies {good} zero with its whole interval, and its mean reaches {matters} that would matter",
        ),
        Rule(_HIGH < 0, REFUTED, "lies {bad} zero with its whole interval"),
        Rule(sp.And(_LOW > 0, _HIGH < _DELTA), REFUTED, "lies {good} zero, but excludes {matters} that would matter"),
        Rule(_HIGH < _DELTA, REFUTED, "excludes {matters} that would matter"),
        Rule(_LOW > 0, UNDECIDED, "lies {good} zero, but whether it reaches {matters} that would matter stays open"),
        Rule(sp.true, UNDECIDED, "may be zero as well as {matters} that would matter"),
    ),
    NO_WORSE: (
        Rule(_LOW > -_DELTA, SHOWN, "excludes a loss of {matters} that would matter"),
        Rule(
            sp.And(_HIGH < 0, _MEAN <= -_DELTA),
            REFUTED,
            "is a loss with its whole interval, and its mean reaches {matters} that would matter",
        ),
        Rule(_HIGH < 0, UNDECIDED, "is a loss, but whether it reaches {matters} that would matter stays open"),
        Rule(sp.true, UNDECIDED, "may be zero as well as a loss of {matters} that would matter"),
    ),
}
_RULES_HOLD = {
    kind: compile_trees([name.name for name in _NAMES], [to_tree(rule.holds) for rule in rules])
    for kind, rules in RULES.items()
}

_QUANTILE, _SQUARES, _COUNT = sp.symbols("quantile squares count", real=True)
_HALF = _QUANTILE * sp.sqrt(_SQUARES / (_COUNT - 1)) / sp.sqrt(_COUNT)
# The ends of an interval, mean ± t(0.975, n − 1) · s / √n, from the sum of the squared deviations from the mean.
ENDS: tuple[Tree, Tree] = (to_tree(_MEAN - _HALF), to_tree(_MEAN + _HALF))
_ends = compile_trees(["mean", "squares", "count", "quantile"], ENDS)


def t_quantile(count: int) -> float:
    """Student's t for the interval of so many values: the quantile of 97.5 % with ``count − 1`` degrees of freedom.

    Raises:
        ImportError: If SciPy is not installed.
    """
    from scipy.stats import t as student

    return float(student.ppf((1 + CONFIDENCE) / 2, count - 1))


def _total(values: Iterable[float]) -> float:
    # One after the other, as the page's script adds: a sum that rounds in another way prints other last digits.
    return reduce(operator.add, values, 0.0)


def t_interval(values: Sequence[float]) -> Interval:
    """The mean of some values and its t-interval: mean ± t(0.975, n − 1) · s / √n.

    Raises:
        ValueError: If there is no value.
        ImportError: If SciPy is not installed.
    """
    count = len(values)
    if not count:
        raise ValueError("an interval needs at least one value, and there is none")
    mean = _total(values) / count
    if count < FEWEST_SEEDS:
        return Interval(mean, None, None, count)
    squares = _total((value - mean) * (value - mean) for value in values)
    low, high = _ends(mean, squares, count, t_quantile(count))
    return Interval(mean, low, high, count)


def _rule_of(kind: str, difference: Interval, smallest: float) -> int:
    """The place of the rule that decides about an interval."""
    return _RULES_HOLD[kind](difference.low, difference.mean, difference.high, smallest).index(True)


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
    return RULES[kind][_rule_of(kind, difference, smallest)].verdict


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
    results = {
        "seeds": len(seeds),
        "mean_difference": rounded(found.mean) if seeds else None,
        "interval": None if found.low is None or found.high is None else [rounded(found.low), rounded(found.high)],
        "verdict": verdict_of(comparison["kind"], oriented, comparison["smallest_difference"]),
    }
    means = [t_interval([side[seed] for seed in seeds]).mean if seeds else 0.0 for side in (a, b)]
    return {**comparison, **results, "sentence": _sentence(comparison, record, means, found, oriented)}


def _mirrored(interval: Interval) -> Interval:
    if interval.low is None or interval.high is None:
        return Interval(-interval.mean, None, None, interval.count)
    return Interval(-interval.mean, -interval.high, -interval.low, interval.count)


@dataclass(frozen=True)
class Wording:
    """What the sentence of one comparison is made from, here and in a page's script.

    Attributes:
        few: The sentences for 0, 1, ... seeds, too few to decide. ``{level_a}`` and ``{level_b}`` are the means.
        enough: The sentence for more: also ``{count}``, ``{difference}``, ``{low}`` and ``{high}`` with their signs,
            and the deciding rule's ``{reason}`` and ``{verdict}``.
        reasons: Those of the comparison's rules, in the order of ``RULES``.
        digits: Decimals of a mean; a difference is known better than what it is a difference of, and has one more.
    """

    few: tuple[str, ...]
    enough: str
    reasons: tuple[str, ...]
    digits: int


def wording(comparison: Mapping[str, Any], record: Mapping[str, Any]) -> Wording:
    """The wording of one of a record's comparisons."""
    measure = next(one for one in record["measures"] if one["name"] == comparison["measure"])
    descriptions = {variant["name"]: variant["description"] for variant in record["variants"]}
    a, b = (descriptions[comparison[side]] for side in ("a", "b"))
    unit, difference = level_unit(measure), difference_unit(measure)
    levels = f"The {measure['label']} is {{level_a}}{unit} for {a} and {{level_b}}{unit} for {b}"
    few = [f"No seed has been run yet for both {a} and {b}."]
    for count in range(1, FEWEST_SEEDS):
        seeds = "one seed each" if count == 1 else f"means of {count} seeds each"
        few.append(f"{levels} ({seeds}); fewer than {FEWEST_SEEDS} seeds cannot decide, so the claim is {UNDECIDED}.")
    enough = (
        f"{levels} (means of {{count}} seeds each); the difference of {{difference}}{difference} "
        "(95 % interval {low} to {high}) {reason}, so at this size the claim is {verdict}."
    )
    good, bad = ("above", "below") if measure["better"] == "higher" else ("below", "above")
    matters = f"the {comparison['smallest_difference']:,g}{difference}"
    reasons = (
        fill_message(rule.reason, {"good": good, "bad": bad, "matters": matters}) for rule in RULES[comparison["kind"]]
    )
    return Wording(tuple(few), enough, tuple(reasons), measure["digits"])


def _sentence(
    comparison: Mapping[str, Any],
    record: Mapping[str, Any],
    means: Sequence[float],
    found: Interval,
    oriented: Interval,
) -> str:
    """The sentence of one comparison.

    Args:
        comparison: One of the record's.
        record: Of the study.
        means: Of both sides, over the seeds that both have.
        found: The difference as it was measured, a − b.
        oriented: The difference, positive where a does better.
    """
    words = wording(comparison, record)
    levels = {side: f"{mean:,.{words.digits}f}" for side, mean in zip(("level_a", "level_b"), means, strict=True)}
    if found.low is None or found.high is None:
        return fill_message(words.few[found.count], levels)
    kind = comparison["kind"]
    rule = _rule_of(kind, oriented, comparison["smallest_difference"])
    signed = {"difference": found.mean, "low": found.low, "high": found.high}
    values = {
        **levels,
        **{name: signed_text(value, words.digits + 1) for name, value in signed.items()},
        "count": found.count,
        "reason": words.reasons[rule],
        "verdict": RULES[kind][rule].verdict,
    }
    return fill_message(words.enough, values)


def level_text(value: float, measure: Mapping[str, Any]) -> str:
    """A value of a measure with its unit, such as ``90.3 %``."""
    return f"{value:,.{measure['digits']}f}{level_unit(measure)}"


def level_unit(measure: Mapping[str, Any]) -> str:
    """The unit of a value, with a space before it; nothing if there is none."""
    return f" {measure['unit']}" if measure["unit"] else ""


def difference_unit(measure: Mapping[str, Any]) -> str:
    """The unit of a difference, with a space before it: of per cents it is ``points``; nothing if there is none."""
    unit = "points" if measure["unit"] == "%" else measure["unit"]
    return f" {unit}" if unit else ""
