"""Clocks that others have published: how fast networks run on devices that are not at hand here.

Every figure is quoted from a file that its authors keep in their repository; `PublishedClock.citation` names it with
the commit. Parameters, MACs, activations and layers beside them are counted by this book, from the network's code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

COSTS = ("macs", "params", "activations", "layers")
_FILE = Path(__file__).with_name("published_clocks.json")


@dataclass(frozen=True)
class PublishedNetwork:
    """A network that somebody has timed.

    Attributes:
        library: Where its code is: lightnets_edu (this book), torchvision or timm.
        name: What that library calls it.
        options: What it is built with.
        params: Parameters.
        macs: Multiply-accumulates for one image of 224 x 224 pixels, as `lightnets_edu.count` counts them.
        activations: Numbers that its convolutions write.
        layers: Convolutions and linear layers.
    """

    library: str
    name: str
    options: tuple[tuple[str, float], ...]
    params: int
    macs: int
    activations: int
    layers: int

    @property
    def label(self) -> str:
        """A name for a table, such as ``mobilenet_v1 ×0.5``."""
        return " ".join([self.name, *(f"×{value:g}" for _, value in self.options)])


@dataclass(frozen=True)
class PublishedClock:
    """One device, and what was measured on it.

    Attributes:
        name: What it is called here.
        device: Its name.
        short: The name as a table has room for.
        kind: What it is, such as "phone".
        precision: Number format.
        runtime: Who ran the networks.
        step: forward or training.
        batch: Images at a time; None if that differs from network to network.
        unit: Of the quoted figures: "ms" or "images/s".
        source: Where they are printed, with the commit and the licence.
        file: The file there.
        quoted: Network to the figure as printed.
    """

    name: str
    device: str
    short: str
    kind: str
    precision: str
    runtime: str
    step: str
    batch: int | None
    unit: str
    source: str
    file: str
    quoted: dict[PublishedNetwork, float]

    def milliseconds(self, network: PublishedNetwork) -> float:
        """Milliseconds for one image."""
        figure = self.quoted[network]
        return figure if self.unit == "ms" else 1000 / figure

    def of_book(self) -> dict[str, float]:
        """Milliseconds an image of the networks that this book has under a name of their own."""
        ours = (network for network in self.quoted if network.library == "lightnets_edu" and not network.options)
        return {network.name: self.milliseconds(network) for network in ours}

    @property
    def words(self) -> str:
        """Kind, short name and number of images, for a line of a table."""
        images = "batches" if self.batch is None else f"{self.batch} image{'s' if self.batch > 1 else ''}"
        return f"{self.kind}: {self.short}, {images}"

    @property
    def how(self) -> str:
        """Device, number format, runtime and file in a clause."""
        return f"{self.device}, {self.precision}, {self.runtime}, {self.file}"

    @property
    def citation(self) -> str:
        """Everything that a quotation needs."""
        return f"{self.how}; {self.source}"


@cache
def published_clocks() -> dict[str, PublishedClock]:
    """All of them, by name."""
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    networks = [(_network(row), row["published"]) for row in data["networks"]]
    clocks = {}
    for name, clock in data["clocks"].items():
        source = data["sources"][clock["source"]]
        where = f"{source['title']}, commit {source['commit']} ({source['licence']}), {source['where']}"
        known = {field: value for field, value in clock.items() if field != "source"}
        quoted = {network: figures[name] for network, figures in networks if name in figures}
        clocks[name] = PublishedClock(name=name, source=where, quoted=quoted, **known)
    return clocks


def _network(row: dict[str, Any]) -> PublishedNetwork:
    fields = {name: value for name, value in row.items() if name not in ("options", "published")}
    return PublishedNetwork(options=tuple(row["options"].items()), **fields)
