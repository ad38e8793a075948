"""Verdicts: intervals are SciPy's, the rules are those of the docstring's table, sentences say what the numbers say."""

from __future__ import annotations

import math
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from lightnets_edu.records.verdicts import CAUTION, Interval, judged, t_interval, values_of, verdict_of

# Student's t, 97.5 %, of printed tables: degrees of freedom to quantile.
PRINTED = {2: 4.303, 4: 2.776, 9: 2.262}
VALUES = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=3, max_size=10)


def record(a: list[float], b: list[float], *, kind="better", by=0.5, better="higher", unit="%") -> dict:
    runs = [
        {"variant": name, "seed": seed, "measures": {"score": value}}
        for name, values in (("a", a), ("b", b))
        for seed, value in enumerate(values)
    ]
    comparison = {"claim": "A claim.", "measure": "score", "a": "a", "b": "b", "kind": kind, "smallest_difference": by}
    return {
        "measures": [{"name": "score", "label": "test score", "unit": unit, "better": better, "digits": 1}],
        "variants": [{"name": name, "description": f"networks {name}"} for name in "ab"],
        "runs": runs,
        "comparisons": [comparison],
    }


def judge(*arguments, **options) -> tuple[str, str]:
    found = judged(record(*arguments, **options))
    assert (found["verdict"], found["sentence"]) == tuple(found["comparisons"][0][n] for n in ("verdict", "sentence"))
    return found["verdict"], found["sentence"]


@given(VALUES)
def test_the_interval_is_that_of_the_paired_t_test(pairs):
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    found = t_interval(list(a - b))
    if np.std(a - b) > 1e-9:
        expected = ttest_rel(a, b).confidence_interval(0.95)
        assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert found.mean == pytest.approx(np.mean(a - b)) and found.count == len(pairs)


@pytest.mark.parametrize("count", [3, 5, 10])
def test_the_interval_by_hand(count):
    values = [0.1 * k for k in range(count)]
    mean = 0.1 * (count - 1) / 2
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (count - 1))
    found = t_interval(values)
    half = PRINTED[count - 1] * deviation / math.sqrt(count)
    assert (found.low, found.high) == (pytest.approx(mean - half, abs=1e-3), pytest.approx(mean + half, abs=1e-3))


@pytest.mark.parametrize(
    ("kind", "low", "mean", "high", "verdict"),
    [  # δ = 1
        ("better", 0.1, 1.0, 1.9, "shown"),
        ("better", 0.1, 0.9, 1.7, "undecided"),  # a difference, but perhaps none that matters
        ("better", 0.1, 0.5, 0.9, "refuted"),  # a difference, but none that matters
        ("better", 0.0, 1.0, 2.0, "undecided"),
        ("better", -0.5, 0.2, 0.9, "refuted"),
        ("better", -0.5, 0.2, 1.0, "undecided"),
        ("better", -3.0, -2.0, -1.0, "refuted"),
        ("no worse", -0.9, -0.4, 0.1, "shown"),
        ("no worse", -0.9, -0.5, -0.1, "shown"),  # worse, but not by what matters
        ("no worse", -1.0, -0.2, 0.6, "undecided"),
        ("no worse", -1.9, -1.0, -0.1, "refuted"),
        ("no worse", -1.5, -0.8, -0.1, "undecided"),
        ("no worse", -2.0, -1.0, 0.0, "undecided"),
        ("no worse", 0.5, 1.0, 1.5, "shown"),
    ],
)
def test_the_rules(kind, low, mean, high, verdict):
    assert verdict_of(kind, Interval(mean, low, high, 5), 1.0) == verdict
    assert verdict_of(kind, Interval(mean, None, None, 2), 1.0) == "undecided"


SEEDS = {
    "far": ([90.0, 90.1, 90.2], [88.0, 88.2, 88.1], "shown"),
    "equal": ([90.0, 90.1, 90.2], [90.1, 90.1, 90.1], "refuted"),
    "wide": ([90.0, 92.0, 88.0], [90.1, 90.1, 90.1], "undecided"),
    "worse": ([88.0, 88.2, 88.1], [90.0, 90.1, 90.2], "refuted"),
    "two": ([90.0, 90.1], [88.0, 88.2], "undecided"),
}


@pytest.mark.parametrize("case", SEEDS)
def test_sentences_for_a_better(case):
    a, b, verdict = SEEDS[case]
    found, sentence = judge(a, b)
    assert found == verdict and sentence.endswith(f"the claim is {verdict}.")
    assert f"{np.mean(a):.1f} % for networks a and {np.mean(b):.1f} % for networks b" in sentence
    assert f"means of {len(a)} seeds each" in sentence
    if len(a) > 2:
        interval = ttest_rel(a, b).confidence_interval(0.95)
        numbers = re.search(r"difference of (\S+) points \(95 % interval (\S+) to (\S+)\)", sentence)
        got = [float(number.replace("−", "-")) for number in numbers.groups()]
        assert got == pytest.approx([np.mean(a) - np.mean(b), interval.low, interval.high], abs=0.0051)
    expected = {
        "far": "lies above zero with its whole interval, and its mean reaches the 0.5 points",
        "equal": "excludes the 0.5 points that would matter",
        "wide": "may be zero as well as the 0.5 points that would matter",
        "worse": "lies below zero with its whole interval, so",
        "two": "fewer than 3 seeds cannot decide",
    }
    assert expected[case] in sentence


def test_sentences_for_a_no_worse():
    cases = {
        "shown": ([90.0, 90.1, 90.2], [90.1, 90.1, 90.1], "excludes a loss of the 0.5 points that would matter"),
        "refuted": ([88.0, 88.2, 88.1], [90.0, 90.1, 90.2], "is a loss with its whole interval, and its mean reaches"),
        "undecided": ([90.0, 92.0, 88.0], [90.1, 90.1, 90.1], "may be zero as well as a loss of the 0.5 points"),
    }
    for verdict, (a, b, words) in cases.items():
        found, sentence = judge(a, b, kind="no worse")
        assert found == verdict and words in sentence
    # A loss for certain, but perhaps of less than what matters.
    found, sentence = judge([89.9, 89.7, 89.5], [90.2, 90.2, 90.1], kind="no worse")
    assert found == "undecided" and "is a loss, but whether it reaches" in sentence


def test_lower_may_be_better_and_units_are_named():
    fast, slow = [1.0, 1.1, 1.2], [3.0, 3.1, 3.3]
    found, sentence = judge(fast, slow, better="lower", unit="ms")
    assert found == "shown" and "1.1 ms for networks a and 3.1 ms for networks b" in sentence
    assert "difference of −2.03 ms" in sentence and "lies below zero" in sentence and "0.5 ms that would" in sentence
    assert judge(slow, fast, better="lower", unit="ms")[0] == "refuted"
    assert judge(slow, fast, better="lower", unit="ms", kind="no worse")[0] == "refuted"
    _, sentence = judge([0.2, 0.2, 0.2], [0.1, 0.1, 0.1], unit="")
    assert "is 0.2 for networks a" in sentence and "0.5 that would matter" in sentence


def test_equal_values_have_an_interval_of_no_width():
    verdict, sentence = judge([8.0] * 3, [4.0] * 3, unit="bytes")
    assert verdict == "shown" and "+4.00 bytes (95 % interval +4.00 to +4.00)" in sentence
    verdict, sentence = judge([4.0] * 3, [4.0] * 3)
    assert verdict == "refuted" and "difference of 0.00 points (95 % interval 0.00 to 0.00)" in sentence


def test_only_seeds_that_both_have_are_compared():
    one = record([90.0, 90.1, 90.2, 10.0], [88.0, 88.2, 88.1])
    other = record([90.0, 90.1, 90.2], [88.0, 88.2, 88.1])
    assert judged(one)["comparisons"] == judged(other)["comparisons"]
    assert values_of(one, "a", "score") == {0: 90.0, 1: 90.1, 2: 90.2, 3: 10.0}
    nothing = judged(record([], [1.0]))["comparisons"][0]
    assert nothing["verdict"] == "undecided" and nothing["seeds"] == 0 and nothing["mean_difference"] is None


def test_without_scipy_nothing_is_judged(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    found = judged(record([90.0, 90.1, 90.2], [88.0, 88.2, 88.1]))
    assert found["verdict"] is None and found["sentence"] is None and found["comparisons"][0]["interval"] is None


def test_an_interval_of_nothing():
    with pytest.raises(ValueError, match="at least one value"):
        t_interval([])
    assert "not corrected" in CAUTION
