"""GhostNet: the Ghost module beside the convolution it replaces, the network, and feature maps with their twins."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar

import sympy as sp

from lightnets_edu.formulas import conv2d, depthwise_conv2d
from lightnets_edu.models.cost import Layer, network_terms
from lightnets_edu.models.ghostnet import ghost_bottleneck, ghost_module, layers
from lightnets_edu.pages.widget.naming import layers_by_choice, name_values
from lightnets_edu.pages.widget.widgets import Choice, Lookup, Output, Picture, Row, Slider, Table, Widget, number

if TYPE_CHECKING:
    from torch import Tensor

# --- One module -----------------------------------------------------------------------------------------------------

RATIO = Slider("ratio", "Ratio s", 2, 8, 2)
CHEAP_KERNEL = Choice(
    "cheap_kernel_size", "Cheap kernel d", ((1, "1 × 1"), (3, "3 × 3"), (5, "5 × 5"), (7, "7 × 7")), 3
)
IN_CHANNELS = Slider("in_channels", "Input channels", 4, 512, 64, step=4)
OUT_CHANNELS = Slider("out_channels", "Output channels", 8, 512, 128, step=8)
PRIMARY_KERNEL = Choice("kernel_size", "Primary kernel k", ((1, "1 × 1"), (3, "3 × 3"), (5, "5 × 5")), 1)
MAP_SIDE = Slider("side", "Side of the map", 7, 112, 28, step=7, unit="px")


def _module_terms() -> dict[str, Any]:
    """The module's terms, its two halves', and those of the plain convolution."""
    c_in, c_out, k, d = IN_CHANNELS.symbol, OUT_CHANNELS.symbol, PRIMARY_KERNEL.symbol, CHEAP_KERNEL.symbol
    side, intrinsic = MAP_SIDE.symbol, number("intrinsic")
    maps = {"out_height": side, "out_width": side}
    ghost = {"ratio": RATIO.symbol, "cheap_kernel_size": d, "kernel_size": k, "in_height": side, "in_width": side}
    return {
        "ghost": ghost_module.terms(in_channels=c_in, out_channels=c_out, **ghost),
        "primary": conv2d.terms(in_channels=c_in, out_channels=intrinsic, kernel_size=k, **maps),
        "cheap": depthwise_conv2d.terms(in_channels=intrinsic, out_channels=number("ghosts"), kernel_size=d, **maps),
        "plain": conv2d.terms(in_channels=c_in, out_channels=c_out, kernel_size=k, **maps),
    }


MODULE = _module_terms()


class GhostModuleExplorer(Widget):
    """A Ghost module beside the convolution with the same inputs and outputs."""

    name = "ghost_module_explorer"
    title = "How many maps can be ghosts?"
    description = "Raise the ratio: is the module s times as fast in theory? Then lower the input channels."
    controls = (RATIO, CHEAP_KERNEL, IN_CHANNELS, OUT_CHANNELS, PRIMARY_KERNEL, MAP_SIDE)
    definitions: ClassVar = {
        "intrinsic": sp.ceiling(OUT_CHANNELS.symbol / RATIO.symbol),
        "ghosts": number("intrinsic") * (RATIO.symbol - 1),
    }
    outputs = (
        Output(
            "limit",
            "The ratio itself",
            RATIO.symbol + 0,
            "times",
            digits=2,
            help="what the speed-up tends to with many input channels",
        ),
        Output("primary_maps", "Maps of the primary convolution", number("intrinsic")),
        Output("ghost_maps", "Ghosts", number("ghosts"), help="if s does not divide the outputs, a few are dropped"),
        Output("ghost_macs", "Ghost module: MACs", MODULE["ghost"].macs),
        Output("plain_macs", "Convolution: MACs", MODULE["plain"].macs),
        Output("ghost_params", "Ghost module: parameters", MODULE["ghost"].params, help="with its batch norms"),
        Output("ghost_weights", "Ghost module: weights", MODULE["primary"].params + MODULE["cheap"].params),
        Output("plain_weights", "Convolution: weights", MODULE["plain"].params),
        Output(
            "speedup",
            "Theoretical speed-up r_s",
            number("plain_macs") / number("ghost_macs"),
            "times",
            digits=2,
            help="MACs of the plain convolution over those of the module",
        ),
        Output(
            "compression",
            "Compression r_c",
            number("plain_weights") / number("ghost_weights"),
            "times",
            digits=2,
            help="the same with weights, batch norms left out",
        ),
        Output("primary_macs", "Primary convolution: MACs", MODULE["primary"].macs),
        Output("cheap_macs", "Cheap kernels: MACs", MODULE["cheap"].macs),
        Output("primary_weights", "Primary convolution: weights", MODULE["primary"].params),
        Output("cheap_weights", "Cheap kernels: weights", MODULE["cheap"].params),
    )
    headline = ("speedup", "compression")
    tables = (
        Table(
            "The module's two halves, and the convolution it replaces (batch norms left out)",
            ("Weights", "MACs"),
            (
                Row("Primary convolution", ("primary_weights", "primary_macs")),
                Row("Cheap kernels", ("cheap_weights", "cheap_macs")),
                Row("Plain convolution", ("plain_weights", "plain_macs")),
            ),
        ),
    )
    picture = Picture("sweep", ("ratio", "speedup", "limit"))


# --- The network ----------------------------------------------------------------------------------------------------

WIDTHS = ((25, "0.25×"), (50, "0.5×"), (75, "0.75×"), (100, "1×"), (130, "1.3×"), (150, "1.5×"))
WIDTH = Choice("width_percent", "Width", WIDTHS, 100)
INPUT_SIZE = Slider("input_size", "Image size", 32, 320, 224, step=16, unit="px")

LABELS = {"blocks": "16 Ghost bottlenecks", "head": "1 × 1 to 1,280, classifier", "rest": "First and last convolution"}
HEAD = ("conv_head", "classifier")


def _part(layer: Layer) -> str:
    name, formula, _ = layer
    return "blocks" if formula is ghost_bottleneck else "head" if name in HEAD else "rest"


OPTIONS = {"ratio": RATIO.symbol, "cheap_kernel_size": CHEAP_KERNEL.symbol, "size": INPUT_SIZE.symbol}
LAYERS, CHANNELS = layers_by_choice({str(percent): layers(percent / 100, **OPTIONS) for percent, _ in WIDTHS})
NAMED, DEFINITIONS = name_values(LAYERS)
PARTS = {part: network_terms(layer for layer in NAMED if _part(layer) == part) for part in LABELS}


class GhostNetExplorer(Widget):
    """Parameters and MACs of every GhostNet there is."""

    name = "ghostnet_explorer"
    title = "More ghosts, or a narrower network?"
    description = "Ratio, cheap kernel, width, image size: watch which of them saves parameters, and which MACs."
    controls = (WIDTH, RATIO, CHEAP_KERNEL, INPUT_SIZE)
    lookups = (Lookup("channels", (WIDTH.name,), tuple(next(iter(CHANNELS.values())))),)
    definitions: ClassVar = DEFINITIONS
    outputs = (
        *(Output(f"{part}_params", f"{LABELS[part]}: parameters", terms.params) for part, terms in PARTS.items()),
        *(Output(f"{part}_macs", f"{LABELS[part]}: MACs", terms.macs) for part, terms in PARTS.items()),
        Output("params", "Parameters", sum(number(f"{part}_params") for part in PARTS)),
        Output("macs", "MACs", sum(number(f"{part}_macs") for part in PARTS), help="of one image"),
    )
    headline = ("params", "macs")
    tables = (Table.of_parts("Where they are", {"params": "Parameters", "macs": "MACs"}, LABELS),)

    def default_data(self) -> dict[str, Any]:
        """The channels of every network."""
        return {"channels": CHANNELS}


# --- Feature maps and their twins -----------------------------------------------------------------------------------

MAPS = 12
TWINS = (("1", "its nearest twin"), ("2", "the second nearest"), ("3", "the third"))
TWIN_KERNELS = (1, 3, 5)
CHOSEN = Choice("map", "Make map", tuple((n, str(n)) for n in range(MAPS)), 0)
SOURCE = Choice("source", "from", TWINS, "1")
TWIN_KERNEL = Choice("kernel_size", "by a kernel of", tuple((d, f"{d} × {d}") for d in TWIN_KERNELS), 3)


def twin_table(maps: Tensor) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    """For each map, source and kernel size: the source's number, and similarity and R² in thousandths.

    Args:
        maps: ``[N, C, H, W]`` of at least 12 channels; the first 12 are looked at, their twins come from all.

    Returns:
        map to place of the twin to kernel size to numbers, as `FeatureTwins` looks them up.

    Raises:
        ValueError: If one of the 12 maps is dead, or there are too few others.
    """
    from lightnets_edu.features import nearest_twins, reconstruct

    table: dict[str, Any] = {}
    for channel in range(MAPS):
        twins = nearest_twins(maps, channel, len(TWINS))
        if len(twins) < len(TWINS):
            raise ValueError(f"channel {channel} has only {len(twins)} twins instead of {len(TWINS)}: take more maps")
        table[str(channel)] = {
            place: {
                str(d): {
                    "twin": twin.channel,
                    "similarity_milli": round(1000 * twin.similarity),
                    "r2_milli": round(1000 * reconstruct(maps, twin.channel, channel, d).r2),
                }
                for d in TWIN_KERNELS
            }
            for (place, _), twin in zip(TWINS, twins, strict=True)
        }
    return table


def example_maps() -> Tensor:
    """12 maps that anyone can make again: random pictures, blurred in a cross of each pixel to one side or another.

    Returns:
        ``[8, 12, 16, 16]``.
    """
    import torch
    import torch.nn.functional as F

    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(8, 3, 16, 16, generator=generator)
    kernels = torch.rand(12, 1, 3, 3, generator=generator)
    return F.conv2d(pictures, kernels, padding=1, groups=3)


class FeatureTwins(Widget):
    """How well one map is made from another; the numbers are data, measured on any network's maps."""

    name = "feature_twins"
    title = "Can this map be a ghost?"
    description = "Pick a map, a twin and a kernel: R² says how much of the map the cheap kernel makes, on new images."
    controls = (CHOSEN, SOURCE, TWIN_KERNEL)
    lookups = (Lookup("twins", ("map", "source", "kernel_size"), ("twin", "similarity_milli", "r2_milli")),)
    outputs = (
        Output(
            "r2",
            "R² on images the kernel has not seen",
            number("r2_milli") / 1000,
            digits=3,
            help="1: the whole map is made; 0: no better than its mean",
        ),
        Output("similarity", "Similarity of the two maps", number("similarity_milli") / 1000, digits=3),
        Output("twin_channel", "Number of the twin", number("twin") + 0),
        Output("weights", "Weights of the cheap kernel", TWIN_KERNEL.symbol**2),
    )
    headline = ("r2", "similarity")

    def default_data(self) -> dict[str, Any]:
        """Twins among `example_maps`."""
        return {"twins": twin_table(example_maps())}


# --- Pictures of maps, picked without a script ----------------------------------------------------------------------


@dataclass(frozen=True)
class MapCard:
    """One entry of a `MapAlbum`.

    Attributes:
        title: The line that is always shown.
        pictures: Caption and map ``[H, W]``; each is scaled by itself, white is its largest value.
    """

    title: str
    pictures: tuple[tuple[str, Tensor], ...]


class MapAlbum:
    """Feature maps to open one at a time: native elements only, so it works in a page, a notebook and without scripts.

    Args:
        caption: What it shows.
        cards: The entries; the first is open.
        name: Unique in the page.
    """

    def __init__(self, caption: str, cards: Sequence[MapCard], name: str = "map_album") -> None:
        if not cards:
            raise ValueError(f"the album {name!r} has no cards: at least one is needed")
        self.caption, self.cards, self.name = caption, tuple(cards), name

    def __str__(self) -> str:
        return "\n".join([self.caption, *(card.title for card in self.cards)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cards = "".join(self._card(card, index == 0) for index, card in enumerate(self.cards))
        # The class gives it the page's own colours, in the dark too.
        return f'<div class="ln-numbers" role="group" aria-label="{html.escape(self.caption)}">{cards}</div>'

    def _card(self, card: MapCard, is_open: bool) -> str:
        # Of several <details> with one name a browser keeps at most one open.
        pictures = "".join(_figure(caption, picture) for caption, picture in card.pictures)
        return (
            f'<details name="{html.escape(self.name)}"{" open" if is_open else ""} style="margin:.15rem 0">'
            f'<summary style="cursor:pointer">{html.escape(card.title)}</summary>'
            f'<div style="display:flex;flex-wrap:wrap;gap:.75rem;margin:.5rem 0 1rem">{pictures}</div></details>'
        )


def _figure(caption: str, picture: Tensor) -> str:
    text = html.escape(caption)
    return (
        f'<figure style="margin:0;width:7rem"><img src="data:image/png;base64,{_png(picture)}" alt="{text}" '
        f'style="width:7rem;height:7rem;image-rendering:pixelated">'
        f'<figcaption style="font-size:.85rem;color:inherit">{text}</figcaption></figure>'
    )


def _png(picture: Tensor) -> str:
    """A map ``[H, W]`` as a grey PNG, from black (its least value) to white."""
    from PIL import Image

    low, high = picture.min(), picture.max()
    grey = (255 * (picture - low) / (high - low).clamp_min(1e-12)).round().byte()
    buffer = BytesIO()
    Image.fromarray(grey.numpy()).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
