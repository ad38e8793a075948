"""The book's colours and marks: which class of layer and which family of networks looks how, on every page.

The colours are those of two sets made for readers who see fewer colours: Okabe and Ito 2008, "Color Universal Design",
and Paul Tol 2021, "Colour Schemes" (SRON/EPS/TN/09-002). Each has one shade for light pages and one for dark ones.
Whatever has a colour has a mark, a dash or a hatch too, so that black and white is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Shades = tuple[str, str]  # on light paper, on dark paper

# Whatever is written or drawn without a meaning of its own; the light shades are the theme's.
NEUTRAL: dict[str, Shades] = {
    "ink": ("#222832", "#ced6dd"),
    "faint": ("#5f6b7c", "#9ca4af"),
    "grid": ("#d1d5da", "#48566b"),
    "page": ("#ffffff", "#14181e"),
}
INK, FAINT, GRID, PAGE = (light for light, _ in NEUTRAL.values())


@dataclass(frozen=True)
class Look:
    """How one thing looks wherever it is drawn.

    Attributes:
        name: Of its CSS custom property, without ``--ln-``.
        shades: Its colour on light and on dark paper.
        marker: Matplotlib's letter of its mark.
        path: The same mark around the origin, about 10 units wide, as an SVG path.
        hatch: Matplotlib's pattern of its bars.
        dash: Matplotlib's pattern of its lines.
    """

    name: str
    shades: Shades
    marker: str
    path: str
    hatch: str
    dash: str | tuple[int, tuple[int, ...]]

    @property
    def css(self) -> str:
        """The colour for a ``style``: the page's, or that for light paper where no page says it."""
        return f"var(--ln-{self.name},{self.shades[0]})"


CIRCLE = "M4.6 0A4.6 4.6 0 1 1-4.6 0A4.6 4.6 0 1 1 4.6 0Z"
SQUARE = "M-4.1-4.1H4.1V4.1H-4.1Z"
TRIANGLE = "M0-5.6L5.2 3.8H-5.2Z"
DIAMOND = "M0-5.9L5.3 0L0 5.9L-5.3 0Z"
TURNED = "M0 5.6L5.2-3.8H-5.2Z"
PLUS = "M-1.7-5.2H1.7V-1.7H5.2V1.7H1.7V5.2H-1.7V1.7H-5.2V-1.7H-1.7Z"
STAR = "M0-6L1.5-2L5.7-1.9L2.4.8L3.5 4.9L0 2.5L-3.5 4.9L-2.4.8L-5.7-1.9L-1.5-2Z"
CROSS = "M0-2.4L2.5-4.9L4.9-2.5L2.4 0L4.9 2.5L2.5 4.9L0 2.4L-2.5 4.9L-4.9 2.5L-2.4 0L-4.9-2.5L-2.5-4.9Z"

# The classes of layers that multiply, and all other layers.
CLASSES: dict[str, Look] = {
    "standard": Look("standard", ("#0072b2", "#77aadd"), "o", CIRCLE, "", "-"),
    "grouped": Look("grouped", ("#d55e00", "#e69f00"), "s", SQUARE, "///", "--"),
    "pointwise": Look("pointwise", ("#882255", "#ee6677"), "^", TRIANGLE, "...", "-."),
    "depthwise": Look("depthwise", ("#117733", "#44bb99"), "D", DIAMOND, "\\\\\\", ":"),
    "linear": Look("linear", ("#332288", "#eedd88"), "v", TURNED, "xxx", (0, (5, 1))),
    "other": Look("other", ("#808080", "#dddddd"), "P", PLUS, "---", (0, (1, 1))),
}
_SHAPES = (CIRCLE, SQUARE, TRIANGLE, DIAMOND, TURNED, PLUS, STAR, CROSS)
# Families of networks in the order of the book; each has a mark of its own.
FAMILIES = (
    "AlexNet",
    "SqueezeNet",
    "ResNet, wide or not",
    "ResNeXt",
    "MobileNetV1",
    "ShuffleNet",
    "SENet",
    "MNASNet",
    "GhostNet",
    "RegNetX",
    "G-Ghost",
    "EfficientNet-Lite",
    "MobileNetV2 and V3",
)


@dataclass(frozen=True)
class Mark:
    """How the points of one family look: a shape and a colour, so that black and white is enough.

    Attributes:
        path: The outline around the origin, as an SVG path.
        colour: For a ``style``; visible on light and on dark paper.
        filled: Whether the shape is filled, or only its outline drawn.
    """

    path: str
    colour: str
    filled: bool = True

    @property
    def style(self) -> str:
        """Its fill and its line."""
        return f"fill:{self.colour if self.filled else 'none'};stroke:{self.colour}"


_LOOKS = tuple(CLASSES.values())
MARKS = tuple(
    Mark(shape, _LOOKS[place % len(_LOOKS)].css, filled)
    for filled in (True, False)
    for place, shape in enumerate(_SHAPES)
)


def family_marks(families: Iterable[str]) -> dict[str, Mark]:
    """The mark of each family: its own, the same on every page; other groups take those that are left, in order."""
    families = list(families)
    own = {family: MARKS[FAMILIES.index(family)] for family in families if family in FAMILIES}
    free = [mark for mark in MARKS if mark not in own.values()] or list(MARKS)
    others = [family for family in families if family not in own]
    return own | {family: free[place % len(free)] for place, family in enumerate(others)}


def layer_class(name: str) -> str | None:
    """The class of layer that a series or a row is about by its name, such as ``depthwise, 3 × 3``; None if none."""
    words = name.lower().replace(",", " ").replace(":", " ").split()
    first = words[0] if words else ""
    return {"dense": "standard"}.get(first, first if first in CLASSES else None)


def looks(names: Iterable[str]) -> dict[str, Look]:
    """How the series of a figure look: a class of layer as on every page, all others in order with what is left."""
    names = list(names)
    found: dict[str, Look] = {}
    for name in names:
        kind = layer_class(name)
        if kind and CLASSES[kind] not in found.values():
            found[name] = CLASSES[kind]
    free = [look for look in _LOOKS if look not in found.values()] or list(_LOOKS)
    others = [name for name in names if name not in found]
    return {**found, **{name: free[place % len(free)] for place, name in enumerate(others)}}


def style_sheet() -> str:
    """The colours as CSS custom properties, for light and for dark pages; on paper always those for light ones."""
    shades = {**NEUTRAL, **{look.name: look.shades for look in _LOOKS}}
    light, dark = ("".join(f"--ln-{name}:{both[place]};" for name, both in shades.items()) for place in range(2))
    return f':root{{{light}}}\n@media not print{{html[data-theme="dark"]{{{dark}}}}}\n'
