"""The same networks on many clocks: PyTorch and ONNX Runtime on the recorded machine, and devices that others timed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from torch import nn

from lightnets_edu.counting import count
from lightnets_edu.models import get_entry, get_model
from lightnets_edu.records import (
    PublishedClock,
    clock_words,
    forward_timings,
    load_record,
    published_clocks,
    recorded_batches,
    recorded_devices,
    recorded_file,
    recorded_formats,
)
from lightnets_edu.statistics import spearman
from lightnets_edu.tables import Column, NumberTable
from lightnets_edu.timing import left_out_error, operations

DRAW = 0.1  # a time that differs by no more than this part from another is called equal
LIGHT = 10**9  # MACs: what has fewer is a light network here
NOTHING = {"operations": 0, "seconds": 0.0}
FEWEST = 8  # networks, for a rank correlation
PROXIES = ("macs", "activations", "layers", "params")


@dataclass(frozen=True)
class Costs:
    """What of a network needs no clock.

    Attributes:
        macs: Multiply-accumulates for one image.
        activations: Numbers that its convolutions write.
        layers: Convolutions and linear layers.
        params: Parameters.
    """

    macs: int
    activations: int
    layers: int
    params: int


@dataclass(frozen=True)
class Clock:
    """One device and one way of running networks on it.

    Attributes:
        name: What a chapter calls it: a device's folder with the batch size, such as ``cpu/1``, with a number format in
            between if it is not float32; or the name of a published clock.
        words: What the reader sees.
        milliseconds: Network's label to milliseconds for one image.
        costs: The same labels to what they cost.
        published: The published clock; None if it was recorded for this book.
    """

    name: str
    words: str
    milliseconds: Mapping[str, float]
    costs: Mapping[str, Costs] = field(repr=False)
    published: PublishedClock | None = None


@cache
def costs_of(name: str) -> Costs:
    """What a network of the registry costs, counted for an image of its own size."""
    with torch.device("meta"):
        model = get_model(name).eval()
    side = get_entry(name).input_size
    table = count(model, (1, 3, side, side))
    layers = sum(isinstance(module, nn.Conv2d | nn.Linear) for module in model.modules())
    return Costs(table.macs, table.activations, layers, table.params)


def recorded_milliseconds(device: str, batch: int = 1, amp: str = "off") -> dict[str, float]:
    """Network to the recorded milliseconds for one image of at least 224 x 224; refused measurements are left out.

    Args:
        device: A folder of ``results/``.
        batch: Number of images at a time.
        amp: Number format; "off" is float32.

    Raises:
        ValueError: If nothing was recorded on such a device.
    """
    return {
        network: 1000 * row["measured"]["median"] / batch
        for network, row in forward_timings(device, batch, amp=amp).items()
        if row["measured"] and get_entry(network).input_size >= 224
    }


@cache
def all_clocks() -> dict[str, Clock]:
    """All clocks of forward passes, by name: the recorded ones, then the published ones."""
    clocks = {}
    for device in recorded_devices():
        for amp in recorded_formats(device):
            for batch in recorded_batches(device):
                name = "/".join([device, *([amp] if amp != "off" else []), str(batch)])
                timed = recorded_milliseconds(device, batch, amp)
                number = "float32" if amp == "off" else amp
                words = f"{clock_words(device)}, {number}, {batch} image{'s' if batch > 1 else ''}"
                clocks[name] = Clock(name, words, timed, {network: costs_of(network) for network in timed})
    for name, published in published_clocks().items():
        if published.step == "forward":
            timed = {network.label: published.milliseconds(network) for network in published.quoted}
            known = {one.label: Costs(one.macs, one.activations, one.layers, one.params) for one in published.quoted}
            clocks[name] = Clock(name, published.words, timed, known, published)
    return clocks


def sources(clocks: Iterable[Clock]) -> list[str]:
    """Where the published ones among some clocks are quoted from: a sentence for each source."""
    by_source: dict[str, list[str]] = {}
    for clock in clocks:
        if clock.published is not None:
            by_source.setdefault(clock.published.source, []).append(f"{clock.published.short}: {clock.published.how}")
    return [f"Quoted from {source}. {'; '.join(files)}." for source, files in by_source.items()]


class SideBySide:
    """Two networks on every clock that has both.

    Args:
        a: A network of the registry.
        b: The one that it is compared with.
        names: What the text calls the two.

    Raises:
        ValueError: If no clock has both.
    """

    def __init__(self, a: str, b: str, names: tuple[str, str]) -> None:
        self.names = names
        clocks = {name: clock for name, clock in all_clocks().items() if {a, b} <= set(clock.milliseconds)}
        if not clocks:
            raise ValueError(f"no clock has timed both {a!r} and {b!r}")
        self.clocks = clocks
        self.times = {name: (clock.milliseconds[a], clock.milliseconds[b]) for name, clock in clocks.items()}

    def ratio(self, clock: str) -> float:
        """The first network's time by the second's."""
        first, second = self.times[clock]
        return first / second

    def verdict(self, clock: str) -> str:
        """Whether the first network is ``faster``, ``slower`` or there is a ``draw``."""
        ratio = self.ratio(clock)
        return "draw" if abs(ratio - 1) <= DRAW else "faster" if ratio < 1 else "slower"

    def expect(self, **clocks: Sequence[str]) -> None:
        """Stop the build if a text's verdicts are not those of the numbers.

        Args:
            **clocks: ``faster``, ``slower`` or ``draw``, each with the clocks of which the text says so.

        Raises:
            ValueError: If one is another.
        """
        for verdict, names in clocks.items():
            for name in names:
                if (found := self.verdict(name)) != verdict:
                    raise ValueError(
                        f"{self.names[0]} is said to be {verdict} on {name!r}, but the verdict there is {found}: "
                        f"{self.ratio(name):.2f} of {self.names[1]}'s time"
                    )

    @property
    def sentence(self) -> str:
        """On how many clocks the first one is faster, and from where to where the ratio goes."""
        by_verdict: dict[str, list[str]] = {"faster": [], "slower": [], "draw": []}
        for name in self.times:
            by_verdict[self.verdict(name)].append(name)
        ratios = sorted(self.times, key=self.ratio)
        least, most = (f"{self.ratio(name):.2f} ({self.clocks[name].words})" for name in (ratios[0], ratios[-1]))
        first, second = self.names
        faster, slower, draw = (len(by_verdict[verdict]) for verdict in ("faster", "slower", "draw"))
        return (
            f"Of {len(self.times)} clocks {first} is faster than {second} on {faster}, slower on {slower}, and within "
            f"{DRAW:.0%} of it on {draw}. Its time goes from {least} to {most} of {second}'s."
        )

    def table(self, title: str) -> NumberTable:
        """All clocks, with a verdict each."""
        rows = [
            (clock.words, *self.times[name], self.ratio(name), {"draw": "a draw"}.get(v := self.verdict(name), v))
            for name, clock in self.clocks.items()
        ]
        columns = [Column(f"{name}, ms", digits=2) for name in self.names]
        return NumberTable(
            title,
            ("clock", *columns, Column("ratio", digits=2), f"{self.names[0]} is"),
            rows,
            [self.sentence, "Milliseconds for one image.", *sources(self.clocks.values())],
            words=[f"{self.names[0]} is"],
        )

    def _repr_html_(self) -> str:
        return self.table(f"{self.names[0]} and {self.names[1]} on every clock")._repr_html_()

    def __repr__(self) -> str:
        return str(self.table(f"{self.names[0]} and {self.names[1]} on every clock"))


@dataclass(frozen=True)
class Ranking:
    """How well numbers that need no clock stand for one clock's times.

    Attributes:
        clock: The clock.
        networks: How many networks were compared.
        ranks: Number to its rank correlation with the time (Spearman's).
        macs_error: Mean error if each network's time is predicted from the others' by their MACs.
        three_error: The same, from MACs, activations and layers together.
    """

    clock: Clock
    networks: int
    ranks: dict[str, float]
    macs_error: float
    three_error: float


def rankings(keep: Callable[[Costs], bool] = lambda costs: costs.macs < LIGHT) -> list[Ranking]:
    """One ranking for each clock that has timed enough networks.

    Args:
        keep: Which networks are compared; by default the light ones.
    """
    found = []
    for clock in all_clocks().values():
        kept = [label for label in clock.milliseconds if keep(clock.costs[label])]
        if len(kept) < FEWEST:
            continue
        seconds = np.array([clock.milliseconds[label] for label in kept]) / 1000
        values = {proxy: [getattr(clock.costs[label], proxy) for label in kept] for proxy in PROXIES}
        terms = np.array([values[proxy] for proxy in ("macs", "activations", "layers")], dtype=float).T
        ranks = {proxy: spearman(numbers, seconds.tolist()) for proxy, numbers in values.items()}
        errors = left_out_error(terms[:, :1], seconds), left_out_error(terms, seconds)
        found.append(Ranking(clock, len(kept), ranks, *errors))
    return found


def rankings_table(found: Sequence[Ranking], title: str) -> NumberTable:
    """Rank correlations and errors, a line a clock."""
    heads = {"macs": "ρ: MACs", "activations": "ρ: activations", "layers": "ρ: layers", "params": "ρ: parameters"}
    return NumberTable(
        title,
        (
            "clock",
            "networks",
            *(Column(head, digits=2) for head in heads.values()),
            "error: MACs",
            "error: MACs, activations, layers",
        ),
        [
            (
                one.clock.words,
                one.networks,
                *(one.ranks[proxy] for proxy in heads),
                f"{one.macs_error:.0%}",
                f"{one.three_error:.0%}",
            )
            for one in found
        ],
        [
            "ρ is Spearman's rank correlation with the time: 1 if both sort alike, 0 if the number says nothing. The "
            "errors are mean ones, each network predicted from the others.",
            *sources(one.clock for one in found),
        ],
    )


def runtimes_table(names: Sequence[str], title: str) -> NumberTable:
    """Some networks in PyTorch, in ONNX Runtime, and in ONNX Runtime with int8: milliseconds of one image.

    Args:
        names: Networks of the registry.
        title: Of the table.
    """
    clocks = all_clocks()
    eager, deployed, short = (
        clocks[name].milliseconds for name in ("cpu/1", "cpu-onnxruntime/1", "cpu-onnxruntime/int8/1")
    )
    rows = [
        (name, eager.get(name), deployed.get(name), short.get(name), _times(eager, deployed, name)) for name in names
    ]
    heads = ("PyTorch, ms", "ONNX Runtime, ms", "ONNX Runtime, int8, ms", "PyTorch by ONNX Runtime")
    return NumberTable(title, ("network", *(Column(head, digits=2) for head in heads)), rows)


def kinds_table(names: Sequence[str]) -> NumberTable:
    """What ONNX Runtime runs of some networks, by class, and where the time of one image goes.

    Args:
        names: Networks whose operations were recorded.

    Raises:
        ValueError: If one was not.
    """
    record = load_record(recorded_file("cpu-onnxruntime", "operations"))
    known = {row["model"]: row for row in record["networks"]}
    if missing := [name for name in names if name not in known]:
        raise ValueError(f"the operations of {missing[0]!r} were not recorded, only those of {', '.join(known)}")
    rows: list[tuple] = []
    kinds = {kind for name in names for kind in known[name]["classes"]}
    longest = {kind: max(known[name]["classes"].get(kind, NOTHING)["seconds"] for name in names) for kind in kinds}
    for kind in sorted(kinds, key=lambda kind: -longest[kind]):
        cells = (known[name]["classes"].get(kind, NOTHING) for name in names)
        rows.append((kind, *(value for cell in cells for value in (cell["operations"], 1000 * cell["seconds"]))))
    totals = [
        (sum(cell["operations"] for cell in known[name]["classes"].values()), 1000 * known[name]["seconds"])
        for name in names
    ]
    rows.append(("all", *(value for total in totals for value in total)))
    eager = []
    for name in names:
        with torch.device("meta"):
            model = get_model(name).eval()
        eager.append(f"{len(operations(model, known[name]['input_size']))} for {name}")
    heads = [column for name in names for column in (f"{name}: operations", Column(f"{name}: ms", digits=2))]
    return NumberTable(
        "What ONNX Runtime runs for one image, and how long it takes",
        ("class", *heads),
        rows,
        [f"Operations in PyTorch: {', '.join(eager)}."],
    )


def _times(slow: Mapping[str, float], fast: Mapping[str, float], name: str) -> float | None:
    return slow[name] / fast[name] if name in slow and name in fast else None
