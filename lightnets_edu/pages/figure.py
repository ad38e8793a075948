"""Figures that a page shows as drawings with text: in its font, in its colours, by day and by night.

Matplotlib draws them with the colours for light paper. In the SVG each becomes a CSS custom property with this colour
as its default, so that the same drawing follows the theme of the book and is legible in a notebook, which knows none.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lightnets_edu.pages.palette import CLASSES, NEUTRAL

MARK = 'class="ln-figure"'  # of such a drawing, by which the book's build knows it
EXACT = "exact:"  # begins the group id of an artist that tells a number when it is pointed at
_VARIABLES = {
    light: f"var(--ln-{name},{light})"
    for name, (light, _) in [*NEUTRAL.items(), *((name, look.shades) for name, look in CLASSES.items())]
}
_FONT = "font-family: var(--pst-font-family-base, sans-serif)"


class PageFigure(Figure):
    """A matplotlib figure that shows itself as SVG."""

    def _repr_svg_(self) -> str:
        """The drawing; the same figure gives the same bytes."""
        drawing = io.StringIO()
        with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "lightnets", "image.composite_image": False}):
            self.savefig(drawing, format="svg", bbox_inches="tight", pad_inches=0.03, metadata={"Date": None})
        return page_svg(drawing.getvalue())


def subplots(*args: Any, **options: Any) -> tuple[Any, Any]:
    """As ``matplotlib.pyplot.subplots``, of a figure that shows itself as SVG."""
    return plt.subplots(*args, FigureClass=PageFigure, **options)


def page_svg(drawing: str) -> str:
    """Matplotlib's SVG as a page needs it: small, with the page's font and colours, and with ids of its own.

    Args:
        drawing: What ``savefig`` has written, with ``svg.fonttype`` ``none``.
    """
    text = drawing[drawing.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|<defs>\s*</defs>", "", text, flags=re.S)
    text = re.sub(r"\s*\n\s*", " ", text).replace("> <", "><").replace("base64, ", "base64,")
    text = re.sub(r"<[^>]+>", lambda tag: _light_tag(tag[0]), text)
    text = re.sub(rf'<g id="{EXACT}([^"]*)">', r"<g><title>\1</title>", text)
    text = _own_ids(text)
    while (smaller := re.sub(r"<g></g>|<defs></defs>", "", text)) != text:
        text = smaller
    width, height = (float(side) for side in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)[0])
    head = (
        f'<svg {MARK} xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width * 4 / 3:.0f}" height="{height * 4 / 3:.0f}" '
        'style="max-width:100%;height:auto;stroke-linejoin:round;stroke-linecap:butt">'
    )
    return head + text[text.index(">") + 1 :].strip()


def _light_tag(tag: str) -> str:
    """Numbers with two decimals, colours by name, and the page's font."""
    if tag.startswith("<image"):
        return tag
    tag = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), tag)
    tag = re.sub(r"#[0-9a-f]{6}\b", lambda colour: _VARIABLES.get(colour[0], colour[0]), tag)
    tag = tag.replace("#000000", _VARIABLES[NEUTRAL["ink"][0]])
    tag = re.sub(r"font-family: [^;\"]*", _FONT, tag)
    if tag.startswith(("<text", "<tspan")) and "fill:" not in tag:
        tag = re.sub(r'style="', f'style="fill: {_VARIABLES[NEUTRAL["ink"][0]]}; ', tag)
    return tag


def _own_ids(text: str) -> str:
    """Only ids that something refers to, beginning with a digest of the drawing: many of them share a page."""
    used = dict.fromkeys(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
    prefix = f"f{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    names = {old: f"{prefix}-{place}" for place, old in enumerate(used)}
    text = re.sub(r' id="([^"]*)"', lambda found: f' id="{names[found[1]]}"' if found[1] in names else "", text)
    return re.sub(r'(url\(#|href="#)([^")]+)', lambda found: found[1] + names[found[2]], text)


def described(drawing: str, alt: str) -> str:
    """The drawing as one image with an alternative text."""
    return drawing.replace(MARK, f'{MARK} role="img" aria-label="{html.escape(alt)}"', 1)
