"""The book's networks, timed on the reader's own device: what a page shows, and what it loads after a press."""

from __future__ import annotations

import copy
import html
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import traitlets
from torch import nn

from lightnets_edu.counting import count
from lightnets_edu.models import list_models
from lightnets_edu.pages.clocks import recorded_milliseconds
from lightnets_edu.pages.live.rows import Shape, compact, network_rows
from lightnets_edu.pages.provenance import thread_words
from lightnets_edu.pages.script.bundle import bundle, page_script, shelf_script
from lightnets_edu.pages.script.component import PageWidget
from lightnets_edu.records import clock_words, recorded_devices, recorded_networks
from lightnets_edu.timing.clock import NOISE_LIMIT

_HERE = Path(__file__).parent
# Timed unless the reader chooses others: light ones, of every family that has one.
CHOSEN = (
    "squeezenet1_0",
    "squeezenet1_1",
    "mobilenet_v1",
    "shufflenet_v1",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "mnasnet0_5",
    "mnasnet1_0",
    "mnasnet_small",
    "ghostnet",
    "regnet_x_200mf",
    "efficientnet_lite0",
)
# The book's records that stand beside the reader's times: folders of results/.
RECORDED = ("cpu", "cpu-onnxruntime")
# Two whose times are compared where a page names no others.
PAIRS = (("ghostnet", "mobilenet_v1"),)


@cache
def _shared() -> dict[str, Any]:
    """What the component has to know from Python."""
    devices = [device for device in RECORDED if device in recorded_devices()]
    return {
        "noise": NOISE_LIMIT,
        "recorded": [
            {"words": f"{clock_words(device)}, recorded", "milliseconds": _rounded(recorded_milliseconds(device))}
            for device in devices
        ],
        "where": _where(devices),
        "graphics_kilobytes": round(len(graphics_script().encode()) / 1000),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    """To five digits: more than a page shows, and a fraction of the bytes."""
    return {name: float(f"{value:.5g}") for name, value in values.items()}


def _where(devices: Sequence[str]) -> str:
    """On which machines the records were made, in a sentence."""
    machines = {
        f"{where['device_name']} with {thread_words(where['threads'])}": None
        for device in devices
        for record in recorded_networks(device).values()
        if (where := record["timing_environment"])
    }
    return f"The recorded times are those of {' and '.join(machines)}."


def graphics_script() -> str:
    """What a page loads when the reader wants the graphics chip: the engine that runs there."""
    return shelf_script(_HERE / "gpu_check.js", "lightnetsGraphics")


def _introduction(networks: int) -> str:
    return (
        f"This page can time {networks} networks, or others that you choose, on the device that you are reading it on. "
        "They run in the book's own small engine, which is loaded when you press. It uses one core. "
        "Nothing is sent anywhere: this browser keeps the times, and you can save them as a file."
    )


def pressed_html(
    kind: str, spec: Mapping[str, Any], buttons: Mapping[str, str], scripts: Sequence[str], more_css: str = ""
) -> str:
    """An element of which a page has no more than words and buttons before one of them is pressed.

    Args:
        kind: What is live: "time" or "look".
        spec: What the component has to know; its "introduction" is what the reader sees first.
        buttons: Action to text.
        scripts: Files beside the page that a press loads, in this order; the last one completes the element.
        more_css: Rules beside those of live.css.
    """
    style, press = ((_HERE / name).read_text(encoding="utf-8") for name in ("live.css", "press.js"))
    made = "".join(f'<button type="button" data-action="{action}">{text}</button>' for action, text in buttons.items())
    content = json.dumps({"spec": spec}).replace("</", "<\\/")
    return (
        f'<div data-live="{kind}" data-scripts="{" ".join(scripts)}"><style>{style}{more_css}</style>'
        f'<script type="application/json">{content}</script>'
        f'<div class="ln-live" data-fallback><p>{html.escape(spec["introduction"])}</p>'
        f'<div class="ln-live-buttons">{made}</div><p role="status"></p></div><script>{press}</script></div>'
    )


class TimeHere(PageWidget):
    """Times networks with the page's engine: in a built page when a button is pressed, in Jupyter at once."""

    _esm = graphics_script() + bundle(_HERE / "time.js")
    _css = _HERE / "live.css"
    shared = traitlets.Dict().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)

    def static_html(self) -> str:
        """The element for a page without a kernel: words and two buttons. The rest is loaded by a press."""
        buttons = {"start": "Time the networks on this device", "choose": "Choose networks first"}
        return pressed_html("time", self.spec, buttons, ["lightnets-live.js"])


def time_here(
    networks: Sequence[str] = CHOSEN,
    pairs: Sequence[tuple[str, str]] = PAIRS,
    own: Mapping[str, tuple[nn.Module, Shape]] | None = None,
    layer: bool = True,
    beside: Mapping[tuple[str, str], Mapping[str, float]] | None = None,
) -> TimeHere:
    """Let the reader time networks on the reader's device.

    Args:
        networks: Those of the registry that are checked at first; the reader can choose others.
        pairs: Which two are compared in words, where both were timed.
        own: Networks or blocks of the page's own, checked at first too: name to module, and (C, H, W) of its input.
        layer: Whether single convolutions can be timed as well.
        beside: What the ratio of a pair's times is elsewhere: pair to clock to ratio. Pairs of networks that the book
            has recorded have the ratios of the records without it.

    Raises:
        UnknownOperationError: If the engine cannot run one of the page's own.
        ValueError: If a name is neither one of the registry's nor one of the page's own, or a ratio is of no pair.
    """
    given = {tuple(pair): dict(ratios) for pair, ratios in (beside or {}).items()}
    for pair in given:
        if pair not in map(tuple, pairs):
            raise ValueError(f"{pair!r} has ratios and is not compared: it is not among the pairs")
    described = {name: _describe(module, shape) for name, (module, shape) in (own or {}).items()}
    known = {*list_models(), *described}
    for name in (*networks, *(name for pair in pairs for name in pair)):
        if name not in known:
            raise ValueError(f"{name!r} cannot be timed: it is neither in list_models() nor among the page's own")
    chosen = [*described, *networks]
    spec = {
        "introduction": _introduction(len(chosen)),
        "chosen": chosen,
        "pairs": [list(pair) for pair in pairs],
        "beside": [_rounded({**_recorded_ratios(*pair), **given.get(tuple(pair), {})}) for pair in pairs],
        "own": described,
        "layer": layer,
    }
    return TimeHere(shared=_shared(), spec=spec)


def _recorded_ratios(one: str, other: str) -> dict[str, float]:
    """How many times as long as the other the one took, by the records that have both."""
    clocks = {clock["words"]: clock["milliseconds"] for clock in _shared()["recorded"]}
    return {words: ms[one] / ms[other] for words, ms in clocks.items() if one in ms and other in ms}


def _describe(module: nn.Module, shape: Shape) -> dict[str, Any]:
    """What the page has to know of a network: as make.py describes those of the registry."""
    table = count(module, (1, *shape))
    layers = sum(isinstance(one, nn.Conv2d | nn.Linear) for one in module.modules())
    sizes = {"macs": table.macs, "activations": table.activations, "layers": layers}
    return {"shape": list(shape), **sizes, "rows": compact(network_rows(copy.deepcopy(module), shape))}


def live_script() -> str:
    """What a page loads when the reader asks for it: component, engine and networks."""
    return page_script(_HERE / "time.js", 'live="time"', shared={"shared": _shared()})
