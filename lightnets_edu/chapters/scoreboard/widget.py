"""How well do numbers that need no clock stand for the time? Every recorded device, batch and kind of network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import sympy as sp

from lightnets_edu.chapters.scoreboard.board import HEADINGS, proxy_quality, scoreboard_rows
from lightnets_edu.formulas import Check
from lightnets_edu.pages.widget.widgets import Choice, Lookup, Output, Table, Widget, number
from lightnets_edu.records import clock_words, recorded_batches, recorded_devices
from lightnets_edu.timing import EVALUATION_NETWORKS

LIGHT = 10**9  # MACs; below it a network counts as light
BATCHES = (1, 16, 64, 256)
THOUSANDTHS = 1000
AMONG: dict[str, tuple[str, Callable[[Mapping[str, Any]], bool]]] = {
    "all": ("all networks", lambda row: True),
    "light": ("those below 1 G MACs", lambda row: row["macs"] < LIGHT),
    "heavy": ("those of 1 G MACs or more", lambda row: row["macs"] >= LIGHT),
    "evaluation": ("those that the predictions are judged on", lambda row: row["network"] in EVALUATION_NETWORKS),
}

PROXY = Choice("proxy", "Number", tuple(HEADINGS.items()), "macs")
DEVICE = Choice("device", "Machine", tuple((device, clock_words(device)) for device in recorded_devices()), "cpu")
BATCH = Choice("batch_size", "Images at a time", tuple((n, str(n)) for n in BATCHES), 1)
NETWORKS = Choice("among", "Networks", tuple((key, text) for key, (text, _) in AMONG.items()), "all")


def _quality(device: str, batch: int, among: str) -> dict[str, dict[str, int]]:
    """Thousandths by proxy; zeros where fewer than three networks were recorded."""
    rows = [row for row in scoreboard_rows(device) if AMONG[among][1](row)] if batch in recorded_batches(device) else []
    try:
        found = proxy_quality(rows, batch)
    except ValueError:
        return {proxy: {"rank": 0, "error": 0, "networks": 0} for proxy in HEADINGS}
    return {
        one.proxy: {
            "rank": round(THOUSANDTHS * one.rank_correlation),
            "error": round(THOUSANDTHS * one.error),
            "networks": one.networks,
        }
        for one in found
    }


def _thousandths(name: str) -> sp.Expr:
    return sp.Symbol(name, integer=True) / THOUSANDTHS


def _per_cent(name: str) -> sp.Expr:
    return 100 * _thousandths(name)


class ProxyExplorer(Widget):
    """Rank correlation and error of every proxy of the time, on every recorded device."""

    name = "proxy_explorer"
    title = "Which number stands for the time?"
    description = "Choose a number and a machine, then compare all networks with the light ones alone."
    controls = (PROXY, DEVICE, BATCH, NETWORKS)
    lookups = (
        Lookup("quality", ("device", "batch_size", "among", "proxy"), ("rank", "error", "networks")),
        Lookup(
            "side_by_side",
            ("device", "batch_size", "among"),
            tuple(f"{proxy}_{what}" for proxy in HEADINGS for what in ("rank_in_1000", "error_in_1000")),
        ),
    )
    checks: ClassVar = (
        Check(
            sp.Ge(number("networks"), 3),
            "nothing was recorded on {device} with {batch_size} images at a time: try another number of images",
        ),
    )
    outputs = (
        Output(
            "rank_correlation",
            "Rank correlation with the time",
            _thousandths("rank"),
            digits=3,
            help="1: both sort the networks alike",
        ),
        Output(
            "mean_error",
            "Mean error after the best scaling",
            _per_cent("error"),
            "%",
            digits=1,
            help="of the measured time",
        ),
        Output("compared", "Networks compared", number("networks")),
        *(
            Output(f"{proxy}_rank", f"{text}: rank correlation", _thousandths(f"{proxy}_rank_in_1000"), digits=3)
            for proxy, text in HEADINGS.items()
        ),
        *(
            Output(f"{proxy}_error", f"{text}: mean error", _per_cent(f"{proxy}_error_in_1000"), "%", digits=1)
            for proxy, text in HEADINGS.items()
        ),
    )
    headline = ("rank_correlation", "mean_error", "compared")
    tables = (
        Table.of_parts("All of them, side by side", {"rank": "Rank correlation", "error": "Mean error, %"}, HEADINGS),
    )

    def default_data(self) -> dict[str, Any]:
        """The qualities of all proxies, from the records."""
        quality = {
            device: {str(batch): {among: _quality(device, batch, among) for among in AMONG} for batch in BATCHES}
            for device in map(str, DEVICE.values)
        }
        side_by_side = {
            device: {
                batch: {among: _flat(by_proxy) for among, by_proxy in by_among.items()}
                for batch, by_among in by_batch.items()
            }
            for device, by_batch in quality.items()
        }
        return {"quality": quality, "side_by_side": side_by_side}


def _flat(by_proxy: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {
        f"{proxy}_{what}_in_1000": numbers[what] for proxy, numbers in by_proxy.items() for what in ("rank", "error")
    }
