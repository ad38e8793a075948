"""Chapter 16's search: every design that the widget offers, counted and timed without building one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from lightnets_edu.chapters.design import widget
from lightnets_edu.chapters.design.study import MIXED
from lightnets_edu.models.search_space import EXPANDING, KINDS, Design, Stage
from lightnets_edu.pages.widget.widgets import Slider, number

GROWTH = (2, 3)  # a stage has at least twice and at most three times the channels of the one before it
COSTS = ("params", "macs", "fs")
ROW = np.dtype([*((name, "i8", 3) for name in ("kind", "channels", "depth")), *((c, "i8") for c in ("expand", *COSTS))])


def _values(slider: Slider) -> tuple[int, ...]:
    return tuple(range(int(slider.minimum), int(slider.maximum) + 1, int(slider.step)))


@dataclass(frozen=True)
class Budget:
    """What one image may cost at most; by default, what the widget shows at first."""

    params: int = round(1000 * widget.BUDGETS[0].default)
    macs: int = round(10**6 * widget.BUDGETS[1].default)
    ms: float = widget.BUDGETS[2].default


@dataclass(frozen=True)
class Space:
    """What each of the three stages can be; by default, all that the widget offers.

    Attributes:
        kinds: Of blocks.
        channels: Of a stage's output.
        depths: Blocks of a stage.
        expansions: Of all inverted residuals and Ghost bottlenecks of a design.
    """

    kinds: tuple[str, ...] = KINDS
    channels: tuple[int, ...] = _values(widget.CHANNELS[1])
    depths: tuple[int, ...] = _values(widget.DEPTHS[1])
    expansions: tuple[int, ...] = _values(widget.EXPAND)

    @property
    def size(self) -> int:
        """How many different designs there are: without an expanding block the expansion changes nothing."""
        plain = sum(kind not in EXPANDING for kind in self.kinds) ** 3
        expanding = len(self.kinds) ** 3 - plain
        return (plain + expanding * len(self.expansions)) * (len(self.channels) * len(self.depths)) ** 3


@dataclass(frozen=True)
class Candidate:
    """A design and what it costs; ``spent`` is its part of the budget's parameters times its part of the MACs."""

    design: Design
    params: int
    macs: int
    ms: float
    spent: float


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        budget: The limits.
        space: What was searched.
        within: How many designs keep all limits.
        rows: Those of them whose channels grow by ``GROWTH``, as ``ROW`` says; kinds are places in the space.
    """

    budget: Budget
    space: Space
    within: int
    rows: np.ndarray = field(repr=False)

    @property
    def spent(self) -> np.ndarray:
        """For each row its part of the parameters times its part of the MACs: 1 would spend both to the last."""
        return self.rows["params"] / self.budget.params * self.rows["macs"] / self.budget.macs

    def best(self, kind: str = "", *, ms: float | None = None) -> Candidate | None:
        """The design that spends most, or None if there is none.

        Args:
            kind: Of all its blocks, or ``MIXED`` for more than one kind; empty for any.
            ms: The most predicted milliseconds, if they are to be fewer than the budget's.
        """
        kinds = self.rows["kind"]
        chosen = self.rows["fs"] <= _femtoseconds(self.budget.ms if ms is None else ms)
        if kind == MIXED:
            chosen &= (kinds != kinds[:, :1]).any(1)
        elif kind:
            chosen &= (kinds == self.space.kinds.index(kind)).all(1)
        places = np.flatnonzero(chosen)
        return self.candidate(int(places[self.spent[places].argmax()])) if places.size else None

    def candidate(self, place: int) -> Candidate:
        """A row as a design and its costs."""
        row = self.rows[place]
        stages = []
        for kind, channels, depth in zip(row["kind"], row["channels"], row["depth"], strict=True):
            name = self.space.kinds[kind]
            expansion = int(row["expand"]) if name in EXPANDING else Stage.expand_ratio
            stages.append(Stage(name, int(channels), int(depth), expand_ratio=expansion))
        design = Design(tuple(stages), stem_channels=widget.STEM, num_classes=widget.CLASSES)
        ms = float(row["fs"]) / _femtoseconds(1)
        return Candidate(design, int(row["params"]), int(row["macs"]), ms, float(self.spent[place]))


def search(
    speeds: Mapping[str, int], budget: Budget | None = None, *, space: Space | None = None, size: int = 32
) -> Found:
    """Count all designs of a space that a budget allows, and keep those whose channels grow by ``GROWTH``.

    A stage's cost depends on its own choices and on the channels before it. So the formulas are evaluated once for
    each of these, and a design's cost is a sum of four numbers from tables.

    Args:
        speeds: A machine's, from `device_speeds`.
        budget: The limits (None: those that the widget shows at first).
        space: What to search (None: all that the widget offers).
        size: Side of the images in pixels.
    """
    budget, space = budget or Budget(), space or Space()
    first, second, last = _tables(speeds, space, size)
    limits = np.array([budget.params, budget.macs, _femtoseconds(budget.ms)])
    plain = np.repeat([kind not in EXPANDING for kind in space.kinds], len(space.depths))
    channels, within, rows = np.array(space.channels), 0, [np.zeros(0, ROW)]
    for e, c1, c2 in np.ndindex(len(space.expansions), len(channels), len(channels)):
        pairs = first[:, 0, c1, :, None, e] + second[:, c1, c2, None, :, e]
        cheapest = last[:, c2, ..., e].min((1, 2))
        one, two = np.nonzero(_all_within(pairs, limits - cheapest))
        costs = pairs[:, one, two, None, None] + last[:, c2, None, ..., e]  # [costs, pairs, channels, choices]
        fits = _all_within(costs, limits)
        if e:  # what does not expand was counted with the first expansion
            fits &= ~(plain[one] & plain[two])[:, None, None] | ~plain
        within += int(np.count_nonzero(fits))
        growing = _grows(channels[c1], channels[c2]) & _grows(channels[c2], channels)
        pair, c3, three = np.nonzero(fits & growing[:, None])
        found = np.zeros(len(pair), ROW)
        choices = np.stack([one[pair], two[pair], three], 1)
        found["kind"], found["depth"] = choices // len(space.depths), np.take(space.depths, choices % len(space.depths))
        found["channels"] = np.stack(np.broadcast_arrays(channels[c1], channels[c2], channels[c3]), 1)
        found["expand"] = space.expansions[e]
        for name, values in zip(COSTS, costs[:, pair, c3, three], strict=True):
            found[name] = values
        rows.append(found)
    return Found(budget, space, within, np.concatenate(rows))


def _femtoseconds(ms: float) -> int:
    return round(ms * 10**12)


def _grows(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (after >= GROWTH[0] * before) & (after <= GROWTH[1] * before)


def _all_within(costs: np.ndarray, limits: np.ndarray) -> np.ndarray:
    fits = costs[0] <= limits[0]
    for cost, limit in zip(costs[1:], limits[1:], strict=True):
        fits &= cost <= limit
    return fits


def _tables(speeds: Mapping[str, int], space: Space, size: int) -> list[np.ndarray]:
    """For each stage its costs, ``[costs, channels before, channels, kinds and depths, expansions]``.

    The last one includes what the first convolution, the last norm and the classifier cost.
    """
    known: dict[sp.Symbol, int] = {number(name): speed for name, speed in speeds.items()}
    known[widget.INPUT_SIZE.symbol] = size
    for name, expression in widget.SIDES.items():
        known[number(name)] = int(expression.subs(known))
    tables = []
    for stage in widget.STAGES:
        before = np.array(space.channels if stage > 1 else [widget.STEM])
        axes = np.ix_(before, *map(np.array, (space.channels, space.depths, space.expansions)))
        incoming = widget.CHANNELS[stage - 1].symbol if stage > 1 else sp.Dummy()
        symbols = [incoming, widget.CHANNELS[stage].symbol, widget.DEPTHS[stage].symbol, widget.EXPAND.symbol]
        kinds = [_evaluated(widget.stage_cost(stage, kind), symbols, axes, known) for kind in space.kinds]
        table = np.stack(kinds, 3)  # [costs, before, channels, kinds, depths, expansions]
        tables.append(table.reshape(*table.shape[:3], -1, table.shape[-1]))
    ends = _evaluated(widget.ends_cost(), [widget.CHANNELS[3].symbol], (np.array(space.channels),), known)
    tables[-1] = tables[-1] + ends[:, None, :, None, None]
    return tables


def _evaluated(
    cost: Mapping[str, sp.Expr],
    symbols: Sequence[sp.Symbol],
    values: Sequence[np.ndarray],
    known: Mapping[sp.Symbol, int],
) -> np.ndarray:
    """The ``COSTS`` at all values that the symbols have, as whole numbers (below 2^53, so rounding is exact)."""
    function = sp.lambdify(symbols, [cost[name].subs(known) for name in COSTS], "numpy", cse=True)
    shape = np.broadcast_shapes(*(axis.shape for axis in values))
    return np.stack([np.broadcast_to(np.rint(result).astype(np.int64), shape) for result in function(*values)])
