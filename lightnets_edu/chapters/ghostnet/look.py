"""Chapter 12's look into a trained network: which maps are alike, at which depth, and what the answers need of them.

The network is EfficientNet-Lite0, trained on ImageNet without any ghosts. Its blocks are inverted residuals: a 1x1
convolution widens (``act1`` returns its maps), a depthwise convolution filters each map (``act2``), and a further 1x1
convolution narrows. GhostNet's claim is about such maps: Han et al. 2020, arXiv:1911.11907.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightnets_edu.chapters.ghostnet.album import MapAlbum, MapCard
from lightnets_edu.features import (
    Photos,
    Redundancy,
    answers_with_ghosts,
    capture,
    find_ghosts,
    reconstruct,
    redundancy,
    redundancy_by_layer,
    settle_batch_norms,
)
from lightnets_edu.models import get_model, weights_info
from lightnets_edu.models.mnasnet import InvertedResidual

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NETWORK = "efficientnet_lite0"
SMALLEST = 14  # side of the maps in pixels; on smaller ones a dozen photographs have too few pixels for a kernel's fit
SHARES = (0.1, 0.25, 0.5)
PARTS = ("act1", "act2")  # of a block: its maps after the 1x1 convolution that widens, and after the depthwise one
CHOICES = {"best": "made from its twin", "random": "made from a random map", "mean": "its mean everywhere"}


@dataclass(frozen=True, eq=False)
class Seen:
    """A trained network and photographs.

    Attributes:
        model: In evaluation mode.
        photos: As they are.
        images: ``[N, 3, H, W]``, normalised for the network.
    """

    model: nn.Module
    photos: Photos
    images: Tensor


def look(photos: Photos) -> Seen:
    """The trained network, and photographs as it wants them.

    Args:
        photos: From `load_photos`.

    Raises:
        ModuleNotFoundError: If the package with the weights is not installed.
    """
    info = weights_info(NETWORK)
    return Seen(get_model(NETWORK, weights="imagenet").eval(), photos, photos.normalised(info.mean, info.std))


def pairs_album(seen: Seen, layer: str, photo: str, pairs: int = 3, others: int = 5) -> MapAlbum:
    """Maps of a layer beside their twins and what a 3x3 kernel makes of these: the best pairs, and others to open.

    Args:
        seen: The network and the photographs; the photograph is to be in their second half, which no kernel has seen.
        layer: Whose maps.
        photo: In which photograph they are shown.
        pairs: How many of the pairs with the highest R² are shown; no map is in two of them.
        others: How many further maps can be opened, at equal distances from the best to the worst.
    """
    maps = capture(seen.model, [layer], seen.images)[layer]
    found = redundancy(maps)
    place = seen.photos.names.index(photo)
    order = found.r2.nan_to_num(-torch.inf).argsort(descending=True)[: int((~found.dead).sum())].tolist()
    best: list[int] = []
    for channel in order:
        twin = int(found.twin[channel])
        if len(best) < pairs and not any({channel, twin} & {other, int(found.twin[other])} for other in best):
            best.append(channel)
    paired = {*best, *(int(found.twin[channel]) for channel in best)}
    rest = [channel for channel in order if channel not in paired]
    steps = [round(i * (len(rest) - 1) / max(1, others - 1)) for i in range(others)]
    cards = []
    for channel in [*best, *(rest[step] for step in steps)]:
        twin = int(found.twin[channel])
        made = reconstruct(maps, twin, channel)
        pictures = (
            (f"map {channel}", maps[place, channel]),
            (f"its twin, map {twin}", maps[place, twin]),
            (f"map {channel}, made from {twin}", made.prediction[place]),
        )
        cards.append(MapCard(f"Map {channel}, R² {made.r2:.2f}".replace("-", "−"), pictures))
    few = F.avg_pool2d(maps[place, :: max(1, maps.shape[1] // 12)][:12], 2)  # they are shown in small
    title = f"The photograph, {len(few)} of the {maps.shape[1]} maps of {layer}, and pairs that are alike"
    return MapAlbum(title, cards, f"pairs_{photo}", opened=pairs, photo=seen.photos.images[place], maps=few)


@dataclass(frozen=True, eq=False)
class Depth:
    """How well each map of a layer is made from its nearest twin by a 3x3 kernel, and with what that is compared.

    Attributes:
        block: Such as ``"1.0"``: stage and place in the stage.
        part: Of the block: one of `PARTS`.
        maps: How many.
        side: Of the maps, in pixels.
        trained: R² of each map.
        untrained: The same in a network with random weights, whose batch norms have seen the photographs.
        shuffled: The same in the trained one, the pixels of each map in a random order.
    """

    block: str
    part: str
    maps: int
    side: int
    trained: Redundancy
    untrained: Redundancy
    shuffled: Redundancy


def redundancy_by_depth(seen: Seen, seed: int = 0, progress: bool = False) -> list[Depth]:
    """Both parts of all blocks whose maps are not too small to judge, from the first to the last.

    Args:
        seen: The network and the photographs.
        seed: Of the untrained network's weights, and of the shuffling.
        progress: Whether to show progress bars.
    """
    shapes = {name: maps.shape[1:3] for name, maps in capture(seen.model, _parts(seen.model), seen.images[:1]).items()}
    layers = [name for name, (_, side) in shapes.items() if side >= SMALLEST]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = get_model(NETWORK)
    settle_batch_norms(untrained, seen.images)
    trained = redundancy_by_layer(seen.model, seen.images, layers, progress=progress)
    random = redundancy_by_layer(untrained, seen.images, layers, progress=progress)
    shuffled = redundancy_by_layer(seen.model, seen.images, layers, shuffle=True, seed=seed, progress=progress)
    found = []
    for name in layers:
        block, part = name.removeprefix("blocks.").rsplit(".", 1)
        channels, side = shapes[name]
        found.append(Depth(block, part, channels, side, trained[name], random[name], shuffled[name]))
    return found


def part_of(depths: Iterable[Depth], part: str) -> list[Depth]:
    """Those of one part of the blocks, one of `PARTS`."""
    return [one for one in depths if one.part == part]


def depth_chart(depths: Sequence[Depth]) -> Figure:
    """Median R² by block: three lines for the maps after the 1x1 convolution, one for those after the depthwise one."""
    from lightnets_edu.pages.plots import line_chart

    blocks = [one.block for one in part_of(depths, "act1")]

    def line(part: str, which: str) -> tuple[list[int], list[float]]:
        of_part = part_of(depths, part)
        return [1 + blocks.index(one.block) for one in of_part], [getattr(one, which).median_r2 for one in of_part]

    return line_chart(
        {
            "1 × 1, trained": line("act1", "trained"),
            "1 × 1, untrained": line("act1", "untrained"),
            "1 × 1, pixels shuffled": line("act1", "shuffled"),
            "depthwise, trained": line("act2", "trained"),
        },
        title="How well a map is made from its nearest twin",
        x_label="inverted residual, from the first",
        y_label="median R² of the maps",
        x_ticks=range(1, len(blocks) + 1),
    )


@dataclass(frozen=True)
class Change:
    """What replacing maps did to the answers.

    Attributes:
        choice: By what they were replaced: a key of `CHOICES`.
        share: Part of the layer's maps.
        changed: Pictures whose most probable class is another one.
        pictures: All of them.
    """

    choice: str
    share: float
    changed: int
    pictures: int


def changed_answers(seen: Seen, layer: str, shares: Sequence[float] = SHARES) -> list[Change]:
    """Replace a layer's maps that a kernel makes best from other maps, and count the answers that change.

    Kernels are fitted on one half of the photographs and used on the other half, and then the other way round, so every
    picture counts and none was fitted.

    Args:
        seen: The network and photographs, each in as many views; kernels are fitted on the first view of each.
        layer: Whose maps.
        shares: Parts of the maps that are replaced, rising, at most 0.5.
    """
    half, per_photo = len(seen.images) // 2, len(seen.images) // len(set(seen.photos.names))
    halves = (seen.images[:half], seen.images[half:])
    counts = {(choice, share): 0 for choice in CHOICES for share in shares}
    for fitted, judged in (halves, halves[::-1]):
        maps = capture(seen.model, [layer], torch.cat([fitted[::per_photo], judged[::per_photo]]))[layer]
        before = None
        for choice in CHOICES:
            ghosts = find_ghosts(maps, shares[-1], choice=choice)
            for share in shares:
                some = ghosts.first(max(1, round(len(ghosts.targets) * share / shares[-1])))
                answers = answers_with_ghosts(seen.model, {layer: some}, judged, before)
                before = answers.before
                counts[choice, share] += int(answers.changed.sum())
    return [Change(choice, share, changed, len(seen.images)) for (choice, share), changed in counts.items()]


def change_chart(changes: Sequence[Change]) -> Figure:
    """Answers that changed, by how much of the layer was replaced, a line for each replacement."""
    from lightnets_edu.pages.plots import line_chart

    def line(choice: str) -> tuple[list[float], list[float]]:
        rows = [one for one in changes if one.choice == choice]
        return [0, *(100 * one.share for one in rows)], [0, *(100 * one.changed / one.pictures for one in rows)]

    shares = sorted({100 * one.share for one in changes})
    return line_chart(
        {words: line(choice) for choice, words in CHOICES.items()},
        title="Answers that change when maps are replaced",
        x_label="maps of the layer that are replaced, %",
        y_label="answers that change, %",
        x_ticks=(0, *shares),
    )


def changed(changes: Iterable[Change], choice: str, share: float) -> Change:
    """One of them."""
    return next(one for one in changes if (one.choice, one.share) == (choice, share))


def _parts(model: nn.Module) -> list[str]:
    blocks = [name for name, module in model.named_modules() if isinstance(module, InvertedResidual)]
    return [f"{block}.{part}" for block in blocks for part in PARTS]
