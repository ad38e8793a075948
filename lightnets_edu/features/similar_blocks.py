"""How similar are the feature maps of two blocks? G-GhostNet's question about the first and last block of a stage.

Han et al. 2022, arXiv:2201.03297.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

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
    a, b = checked_maps(a), checked_maps(b)
    if len(a) != len(b) or a.shape[2:] != b.shape[2:]:
        raise ValueError(
            f"a of {tuple(a.shape)} and b of {tuple(b.shape)} should have the same images and the same height and "
            "width: they are compared pixel by pixel, so take two blocks of one stage"
        )
    x, y = pixels_by_channel(a), pixels_by_channel(b)
    for name, rows in (("a", x), ("b", y)):
        if not is_live(rows).any():
            raise ValueError(f"all maps of {name} are constant: there is nothing to compare")
    best = cross_similarity(x, y).amax(0)[is_live(y)]
    return Similarity(cka=_linear_cka(x, y), cosine=float(best.mean()))


def _linear_cka(x: Tensor, y: Tensor) -> float:
    """CKA of two blocks' pixels, ``[C, P]`` and ``[D, P]``."""
    x, y = (rows - rows.mean(1, keepdim=True) for rows in (x, y))
    return float((x @ y.T).square().sum() / ((x @ x.T).norm() * (y @ y.T).norm()))
