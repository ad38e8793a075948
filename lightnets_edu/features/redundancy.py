"""How redundant are feature maps? GhostNet's question: is one map a cheap function of another?

Han et al. 2020, arXiv:1911.11907, show pairs of similar maps and make one of each pair by a depthwise convolution. Here
the question is put to any feature maps: which other map is most like it, and how well does one small kernel, the cheap
operation itself, make it from that other map? Everything is computed in float64, on the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lightnets_edu.checks import whole_number
from lightnets_edu.features.least_squares import Halves, all_pairs, fit, r2_score
from lightnets_edu.features.maps import checked_maps, cross_similarity, is_live, pixels_by_channel


@dataclass(frozen=True)
class Twin:
    """Another channel and how similar it is.

    Attributes:
        channel: Its number.
        similarity: Absolute centred cosine, 0 to 1.
    """

    channel: int
    similarity: float


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A map made from another map: prediction = kernel * source + bias.

    Attributes:
        r2: 1 - (squared error) / (squared deviation from the mean), over the images that were not fitted. 1: perfect;
            0: no better than the mean; negative: worse.
        kernel: ``[d, d]``, as ``torch.nn.functional.conv2d`` takes it.
        bias: Added to every pixel.
        prediction: ``[N, H, W]``, of all images: the first half was fitted, the rest judged.
    """

    r2: float
    kernel: Tensor
    bias: float
    prediction: Tensor


@dataclass(frozen=True, eq=False)
class Redundancy:
    """For each channel, the one other channel from which it is made, and how well.

    The source is chosen and the kernel fitted on the first half of the images; similarity and R² are those of the
    second half. Dead channels have twin -1 and the rest nan, and count in no median and no share.

    Attributes:
        twin: int64 ``[C]``, the channel chosen as the source.
        similarity: ``[C]``, absolute centred cosine of channel and twin.
        r2: ``[C]``, R² of the channel made from its twin.
        dead: bool ``[C]``, channels that are constant in either half.
    """

    twin: Tensor
    similarity: Tensor
    r2: Tensor
    dead: Tensor

    @property
    def median_r2(self) -> float:
        """Median over the live channels."""
        return float(self.r2[~self.dead].quantile(0.5))

    def share(self, r2: float) -> float:
        """The part of the live channels whose R² is at least ``r2``, such as 0.5 or 0.9."""
        return float((self.r2[~self.dead] >= r2).double().mean())


def similarity(maps: Tensor) -> Tensor:
    """How alike each pair of channels is: |<x - mean x, y - mean y>| / (|x - mean x| |y - mean y|).

    x and y are all pixels of all images of a channel. It is the absolute correlation: it does not change if a map is
    scaled, shifted by a constant or negated, all of which a following convolution can undo.

    Args:
        maps: ``[N, C, H, W]``.

    Returns:
        ``[C, C]``, 0 to 1, symmetric. 0 in the row and column of a dead (constant) channel, its diagonal too.

    Raises:
        ValueError: If the maps are not ``[N, C, H, W]`` or not finite.
    """
    pixels = pixels_by_channel(checked_maps(maps))
    return cross_similarity(pixels, pixels)


def nearest_twins(maps: Tensor, channel: int, count: int = 4) -> list[Twin]:
    """The channels most similar to one channel, most similar first; see `similarity`.

    Args:
        maps: ``[N, C, H, W]``.
        channel: From 0 to C - 1.
        count: How many, at most; dead channels are no twins.

    Raises:
        ValueError: If there is no such channel, it is dead, or no other one is alive.
    """
    count = whole_number("count", count, 1)
    pixels = pixels_by_channel(checked_maps(maps))
    channel = _checked_channel("channel", channel, len(pixels))
    live = is_live(pixels)
    if not live[channel]:
        raise ValueError(f"channel {channel} is dead: it has the same value everywhere, so nothing is similar to it")
    others = live.clone()
    others[channel] = False
    if not others.any():
        raise ValueError(f"channel {channel} is the only one that is not dead: it has no twin")
    found = cross_similarity(pixels, pixels[channel : channel + 1])[:, 0]
    order = found.masked_fill(~others, -1).argsort(descending=True)[: min(count, int(others.sum()))]
    return [Twin(int(other), float(found[other])) for other in order]


def reconstruct(maps: Tensor, source: int, target: int, kernel_size: int = 3) -> Reconstruction:
    """Make one map from another by one d x d kernel and a bias, as GhostNet's cheap operation does.

    target(i, j) = bias + sum over u, v of kernel(u, v) source(i + u, j + v), zero outside the map. Kernel and bias are
    the least-squares solution over all pixels of the first half of the images. R² is that of the second half, which
    the fit has not seen. If the images are sorted (by class, say), shuffle them first: the halves should be alike.

    Args:
        maps: ``[N, C, H, W]``, at least 2 images.
        source: Channel from which.
        target: Channel to be made.
        kernel_size: d, an odd number.

    Returns:
        R², the kernel, and the map that it makes; kernel and prediction have the type of the maps.

    Raises:
        ValueError: If the maps are not ``[N, C, H, W]``, a channel is not there, the target is dead in either half, the
            kernel size is even, or the fitted half has fewer pixels than there are unknowns.
    """
    maps = checked_maps(maps)
    for name, channel in (("source", source), ("target", target)):
        _checked_channel(name, channel, maps.shape[1])
    halves = Halves.of(maps[:, [source, target]], kernel_size)
    if not halves.live[1]:
        raise ValueError(
            f"channel {target} is dead: it has the same value everywhere in one half of the images, so R² means nothing"
        )
    weights, bias, fitted, judged = fit(halves, 0, halves, torch.tensor([1]))
    return Reconstruction(
        r2=float(r2_score(judged, halves.judged[1:])),
        kernel=weights.view(kernel_size, kernel_size).to(maps.dtype),
        bias=float(bias),
        prediction=torch.cat([fitted, judged], dim=1).view(len(maps), *maps.shape[2:]).to(maps.dtype),
    )


def redundancy(maps: Tensor, kernel_size: int = 3, every_source: bool = False) -> Redundancy:
    """For each channel: from which one other channel can a d x d kernel make it, and how well?

    The source of a channel is its most similar one on the first half of the images. With ``every_source`` every other
    channel is tried, and the one with the highest R² on the first half is taken: better, as a shifted copy need not be
    similar, but up to C times the work. Kernels, halves and R² are those of `reconstruct`.

    Beside R², show `shuffled_control`. A kernel that is larger than the map sees all of it: where maps are 2 x 2, a
    3 x 3 kernel is not cheap any more.

    Args:
        maps: ``[N, C, H, W]``, at least 2 images.
        kernel_size: d, an odd number.
        every_source: Whether to try all sources.

    Raises:
        ValueError: If the maps are not ``[N, C, H, W]`` or fewer than two channels are alive, and as `reconstruct`.
    """
    halves = Halves.of(checked_maps(maps), kernel_size)
    return _redundancy(halves, halves, every_source)


def shuffled_control(maps: Tensor, kernel_size: int = 3, seed: int = 0) -> Redundancy:
    """Chance level of `redundancy`: the same, but each map is to be made from a map of another image.

    It is above 0 where all images have something in common, such as a bright centre.

    Args:
        maps: ``[N, C, H, W]``, at least 4 images.
        kernel_size: As for `redundancy`.
        seed: Decides the order: each half's images stand in a random circle, and targets come from the next one.

    Raises:
        ValueError: As `redundancy`, and if there are fewer than 4 images.
    """
    maps = checked_maps(maps)
    if len(maps) < 4:
        raise ValueError(f"the control needs at least 4 images instead of {len(maps)}: two in each half, to exchange")
    generator = torch.Generator().manual_seed(seed)
    half = len(maps) // 2
    order = torch.cat([_circle(half, generator), half + _circle(len(maps) - half, generator)])
    return _redundancy(Halves.of(maps, kernel_size), Halves.of(maps[order], kernel_size))


def shuffled_pixels(maps: Tensor, seed: int = 0) -> Tensor:
    """The maps with the pixels of each one in a random order of its own: a second chance level for `redundancy`.

    Each map keeps its values, so their mean and spread in each image, but no place is what it was in another map.

    Args:
        maps: ``[N, C, H, W]``.
        seed: Of the orders.
    """
    flat = checked_maps(maps).detach().flatten(2)
    keys = torch.rand(flat.shape, generator=torch.Generator().manual_seed(seed))
    return flat.gather(2, keys.argsort(2).to(flat.device)).view(maps.shape)


# --- How they are computed ------------------------------------------------------------------------------------------


def _redundancy(sources: Halves, targets: Halves, every_source: bool = False) -> Redundancy:
    live = sources.live & targets.live
    channels = len(live)
    if live.sum() < 2:
        raise ValueError(
            f"{channels - int(live.sum())} of {channels} channels are dead (the same value everywhere in one half of "
            "the images): at least two live ones are needed to compare"
        )
    allowed = (live[:, None] & live[None, :]).fill_diagonal_(False)  # [source, target]
    columns = torch.arange(channels)
    if every_source:
        score, r2 = all_pairs(sources, targets, allowed)
        twin = score.argmax(0)
    else:
        score = cross_similarity(sources.fitted, targets.fitted)
        twin = score.masked_fill(~allowed, -torch.inf).argmax(0)
        _, r2 = all_pairs(sources, targets, allowed & (columns[:, None] == twin))
    found = cross_similarity(sources.judged, targets.judged)
    return Redundancy(
        twin=twin.masked_fill(~live, -1),
        similarity=found[twin, columns].masked_fill(~live, torch.nan),
        r2=r2[twin, columns].masked_fill(~live, torch.nan),
        dead=~live,
    )


def _circle(count: int, generator: torch.Generator) -> Tensor:
    """A permutation in which nothing stays: in a random circle, each gets its successor."""
    order = torch.randperm(count, generator=generator)
    successor = torch.empty_like(order)
    successor[order] = order.roll(-1)
    return successor


def _checked_channel(name: str, channel: int, channels: int) -> int:
    if whole_number(name, channel, 0) >= channels:
        raise ValueError(f"{name}={channel} is not there: the maps have channels 0 to {channels - 1}")
    return channel
