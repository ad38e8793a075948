"""How similar are the feature maps of two blocks? G-GhostNet's question about the first and last block of a stage.

Han et al. 2022, arXiv:2201.03297.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lightnets_edu.features.least_squares import solve, squared_deviation
from lightnets_edu.features.maps import checked_maps, cross_similarity, is_live, pixels_by_channel


@dataclass(frozen=True)
class Similarity:
    """How similar two blocks' feature maps are.

    Attributes:
        cka: Linear centred kernel alignment, 0 to 1: alike up to a rotation and one scale of the channels.
        cosine: Mean over the second block's live channels of the best absolute centred cosine with any channel of the
            first, 0 to 1: alike channel by channel.
    """

    cka: float
    cosine: float


def block_similarity(a: Tensor, b: Tensor) -> Similarity:
    """Compare the maps of two blocks of a stage, for the same images.

    With X and Y the two blocks' centred maps, a row a pixel and a column a channel,

        ``CKA = |Y^T X|² / (|X^T X| |Y^T Y|)``      (Frobenius norms),

    Kornblith et al. 2019, arXiv:1905.00414. A pixel is an example here, because G-Ghost's cheap operation, a 1x1
    convolution, works on each pixel by itself. CKA compares the two as wholes; the cosine asks for each map of the
    second block whether the first one has it already, as it is (`similarity`).

    Args:
        a: ``[N, C, H, W]``, maps of the first block.
        b: ``[N, D, H, W]``, maps of the last block; another number of channels is allowed.

    Raises:
        ValueError: If shapes do not fit, values are not finite, or all maps of a block are constant.
    """
    a, b = _comparable(a, b)
    x, y = pixels_by_channel(a), pixels_by_channel(b)
    for name, rows in (("a", x), ("b", y)):
        if not is_live(rows).any():
            raise ValueError(f"all maps of {name} are constant: there is nothing to compare")
    best = cross_similarity(x, y).amax(0)[is_live(y)]
    return Similarity(cka=_linear_cka(x, y), cosine=float(best.mean()))


def pointwise_r2(a: Tensor, b: Tensor) -> float:
    """How much of the second block's maps a 1x1 convolution with bias can make from the first block's.

    The best such convolution is found by least squares on the first half of the images and judged on the others:
    R² = 1 - squared error / squared deviation from each map's mean, all maps of the second block taken together.

    Args:
        a: ``[N, C, H, W]``, maps of the first block.
        b: ``[N, D, H, W]``, maps of the last block.

    Returns:
        1 if it makes all of them; about 0 (a little below, for what was fitted to chance) if it can make nothing.

    Raises:
        ValueError: If shapes do not fit, values are not finite, half of the images have too few pixels to fit C + 1
            unknowns for each map, or b's maps are constant in either half.
    """
    a, b = _comparable(a, b)
    half = len(a) // 2
    x, y = pixels_by_channel(a[:half]), pixels_by_channel(b[:half])
    if x.shape[1] <= len(x) + 1:
        raise ValueError(
            f"half of the images have {x.shape[1]} pixels a channel, too few to fit the {len(x) + 1} unknowns of a 1x1 "
            f"convolution from {len(x)} channels with bias: take more images"
        )
    new_x, new_y = pixels_by_channel(a[half:]), pixels_by_channel(b[half:])
    if not (is_live(y).any() and is_live(new_y).any()):
        raise ValueError("all maps of b are constant in a half of the images: there is nothing to make")
    weights, bias, _ = solve(x, y)
    missed = (new_y - weights @ new_x - bias).square().sum()
    return float(1 - missed / squared_deviation(new_y).sum())


def _comparable(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of the same images and the same size."""
    a, b = checked_maps(a), checked_maps(b)
    if len(a) != len(b) or a.shape[2:] != b.shape[2:]:
        raise ValueError(
            f"a of {tuple(a.shape)} and b of {tuple(b.shape)} should have the same images and the same height and "
            "width: they are compared pixel by pixel, so take two blocks of one stage"
        )
    return a, b


def _linear_cka(x: Tensor, y: Tensor) -> float:
    """CKA of two blocks' pixels, ``[C, P]`` and ``[D, P]``."""
    x, y = (rows - rows.mean(1, keepdim=True) for rows in (x, y))
    return float((x @ y.T).square().sum() / ((x @ x.T).norm() * (y @ y.T).norm()))
