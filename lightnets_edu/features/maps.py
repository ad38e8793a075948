"""Feature maps as rows: all pixels of all images of a channel, in float64."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CONSTANT = 1e-6  # a map is dead if it varies by no more than this part of its largest absolute value


def checked_maps(maps: Tensor) -> Tensor:
    """Feature maps, if they are.

    Raises:
        ValueError: If they are not a finite float tensor ``[N, C, H, W]``.
    """
    if not isinstance(maps, Tensor) or maps.ndim != 4 or not maps.is_floating_point() or maps.numel() == 0:
        got = f"{maps.dtype} {tuple(maps.shape)}" if isinstance(maps, Tensor) else type(maps).__name__
        raise ValueError(f"maps should be a float tensor [N, C, H, W], not empty, instead of {got}")
    if not maps.isfinite().all():
        raise ValueError("maps should be finite: some values are nan or infinite, and a sum would spread them")
    return maps


def pixels_by_channel(maps: Tensor) -> Tensor:
    """``[N, C, H, W] -> [C, N * H * W]`` in float64 on the CPU."""
    return maps.detach().cpu().double().transpose(0, 1).flatten(1)


def is_live(pixels: Tensor) -> Tensor:
    """Which rows are not constant: ``[C, P] -> bool [C]``."""
    return pixels.amax(1) - pixels.amin(1) > CONSTANT * pixels.abs().amax(1)


def cross_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Absolute centred cosine of each row of a and each of b, 0 for constant ones: ``[C, P], [D, P] -> [C, D]``."""
    return (_unit_rows(a) @ _unit_rows(b).T).abs().clamp(max=1)


def _unit_rows(pixels: Tensor) -> Tensor:
    centred = (pixels - pixels.mean(1, keepdim=True)).masked_fill(~is_live(pixels)[:, None], 0)
    return F.normalize(centred, dim=1, eps=torch.finfo(torch.float64).tiny)
