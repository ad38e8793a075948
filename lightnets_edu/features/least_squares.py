"""One map made from another by a small kernel: least squares, in closed form, over all pixels of some images.

The maps come in two halves of the images: kernels are fitted on the first and judged on the second. Everything is
computed in float64, on the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lightnets_edu.checks import whole_number
from lightnets_edu.features.maps import is_live, pixels_by_channel

TINY = 1e-12  # directions with less than this part of the largest variance are left out of a least-squares fit


@dataclass(frozen=True, eq=False)
class Halves:
    """Maps by channel, in two halves of the images.

    Attributes:
        fitted: ``[C, pixels]`` of the first half of the images.
        judged: ``[C, pixels]`` of the rest.
        size: (H, W).
        kernel_size: Checked.
    """

    fitted: Tensor
    judged: Tensor
    size: tuple[int, int]
    kernel_size: int

    @staticmethod
    def of(maps: Tensor, kernel_size: int) -> Halves:
        """Divide ``[N, C, H, W]``."""
        if whole_number("kernel_size", kernel_size, 1) % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size} is even: no padding keeps the size of the map; try 1, 3 or 5")
        if len(maps) < 2:
            raise ValueError(f"at least 2 images are needed instead of {len(maps)}: one half is fitted, one is judged")
        half = len(maps) // 2
        fitted, judged = (pixels_by_channel(part) for part in (maps[:half], maps[half:]))
        if fitted.shape[1] <= kernel_size**2 + 1:
            raise ValueError(
                f"half of the images have {fitted.shape[1]} pixels a channel, too few to fit the {kernel_size**2 + 1} "
                f"unknowns of a {kernel_size} x {kernel_size} kernel with bias: take more images"
            )
        return Halves(fitted, judged, (maps.shape[2], maps.shape[3]), kernel_size)

    def shifts(self, channel: Tensor) -> Tensor:
        """What each weight of the kernel is multiplied by: ``[pixels] -> [d * d, pixels]``, zero outside the map."""
        d = self.kernel_size
        return F.unfold(channel.view(-1, 1, *self.size), d, padding=d // 2).transpose(0, 1).flatten(1)

    @property
    def live(self) -> Tensor:
        """bool ``[C]``: channels that vary in both halves."""
        return is_live(self.fitted) & is_live(self.judged)


def all_pairs(sources: Halves, targets: Halves, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """R² of (source, target), ``[C, C]``, on the fitted and on the judged half; -inf where not wanted."""
    fitted_r2 = torch.full(wanted.shape, -torch.inf, dtype=torch.float64)
    judged_r2 = fitted_r2.clone()
    for source in wanted.any(1).nonzero().flatten().tolist():
        chosen = wanted[source].nonzero().flatten()
        _, _, fitted, judged = fit(sources, source, targets, chosen)
        fitted_r2[source, chosen] = r2_score(fitted, targets.fitted[chosen])
        judged_r2[source, chosen] = r2_score(judged, targets.judged[chosen])
    return fitted_r2, judged_r2


def fit(sources: Halves, source: int, targets: Halves, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`solve`, and what the solution makes of both halves.

    Returns:
        Weights ``[T, d * d]``, biases ``[T, 1]``, and what they make of the fitted and of the judged half,
        ``[T, pixels]``.
    """
    fitted, judged = (sources.shifts(half[source]) for half in (sources.fitted, sources.judged))
    weights, bias, _ = solve(fitted, targets.fitted[chosen])
    return weights, bias, weights @ fitted + bias, weights @ judged + bias


def solve(shifts: Tensor, goals: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The shortest weights and the biases that make goals from the shifted copies of one map, by least squares.

    Args:
        shifts: ``[d * d, pixels]``.
        goals: ``[T, pixels]``.

    Returns:
        Weights ``[T, d * d]``, biases ``[T, 1]``, and how much of each goal's `squared_deviation` they explain ``[T]``.
    """
    mean = shifts.mean(1, keepdim=True)
    centred = shifts - mean  # which leaves the bias out of the equations
    products = goals @ centred.T
    inverse = torch.linalg.pinv(centred @ centred.T, rtol=TINY, hermitian=True)
    weights = products @ inverse
    # The normal equations hold, so the prediction's squared deviation is its product with the goal.
    return weights, goals.mean(1, keepdim=True) - weights @ mean, (weights * products).sum(1)


def squared_deviation(rows: Tensor) -> Tensor:
    """Sum of squared deviations from the mean, of each row: ``[T, P] -> [T]``."""
    return (rows - rows.mean(1, keepdim=True)).square().sum(1)


def r2_score(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - squared error / squared deviation from the mean, of each row: ``[T, P] -> [T]``."""
    return 1 - (target - prediction).square().sum(1) / squared_deviation(target)
