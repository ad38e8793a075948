"""Which of many are best, how far predictions are off, and whether two numbers sort alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def pareto_front(
    rows: Sequence[Mapping[str, Any]], x: str, y: str, x_better: str = "lower", y_better: str = "higher"
) -> list[Mapping[str, Any]]:
    """The rows that no other row beats: none is at least as good on both columns and better on one.

    Args:
        rows: The rows; one without a value (None) on either column is left out.
        x: The key of the first number.
        y: The key of the second.
        x_better: ``lower`` or ``higher``.
        y_better: ``lower`` or ``higher``.

    Returns:
        The rows of the front, by ``x`` from the lowest; equal rows are all kept.
    """
    signs = [{"lower": 1, "higher": -1}[better] for better in (x_better, y_better)]
    complete = [row for row in rows if row[x] is not None and row[y] is not None]
    costs = [(signs[0] * row[x], signs[1] * row[y]) for row in complete]
    front = [
        row
        for row, (a, b) in zip(complete, costs, strict=True)
        if not any(c <= a and d <= b and (c, d) != (a, b) for c, d in costs)
    ]
    return sorted(front, key=lambda row: row[x])


def mean_absolute_percentage_error(predicted: Sequence[float], measured: Sequence[float]) -> float:
    """Mean of |predicted - measured| / measured, as a part of 1.

    Raises:
        ValueError: If the two are not equally many, or a measured value is not positive.
    """
    p, m = _pair(predicted, measured)
    if (m <= 0).any():
        raise ValueError("a measured value is 0 or less: an error relative to it means nothing.")
    return float(np.mean(np.abs(p - m) / m))


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's rank correlation: 1 if both sort the networks alike; equal values share the mean of their ranks.

    Raises:
        ValueError: If the two are not equally many, are fewer than two, or one holds equal values only.
    """
    ranks = [_ranks(values) - (len(values) - 1) / 2 for values in _pair(a, b)]
    spread = np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum())
    if spread == 0:
        raise ValueError("a rank correlation needs at least two different values on each side.")
    return float((ranks[0] * ranks[1]).sum() / spread)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """`spearman`, or None where no orders can be compared: of fewer than three pairs, or where one side is constant."""
    if len(a) < 3 or len(set(a)) == 1 or len(set(b)) == 1:
        return None
    return spearman(a, b)


def _pair(a: Sequence[float], b: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.ndim != 1 or first.shape != second.shape or not len(first):
        raise ValueError(f"needs two equally long lists of numbers instead of {len(first)} and {len(second)}.")
    return first, second


def _ranks(values: np.ndarray) -> np.ndarray:
    """0 for the least."""
    return np.array([(values < value).sum() + ((values == value).sum() - 1) / 2 for value in values])
