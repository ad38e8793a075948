"""How good are the predictions? Networks that nothing was fitted to, and two measures of error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lightnets_edu.statistics import mean_absolute_percentage_error, spearman
from lightnets_edu.timing.predict import nonnegative_fit

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


def left_out_error(terms: np.ndarray, seconds: np.ndarray) -> float:
    """Mean error, as a part of 1, if each network's time is predicted by a fit to all others.

    Args:
        terms: ``[networks, numbers]``: what the time is made of, each with a factor of at least 0.
        seconds: ``[networks]``.
    """
    predicted = []
    for index in range(len(seconds)):
        others = np.arange(len(seconds)) != index
        predicted.append(float(terms[index] @ nonnegative_fit(terms[others], seconds[others])))
    return mean_absolute_percentage_error(predicted, seconds.tolist())


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
