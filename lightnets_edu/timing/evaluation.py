"""How good are the predictions? Networks that nothing was fitted to, and two measures of error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

# The split. None of these is ever used to fit or choose anything; predictions are judged on all of them. They come from
# this book's registry, those after the bar from torchvision.
EVALUATION_NETWORKS = tuple(
    """alexnet squeezenet1_0 squeezenet1_1 resnet50 wide_resnet50_2 resnext50_32x4d se_resnet50 mobilenet_v1
    shufflenet_v1 shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 mnasnet0_5 mnasnet1_0 mnasnet_a1
    mnasnet_small ghostnet regnet_x_400mf regnet_x_800mf regnet_x_1_6gf g_ghost_regnet_x_1_6gf
    torchvision/mobilenet_v2 torchvision/mobilenet_v3_large torchvision/resnet18 torchvision/efficientnet_b0""".split()
)
# Looked at while the predictors were designed, so they say nothing about how good these are.
DEVELOPMENT_NETWORKS = tuple(
    """shufflenet_v2_x2_0 mnasnet0_75 mnasnet1_3 regnet_x_200mf regnet_x_600mf g_ghost_regnet_x_800mf alexnet_2012
    torchvision/densenet121 torchvision/vgg11 torchvision/googlenet torchvision/mobilenet_v3_small torchvision/resnet34
    torchvision/efficientnet_b1 torchvision/regnet_y_800mf""".split()
)
EVALUATION_BATCH_SIZES = (1, 16)


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


def _pair(a: Sequence[float], b: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.ndim != 1 or first.shape != second.shape or not len(first):
        raise ValueError(f"needs two equally long lists of numbers instead of {len(first)} and {len(second)}.")
    return first, second


def _ranks(values: np.ndarray) -> np.ndarray:
    """0 for the least."""
    return np.array([(values < value).sum() + ((values == value).sum() - 1) / 2 for value in values])


def error_table(predicted: Mapping[str, Sequence[float]], measured: Sequence[float]) -> list[dict[str, Any]]:
    """The errors of each rung.

    Args:
        predicted: Rung to seconds, one number for each network.
        measured: Seconds of the same networks.

    Returns:
        Dictionaries with ``rung``, ``mape``, ``spearman``, ``median_ratio`` (predicted by measured) and ``networks``.
    """
    return [
        {
            "rung": rung,
            "mape": mean_absolute_percentage_error(seconds, measured),
            "spearman": spearman(seconds, measured),
            "median_ratio": float(np.median(np.asarray(seconds) / np.asarray(measured))),
            "networks": len(seconds),
        }
        for rung, seconds in predicted.items()
    ]


def format_errors(table: Iterable[Mapping[str, object]]) -> str:
    """The lines of ``error_table`` as text."""
    head = f"{'rung':<18}{'MAPE':>8}{'Spearman':>10}{'median ratio':>14}{'networks':>10}"
    lines = [
        f"{row['rung']:<18}{row['mape']:>8.1%}{row['spearman']:>10.3f}{row['median_ratio']:>14.2f}{row['networks']:>10}"
        for row in table
    ]
    return "\n".join([head, *lines])
