"""A trained network that a reader looks into: what a page shows, and what it loads after a press."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import traitlets

from lightnets_edu.checks import one_of
from lightnets_edu.pages.live.look.trained import LOOKED_INTO, load
from lightnets_edu.pages.live.shown import pressed_html
from lightnets_edu.pages.script.bundle import bundle, page_script
from lightnets_edu.pages.script.component import PageWidget

_HERE = Path(__file__).parent
_LOOK_CSS = (_HERE / "look.css").read_text(encoding="utf-8")
_CSS = (_HERE.parent / "live.css").read_text(encoding="utf-8") + _LOOK_CSS
PHOTO_NAME = "efficientnet_lite0"
KINDS = ("maps", "filters", "gates")
UNUSED = ("environment",)  # of a trained network: what the page does not need


class LookInside(PageWidget):
    """A trained network, a picture, and all that is between: in a built page when a button is pressed."""

    _esm = bundle(_HERE / "look.js")
    _css = _CSS
    spec = traitlets.Dict().tag(sync=True)
    trained = traitlets.Dict().tag(sync=True)

    def static_html(self) -> str:
        """The element for a page without a kernel: words and a button. The rest is loaded by a press."""
        scripts = [_file_of(self.spec["name"]), "lightnets-look.js"]
        return pressed_html("look", self.spec, {"start": "Look inside"}, scripts, _LOOK_CSS)


MISSING = (
    "Here a network that was trained on ImageNet would look at a photograph of yours. This book was built without the "
    "packages that hold its weights and its first photographs (lightnets-edu[photos]), so there is nothing to press."
)


class NothingToLookAt:
    """What stands in a page whose build lacks the packages."""

    def _repr_html_(self) -> str:
        return f'<p class="ln-live-words">{html.escape(MISSING)}</p>'


def look_at_photos() -> LookInside | NothingToLookAt:
    """Let the reader send a photograph through EfficientNet-Lite0 and look for maps that are each other's ghosts."""
    if photo_network() is None:
        return NothingToLookAt()
    megabytes = len(_data_script(PHOTO_NAME)) / 1e6
    introduction = (
        "A network that was trained on ImageNet says what it sees in a photograph, one of those that come with it or "
        "one of your own, and shows every map that it computes on the way. Then the page looks for twins among the "
        f"maps of a layer. A press loads the network ({megabytes:.1f} MB) and the engine. The photograph stays in this "
        "page; nothing is sent anywhere."
    )
    return LookInside(
        spec={"introduction": introduction, "name": PHOTO_NAME, "first": "maps"}, trained=_needed(PHOTO_NAME)
    )


@cache
def photo_network() -> dict[str, Any] | None:
    """The network for photographs, or None where the packages are not installed."""
    try:
        from lightnets_edu.pages.live.look.photo_network import described

        return described()
    except ImportError:
        return None


def look_here(name: str, first: str = "maps") -> LookInside:
    """Let the reader send a picture through a small trained network and see what is inside.

    Args:
        name: The folder of a chapter, one of `LOOKED_INTO`.
        first: What is shown at first: the first layer's "maps", depthwise "filters" between maps, or "gates".

    Raises:
        ValueError: If no network was trained for this chapter, or there is nothing of this kind.
    """
    one_of("first", first, KINDS)
    trained = _needed(name)
    kilobytes = len(_data_script(name)) / 1000
    introduction = (
        "Draw something to wear, choose a picture, or bring one of your own: a small trained network says what it is, "
        f"and shows all that it computes on the way. A press loads the network ({kilobytes:.0f} kB) and the engine. "
        "The picture stays in this page; nothing is sent anywhere."
    )
    return LookInside(spec={"introduction": introduction, "name": name, "first": first}, trained=trained)


def _needed(name: str) -> dict[str, Any]:
    if name == PHOTO_NAME:
        return photo_network() or {}
    return {key: value for key, value in asdict(load(name)).items() if key not in UNUSED}


def _file_of(name: str) -> str:
    return f"lightnets-look-{name}.js"


def _data_script(name: str) -> str:
    content = json.dumps(_needed(name), separators=(",", ":"))
    return f"(globalThis.lightnetsTrained ??= {{}}).{name} = {content};\n"


class KernelHere(PageWidget):
    """A kernel of nine numbers that the reader changes, and a picture under it."""

    _esm = bundle(_HERE / "kernel.js")
    _css = _CSS
    spec = traitlets.Dict().tag(sync=True)

    def static_html(self) -> str:
        """The element for a page without a kernel of Jupyter's: words and a button."""
        return pressed_html("kernel", self.spec, {"start": "Take the kernel"}, ["lightnets-kernel.js"], _LOOK_CSS)


def kernel_here() -> KernelHere:
    """Let the reader put a picture under a kernel whose nine numbers can be changed."""
    trained = load(next(iter(LOOKED_INTO)))
    introduction = (
        "A kernel of nine numbers slides over a picture: draw one, choose one, or bring your own. Change the numbers "
        "and see what becomes of it. The picture stays in this page."
    )
    return KernelHere(spec={"introduction": introduction, "samples": trained.samples, "classes": trained.classes})


def look_scripts() -> Iterator[tuple[str, str]]:
    """Files that pages load on a press: name and content."""
    yield "lightnets-kernel.js", page_script(_HERE / "kernel.js", 'live="kernel"')
    yield "lightnets-look.js", page_script(_HERE / "look.js", 'live="look"')
    for name in (*LOOKED_INTO, *([PHOTO_NAME] if photo_network() else [])):
        yield _file_of(name), _data_script(name)
