"""Every network, every number: what was claimed, what is counted, what was predicted and measured.

Costs, families and claims are those of the registry. Times and accuracies are those of the records in ``results/``.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import torchvision
from torch import nn

from lightnets_edu.counting import count
from lightnets_edu.formulas import Cost
from lightnets_edu.models import get_entry, get_model, list_models, network_layers
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.registry import Printed
from lightnets_edu.pages import ledger
from lightnets_edu.pages.board.explore import Parts, ScatterTable, explore
from lightnets_edu.pages.clocks import all_clocks
from lightnets_edu.pages.palette import CLASSES
from lightnets_edu.records import (
    clock_words,
    forward_timings,
    recorded_batches,
    recorded_devices,
    records_in,
    results_folder,
)
from lightnets_edu.statistics import mean_absolute_percentage_error, pareto_front, spearman
from lightnets_edu.tables import Column, NumberTable
from lightnets_edu.timing import RUNGS

COUNTED = ("params", "macs", "activations", "memory_access")
HEADINGS = {quantity: ledger.HEADINGS[quantity] for quantity in COUNTED} | {
    rung: f"Predicted: {rung}" for rung in RUNGS
}
SHOWN_RUNGS = ("flops", "microbenchmarks")  # the lowest and the highest of the ladder
PARTS = {"macs": "MACs", "params": "Parameters", "activations": "Activations"}  # what is shown by class of layer
MOST_NAMED = 6  # networks in a sentence
FEWEST = 3  # networks, for a rank correlation
# Networks of torchvision that no chapter is about, because readers will ask how the book's compare with them.
GUESTS = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large")
GUEST_FAMILY = "MobileNetV2 and V3"
LARGE_IMAGES = 224  # networks for smaller images are not compared in time with the others


@dataclass(frozen=True)
class ProxyQuality:
    """How well a number that needs no clock stands for the time.

    Attributes:
        proxy: The number.
        networks: How many networks it was tried on.
        rank_correlation: Spearman's.
        error: Mean error, as a part of the measured time, after the best scaling.
        factor: That scaling: seconds for each unit of the proxy.
    """

    proxy: str
    networks: int
    rank_correlation: float
    error: float
    factor: float


def claims() -> dict[str, Printed]:
    """What is printed about the networks, by network."""
    printed = {name: get_entry(name).printed for name in list_models()}
    return {name: claim for name, claim in printed.items() if claim is not None}


@cache
def formula_cost(name: str) -> Cost:
    """A network's cost by the formulas, for one image of its own size."""
    return network_cost(network_layers(name))


def scoreboard_rows(device: str = "cpu") -> list[dict[str, Any]]:
    """One row a network: cost, claim, and the recorded times of a forward pass on one device.

    Times are milliseconds for an image. Their keys are ``measured_1`` for a batch of 1, and ``microbenchmarks_1`` and
    so on for the predictions; None where nothing was recorded.

    Args:
        device: A folder of ``results/``.

    Raises:
        ValueError: If nothing was recorded there.
    """
    timings = {batch: forward_timings(device, batch) for batch in recorded_batches(device)}
    return [_row(name, {batch: found.get(name, {}) for batch, found in timings.items()}) for name in list_models()]


def _row(name: str, timings: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    entry, cost = get_entry(name), formula_cost(name)
    claim = entry.printed
    if claim is not None and claim.images != "ImageNet":
        claim = None
    row: dict[str, Any] = {
        "network": name,
        "family": entry.family,
        "image": entry.input_size,
        **{quantity: getattr(cost, quantity) for quantity in COUNTED},
        "top1": round(claim.top1, 1) if claim and claim.top1 else None,  # the fewest digits that a list prints
        "top1_source": claim.top1_cited if claim and claim.top1 else None,
    }
    for batch, timed in timings.items():
        seconds = {"measured": (timed.get("measured") or {}).get("median"), **(timed.get("predicted_seconds") or {})}
        for way in ("measured", *RUNGS):
            known = seconds.get(way)
            row[f"{way}_{batch}"] = None if known is None else 1000 * known / batch
    for clock in all_clocks().values():
        row[clock_key(clock.name)] = clock.milliseconds.get(name)
    return row


def board_rows() -> list[dict[str, Any]]:
    """`scoreboard_rows`, and those of the guests: counted on torchvision's networks, timed by others only."""
    rows = scoreboard_rows()
    unknown = dict.fromkeys(rows[0])
    for name in GUESTS:
        first = next(iter(torchvision.models.get_model_weights(name)))
        side = first.transforms().crop_size[0]
        counted = count(_guest(name), (1, 3, side, side))
        row: dict[str, Any] = {**unknown, "network": name, "family": GUEST_FAMILY, "image": side}
        row |= {quantity: getattr(counted, quantity) for quantity in COUNTED}
        row |= {clock_key(clock.name): clock.milliseconds.get(name) for clock in all_clocks().values()}
        row["top1"] = round(first.meta["_metrics"]["ImageNet-1K"]["acc@1"], 1)
        row["top1_source"] = f"torchvision's metadata, {first.name}"
        rows.append(row)
    return rows


def _guest(name: str) -> nn.Module:
    with torch.device("meta"):
        return torchvision.models.get_model(name).eval()


def clock_key(clock: str) -> str:
    """The key of a clock's times in the rows, by its name in `lightnets_edu.pages.clocks`."""
    return f"clock_{clock}"


@cache
def network_parts() -> Parts:
    """What every network is made of: MACs, parameters and activations by class of layer, counted on the real one.

    Activations are every output of convolutions and linear layers, so the linear layers have some too.
    """
    kinds = tuple(kind for kind in CLASSES if kind != "other")
    return Parts(kinds, PARTS, {name: _parts(name, kinds) for name in (*list_models(), *GUESTS)})


def _parts(name: str, kinds: Sequence[str]) -> list[list[int]]:
    if name in GUESTS:
        model, side = _guest(name), LARGE_IMAGES
    else:
        with torch.device("meta"):
            model = get_model(name).eval()
        side = get_entry(name).input_size
    rows = count(model, (1, 3, side, side)).rows
    return [
        [sum(getattr(row, quantity) for row in rows if row.layer_class == kind) for kind in kinds] for quantity in PARTS
    ]


def scoreboard_columns(batches: Sequence[int] = ()) -> list[Column]:
    """The columns of `scoreboard_rows`, for ``explore``: in sight are accuracy, parameters, MACs and one clock.

    Args:
        batches: Batch sizes whose predicted times can be shown.
    """
    help_texts = {
        "params": "All trainable numbers, by the formulas.",
        "macs": "Multiply-accumulates of convolutions and linear layers for one image, by the formulas.",
        "activations": "Numbers that the convolutions write for one image.",
        "memory_access": "Numbers that convolutions and linear layers read and write for one image.",
    }
    printed = "On ImageNet, as printed elsewhere. "
    printed += "Each network was trained in its own way, so a point or two may be the training."
    cost: dict[str, Any] = {"digits": 2, "better": "lower", "log": True}
    columns = [
        Column("network", "Network", text=True),
        Column("family", "Family", text=True),
        Column("top1", "Top-1, printed", "%", digits=1, better="higher", help=printed),
        *(
            Column(key, HEADINGS[key], scale=1e6, help=text, folded=key not in ("params", "macs"), **cost)
            for key, text in help_texts.items()
        ),
    ]
    for clock in all_clocks().values():
        source = f"Quoted from {clock.published.citation}." if clock.published else "The median of recorded passes."
        timed = f"Milliseconds for one image. {source}"
        columns.append(Column(clock_key(clock.name), clock.words, "ms", help=timed, among="time", **cost))
    for batch in batches:
        images = _images(batch)
        for rung in SHOWN_RUNGS:
            predicted = f"Predicted for {images} by the rung '{rung}' of the ladder; for one image."
            columns.append(Column(f"{rung}_{batch}", f"{rung}, {images}", "ms", help=predicted, folded=True, **cost))
    columns.append(Column("top1_source", "Top-1 is printed in", text=True, folded=True))
    return columns


def scoreboard() -> ScatterTable:
    """The board of all networks, and some guests: every clock, budgets, and what two or three are made of."""
    return explore(
        board_rows(),
        scoreboard_columns(recorded_batches("cpu")),
        name="scoreboard",
        title="Every network of the book",
        x=clock_key("cpu/1"),
        y="top1",
        label="network",
        shape="family",
        pareto=True,
        budgets=("params", "macs", "time"),
        parts=network_parts(),
        description="Printed accuracy against any cost, on the clock of your choice. What fits your budget?",
    )


def _images(batch: int) -> str:
    return f"{batch} image{'s' if batch > 1 else ''}"


def claims_table() -> NumberTable:
    """Every printed number beside the formula's, a line a network; reasons and sources stand below.

    Raises:
        ValueError: If one does not round to the printed one, and nobody says why.
    """
    rows: list[tuple[Any, ...]] = []
    reasons: dict[str, int] = {}
    sources: dict[str, list[str]] = {}
    agreements: list[bool] = []
    for name, claim in claims().items():
        cost = formula_cost(name)
        params, macs = (claim.params, cost.params), (claim.macs, cost.macs)
        agree = [ledger.rounds_to(exact, text) for text, exact in (params, macs) if text is not None]
        if not all(agree) and not claim.why:
            raise ValueError(f"{name}: {claim.source} prints other numbers than ours, and no reason is given")
        verdict = "agrees" if all(agree) else f"see {reasons.setdefault(claim.why, len(reasons) + 1)}"
        rows.append((name, *params, *macs, verdict))
        sources.setdefault(claim.cited, []).append(name)
        agreements += agree
    return NumberTable(
        "Printed numbers, beside ours",
        ("network", "parameters, printed", "ours", "MACs, printed", "ours", "verdict"),
        rows,
        [
            f"{sum(agreements)} of {len(agreements)} printed numbers agree at their own digits; for the others a note "
            "says what we know.",
            *(f"{number}. {why[0].upper()}{why[1:]}." for why, number in reasons.items()),
            *(f"{source[0].upper()}{source[1:]}: {', '.join(names)}." for source, names in sources.items()),
        ],
        words=["verdict"],
    )


def best_scaling(proxy: Sequence[float], measured: Sequence[float]) -> tuple[float, float]:
    """The factor that makes a proxy most like the measured times, and the mean error that is left.

    The mean of |a p - m| / m is least where a is the median of m / p, each weighted with p / m.

    Args:
        proxy: Positive numbers.
        measured: Positive times.

    Returns:
        The factor a, and the mean error as a part of the measured time.
    """
    p, m = np.asarray(proxy, dtype=float), np.asarray(measured, dtype=float)
    order = np.argsort(m / p)
    weights = np.cumsum((p / m)[order])
    factor = float((m / p)[order][np.searchsorted(weights, weights[-1] / 2)])
    return factor, mean_absolute_percentage_error((factor * p).tolist(), m.tolist())


def proxy_values(rows: Iterable[Mapping[str, Any]], batch: int) -> tuple[dict[str, list[float]], list[float]]:
    """Every proxy's values, and the measured times, of the networks that have all of them.

    Networks for small images are left out.

    Args:
        rows: From `scoreboard_rows`.
        batch: Images.

    Returns:
        Proxy to its values, in `HEADINGS`' order; and the measured milliseconds.
    """
    keys = {**{key: key for key in COUNTED}, **{rung: f"{rung}_{batch}" for rung in RUNGS}}
    needed = [*keys.values(), f"measured_{batch}"]
    complete = [row for row in rows if row["image"] >= LARGE_IMAGES and all(row.get(key) for key in needed)]
    values = {proxy: [row[key] for row in complete] for proxy, key in keys.items()}
    return values, [row[f"measured_{batch}"] for row in complete]


def proxy_quality(rows: Iterable[Mapping[str, Any]], batch: int) -> list[ProxyQuality]:
    """How well each proxy stands for the measured time.

    Args:
        rows: From `scoreboard_rows`; choose among them to ask about some networks only.
        batch: Images.

    Raises:
        ValueError: If fewer than three networks have all numbers.
    """
    proxies, measured = proxy_values(rows, batch)
    if len(measured) < FEWEST:
        raise ValueError(f"a rank correlation of {len(measured)} networks with {batch} images says nothing: take three")
    found = []
    for proxy, values in proxies.items():
        factor, error = best_scaling(values, measured)
        found.append(ProxyQuality(proxy, len(measured), spearman(values, measured), error, factor / 1000))
    return found


def proxy_table(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> NumberTable:
    """Rank correlations and errors of all proxies, on all devices and batch sizes with enough networks.

    Args:
        rows: Device to rows of `scoreboard_rows`.
    """
    quality = {
        f"{clock_words(device)}, {_images(batch)}": proxy_quality(known, batch)
        for device, known in rows.items()
        for batch in recorded_batches(device)
        if len(proxy_values(known, batch)[1]) >= FEWEST
    }
    return NumberTable(
        "How well does a number stand for the measured time?",
        ("number", *(text for head in quality for text in (f"ρ: {head}", f"error: {head}"))),
        [
            (HEADINGS[proxy], *(text for one in ones for text in (f"{one.rank_correlation:.3f}", f"{one.error:.0%}")))
            for proxy, *ones in zip(HEADINGS, *quality.values(), strict=True)
        ],
        [
            "ρ is the rank correlation; the error is the mean one that is left after the best single factor.",
            f"Networks compared: {', '.join(f'{head}: {ones[0].networks}' for head, ones in quality.items())}.",
        ],
    )


def fronts_table(rows: Sequence[Mapping[str, Any]], costs: Mapping[str, str]) -> NumberTable:
    """Which networks nothing beats in accuracy and cost, for several costs.

    Args:
        rows: From `scoreboard_rows`.
        costs: Key of a cost to its heading.

    Returns:
        A line for each network that is on at least one front, with a mark for each front that it is on, and a dash
        where it has no such cost.
    """
    fronts = {key: {row["network"] for row in pareto_front(rows, key, "top1")} for key in costs}
    on_some = [row for row in rows if any(row["network"] in front for front in fronts.values())]
    lines = [
        (row["network"], row["top1"], *(_place(row, key, front) for key, front in fronts.items()))
        for row in sorted(on_some, key=lambda row: row["top1"])
    ]
    sizes = ", ".join(f"{heading}: {len(fronts[key])}" for key, heading in costs.items())
    printed = sum(row["top1"] is not None for row in rows)
    return NumberTable(
        "On which front?",
        ("network", Column("top-1, printed", digits=1), *costs.values()),
        lines,
        [f"Networks on each front: {sizes}. {printed} have a printed accuracy."],
        words=list(costs.values()),
    )


def _place(row: Mapping[str, Any], key: str, front: Container[str]) -> str | None:
    if row[key] is None:
        return None
    return "on it" if row["network"] in front else "beaten"


def front_sentence(rows: Sequence[Mapping[str, Any]], clock: str) -> str:
    """The networks that nothing beats in printed accuracy and on one clock, the fastest first.

    Args:
        rows: From `scoreboard_rows`.
        clock: A name in `lightnets_edu.pages.clocks`.
    """
    key = clock_key(clock)
    known = [row for row in rows if row[key] is not None and row["top1"] is not None]
    best = pareto_front(known, key, "top1")
    names = ", ".join(f"{row['network']} ({row[key]:.1f} ms, {row['top1']:.1f} %)" for row in best[:MOST_NAMED])
    more = f" and {len(best) - MOST_NAMED} that take longer" if len(best) > MOST_NAMED else ""
    words = all_clocks()[clock].words
    return (
        f"{words[0].upper()}{words[1:]}. Of {len(known)} networks that have a time there and a printed accuracy, none "
        f"beats {names}{more}."
    )


def trained_rows() -> list[dict[str, Any]]:
    """One row a training recorded on any device: network, recipe, and what it reached.

    Returns:
        Rows with ``run``, ``network``, ``recipe``, ``images`` (of the training set), ``epochs``, ``seen`` (images times
        epochs), ``params``, ``accuracy`` in per cent and ``minutes``. Accuracies of different recipes say nothing about
        each other.
    """
    rows = [
        _trained_row(f"{device}/{path.stem}", record)
        for device in recorded_devices()
        for path, record in records_in(results_folder() / device)
        if record.get("history")
    ]
    return sorted(rows, key=lambda row: (row["recipe"], row["params"]))


def _trained_row(run: str, record: Mapping[str, Any]) -> dict[str, Any]:
    history, config, images = record["history"], record["config"], record["data"]["train"]["images"]
    rest = f"batches of {config['batch_size']}, learning rate {config['learning_rate']:g}"
    return {
        "run": run,
        "network": record["model"],
        "recipe": f"{images:,} images × {len(history)} epochs, {rest}",
        "images": images,
        "epochs": len(history),
        "seen": images * len(history),
        "params": record["parameters"],
        "accuracy": 100 * history[-1]["test_accuracy"],
        "minutes": sum(epoch["seconds"] for epoch in history) / 60,
    }


def trained_table(rows: Sequence[Mapping[str, Any]]) -> NumberTable:
    """Recorded trainings, grouped by recipe and, within one, by parameters: never ranked by accuracy.

    Args:
        rows: From `trained_rows`.

    Raises:
        ValueError: If there are none.
    """
    if not rows:
        raise ValueError("no training was recorded, so there is nothing to show")
    recipes = {recipe: f"R{at}" for at, recipe in enumerate(dict.fromkeys(row["recipe"] for row in rows), start=1)}
    return NumberTable(
        "Recorded trainings on Fashion-MNIST",
        (
            "run",
            "recipe",
            "images × epochs",
            "parameters",
            Column("test images right, %", digits=1),
            Column("minutes", digits=1),
        ),
        [
            (row["run"], recipes[row["recipe"]], *(row[key] for key in ("seen", "params", "accuracy", "minutes")))
            for row in rows
        ],
        [
            f"{len(rows)} trainings with {len(recipes)} recipes. Compare only lines with the same recipe.",
            *(f"{name}: {recipe}" for recipe, name in recipes.items()),
        ],
        words=["recipe"],
    )
