"""The book's networks, timed on the reader's own device: what a page shows, and what it loads after a press."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import traitlets

from lightnets_edu.pages.clocks import recorded_milliseconds
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
INTRODUCTION = (
    f"This page can time {len(CHOSEN)} of the book's networks, or others that you choose, on the device that you are "
    "reading it on. They run in the book's own small engine, which is loaded when you press. It uses one core. "
    "Nothing is sent anywhere: this browser keeps the times, and you can save them as a file."
)


@cache
def _shared() -> dict[str, Any]:
    """What the component has to know from Python."""
    devices = [device for device in RECORDED if device in recorded_devices()]
    return {
        "introduction": INTRODUCTION,
        "noise": NOISE_LIMIT,
        "chosen": list(CHOSEN),
        "recorded": [
            {"words": f"{clock_words(device)}, recorded", "milliseconds": recorded_milliseconds(device)}
            for device in devices
        ],
        "where": _where(devices),
        "graphics_kilobytes": round(len(graphics_script().encode()) / 1000),
    }


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


class TimeHere(PageWidget):
    """Times networks with the page's engine: in a built page when a button is pressed, in Jupyter at once."""

    _esm = graphics_script() + bundle(_HERE / "time.js")
    _css = _HERE / "live.css"
    shared = traitlets.Dict().tag(sync=True)

    def static_html(self) -> str:
        """The element for a page without a kernel: words and two buttons. The rest is loaded by a press."""
        style, press = ((_HERE / name).read_text(encoding="utf-8") for name in ("live.css", "press.js"))
        buttons = (
            '<button type="button" data-action="start">Time the networks on this device</button>'
            '<button type="button" data-action="choose">Choose networks first</button>'
        )
        return (
            f'<div data-live="time"><style>{style}</style><script type="application/json">{{"spec": null}}</script>'
            f'<div class="ln-live" data-fallback><p>{html.escape(INTRODUCTION)}</p>'
            f'<div class="ln-live-buttons">{buttons}</div><p role="status"></p></div><script>{press}</script></div>'
        )


def time_here() -> TimeHere:
    """Let the reader time the book's networks on the reader's device."""
    return TimeHere(shared=_shared())


def live_script() -> str:
    """What a page loads when the reader asks for it: component, engine and networks."""
    return page_script(_HERE / "time.js", "live", shared={"shared": _shared()})
