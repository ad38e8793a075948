"""Statistics against their definitions, written in another way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightnets_edu.statistics import mean_absolute_percentage_error, pareto_front, rank_correlation, spearman


def test_mape():
    assert mean_absolute_percentage_error([1.1, 1.8], [1.0, 2.0]) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="equally long"):
        mean_absolute_percentage_error([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="0 or less"):
        mean_absolute_percentage_error([1.0], [0.0])


def test_spearman_against_its_formula():
    """Without ties it is 1 - 6 sum d^2 / (n (n^2 - 1))."""
    a, b = [3.0, 1.0, 4.0, 1.5, 9.0], [30.0, 20.0, 10.0, 15.0, 40.0]
    differences = [2 - 3, 0 - 2, 3 - 0, 1 - 1, 4 - 4]
    assert spearman(a, b) == pytest.approx(1 - 6 * sum(d * d for d in differences) / (5 * 24))
    assert spearman(a, np.exp(a)) == pytest.approx(1)
    assert spearman(a, [-x for x in a]) == pytest.approx(-1)
    assert spearman([1, 1, 2], [5, 5, 6]) == pytest.approx(1)  # ties share a rank
    with pytest.raises(ValueError, match="two different values"):
        spearman([1, 1], [1, 2])


@given(st.lists(st.tuples(st.integers(-5, 5), st.floats(-9, 9)), min_size=3, max_size=30))
def test_rank_correlation_equals_that_of_the_ranks(pairs):
    def ranks(values):
        return [np.mean(np.flatnonzero(np.sort(values) == value)) for value in values]

    x, y = (list(side) for side in zip(*pairs, strict=True))
    got = rank_correlation(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert got is None
    else:
        assert got == pytest.approx(np.corrcoef(ranks(x), ranks(y))[0, 1], abs=1e-9)
    assert rank_correlation(x[:2], y[:2]) is None


NUMBER = st.one_of(st.none(), st.integers(0, 6))


@given(st.lists(st.tuples(NUMBER, NUMBER), max_size=12), st.sampled_from(["lower", "higher"]), st.booleans())
def test_pareto_front_is_what_nothing_beats(pairs, x_better, y_higher):
    y_better = "higher" if y_higher else "lower"
    rows = [{"x": x, "y": y} for x, y in pairs]
    front = pareto_front(rows, "x", "y", x_better, y_better)
    complete = [(x, y) for x, y in pairs if x is not None and y is not None]

    def best(values, better):
        return max(values) if better == "higher" else min(values)

    # A pair is on the front if its y is the best of its x, and its x the best of those whose y is at least as good.
    expected = []
    for x, y in complete:
        no_worse = [a for a, b in complete if (b >= y if y_higher else b <= y)]
        if y == best([b for a, b in complete if a == x], y_better) and x == best(no_worse, x_better):
            expected.append((x, y))
    assert [(row["x"], row["y"]) for row in front] == sorted(expected, key=lambda pair: pair[0])
