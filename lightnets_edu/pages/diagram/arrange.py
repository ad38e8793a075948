"""Where the boxes and lines of a drawing lie: series under one another, branches side by side, nothing crossing.

A block's steps are taken apart at the steps that everything flows through. Between two of them lie branches, which are
taken apart in the same way. Lines that do not fit into such nested branches run down at the sides of the drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from lightnets_edu.pages.diagram.flow import Step, users

Edge = tuple[Step, Step]
Point = tuple[float, float]
Place = tuple[float, float, float, float]  # left, top, width, height

ARROW = 19  # from a box to the next
STEM = 9  # from a box down to where its line forks
DROP = 17  # from the fork down to the branches
JOIN = 12  # from the end of the branches down to the box that joins them
LANE = 15  # between parallel lines
BETWEEN = 14  # between branches
INSIDE = 8  # from a box's corner to the first line that enters it from above
LABEL = 17  # beside a line that is called identity
SIDE = 16  # from the end of a joining box to the line that enters it from the side


@dataclass(frozen=True)
class Branches:
    """What lies between a step that forks and a step that joins.

    Attributes:
        branches: Each a series of steps and further branches.
        direct: Whether a line also leads straight from the fork to the join.
    """

    branches: tuple[Series, ...]
    direct: bool
    ends: Edge


Series = tuple["Step | Branches", ...]


@dataclass(frozen=True)
class Structure:
    """A block taken apart.

    Attributes:
        series: From the input to the output.
        outside: Connections that do not fit in; they run at the side.
    """

    series: Series
    outside: tuple[Edge, ...]


# ---- Taking a block apart ------------------------------------------------------------------------------------------


def take_apart(steps: Sequence[Step]) -> Structure:
    """Find the series and branches of a block whose first step is its input and whose last its output."""
    first, *inner, last = steps
    outside: list[Edge] = []
    series = _series((first, last), inner, [(source, step) for step in steps for source in step.inputs], outside)
    return Structure((first, *series, last), tuple(outside))


def _series(ends: Edge, inner: Sequence[Step], edges: Sequence[Edge], outside: list[Edge]) -> Series:
    """Split at the steps that every way from one end to the other passes: no connection leads past them."""
    order = {step: place for place, step in enumerate((ends[0], *inner, ends[1]))}
    spans = [(order[source], order[target]) for source, target in edges]
    cuts = [step for step, place in order.items() if not any(start < place < stop for start, stop in spans)]
    parts: list[Step | Branches] = []
    for fork, join in pairwise(cuts):
        if between := inner[order[fork] : order[join] - 1]:
            near = {fork, *between, join}
            parts += _branches((fork, join), between, [edge for edge in edges if near.issuperset(edge)], outside)
        parts.append(join)
    return tuple(parts[:-1])


def _branches(ends: Edge, inner: Sequence[Step], edges: Sequence[Edge], outside: list[Edge]) -> Series:
    """Steps that are connected without the two ends are one branch; if all are, some connections are left out."""
    groups: list[set[Step]] = []
    for step in inner:
        near = {step}.union(*(edge for edge in edges if step in edge)) - {*ends}
        touched = [group for group in groups if group & near]
        groups = [group for group in groups if group not in touched] + [near.union(*touched)]
    direct = ends in edges
    if len(groups) > 1 or direct:
        branches = []
        for group in groups:
            within = [edge for edge in edges if group.intersection(edge)]
            branches.append(_series(ends, [step for step in inner if step in group], within, outside))
        return (Branches(_sorted(branches, ends[1]), direct, ends),)
    sources, targets = zip(*edges, strict=True)
    free = [(a, b) for a, b in edges if sources.count(a) > 1 and targets.count(b) > 1]
    order = [ends[0], *inner, ends[1]]
    if not free:  # all of it in one column
        outside += [edge for edge in edges if edge not in pairwise(order)]
        return tuple(inner)
    longest = max(free, key=lambda edge: order.index(edge[1]) - order.index(edge[0]))
    outside.append(longest)
    return _series(ends, inner, [edge for edge in edges if edge != longest], outside)


def _sorted(branches: Iterable[Series], join: Step) -> tuple[Series, ...]:
    """In the order of the code; but into a sum, the branch with the most layers first."""

    def place(branch: Series) -> int:
        return min((join.inputs.index(step) for step in flatten(branch) if step in join.inputs), default=0)

    def work(branch: Series) -> tuple[int, int]:
        macs = [step.macs for step in flatten(branch) if step.macs]
        return -len(macs), -sum(macs)

    branches = sorted(branches, key=place)
    many = any(step.family == "more" for branch in branches for step in flatten(branch))
    return tuple(branches if join.name != "sum" or many else sorted(branches, key=work))


def flatten(series: Series) -> Iterator[Step]:
    """All steps, branch by branch."""
    for part in series:
        if isinstance(part, Branches):
            for branch in part.branches:
                yield from flatten(branch)
        else:
            yield part


# ---- Putting it on paper -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Size:
    """How much room a step needs: its box, and below it a caption."""

    width: float
    height: float
    caption_width: float = 0
    caption_height: float = 0


@dataclass
class Drawing:
    """Where everything lies.

    Attributes:
        boxes: Each step's box, without the shape below it, in the order of the forward.
        lines: The corners of each connection, from its source's bottom (or the shape below it) to its target's border.
        direct: Connections that are a line beside branches, without layers of their own.
        forks: Where a line forks.
        width: Of the whole drawing, from 0.
        height: Of the whole drawing, from 0.
    """

    boxes: dict[Step, Place] = field(default_factory=dict)
    lines: dict[Edge, list[Point]] = field(default_factory=dict)
    direct: frozenset[Edge] = frozenset()
    forks: list[Point] = field(default_factory=list)
    width: float = 0
    height: float = 0


@dataclass
class _Part:
    """A part of a drawing, relative to the line that leads into it and out of it, at x = 0, and to its own top."""

    left: float = 0
    right: float = 0
    height: float = 0
    places: dict[Step, Point] = field(default_factory=dict)  # middle of the box's top
    lanes: dict[Edge, float] = field(default_factory=dict)

    def add(self, part: _Part, x: float, y: float) -> None:
        self.left, self.right = min(self.left, x + part.left), max(self.right, x + part.right)
        self.height = max(self.height, y + part.height)
        self.places |= {step: (x + px, y + py) for step, (px, py) in part.places.items()}
        self.lanes |= {edge: x + lane for edge, lane in part.lanes.items()}


def arrange(structure: Structure, size: Callable[[Step], Size], margin: float) -> Drawing:
    """Place all boxes and lines.

    Args:
        structure: A block taken apart.
        size: How much room each step needs.
        margin: Free space around the drawing.
    """
    layout = _Layout(structure, size)
    whole = layout.series(structure.series)
    drawing = Drawing(height=whole.height + 2 * margin, direct=frozenset(whole.lanes))
    for step, (x, y) in whole.places.items():
        width = layout.sizes[step].width
        drawing.boxes[step] = (x - width / 2, y + margin, width, layout.sizes[step].height)
    router = _Router(drawing, structure, layout, whole)
    for edge in ((source, step) for step in drawing.boxes for source in step.inputs):
        if edge not in structure.outside:
            router.inside(edge)
    for edge in structure.outside:
        router.outside(edge)
    router.finish()
    _shift(drawing, margin - router.left)
    drawing.width = router.right - router.left + 2 * margin
    return drawing


class _Layout:
    """Gives boxes their places, from the inside out."""

    def __init__(self, structure: Structure, size: Callable[[Step], Size]) -> None:
        steps = list(flatten(structure.series))
        self.sizes = {step: size(step) for step in steps}
        self.users = users(steps)

    def forks(self, step: Step) -> bool:
        return len(self.users[step]) > 1

    def series(self, series: Series) -> _Part:
        part, y, before = _Part(), 0.0, None
        for item in series:
            y += self._gap(before, item)
            if isinstance(item, Branches):
                inner = self.branches(item)
            else:
                room = self.sizes[item]
                half = max(room.width, room.caption_width) / 2
                inner = _Part(-half, half, room.height + room.caption_height, {item: (0.0, 0.0)})
            part.add(inner, 0, y)
            y += inner.height
            before = item
        return part

    def _gap(self, before: Step | Branches | None, item: Step | Branches) -> float:
        if before is None:
            return 0
        if isinstance(before, Branches):
            return JOIN
        return STEM + DROP if isinstance(item, Branches) or self.forks(before) else ARROW

    def branches(self, item: Branches) -> _Part:
        """Branches side by side, and the direct line at the right."""
        inner = [self.series(branch) for branch in item.branches]
        half = self.sizes[item.ends[1]].width / 2
        axes = _axes(inner, BETWEEN)
        if len(axes) > 1 and -INSIDE < axes[-1] - half < SIDE:  # a line would come down on the corner of the join
            axes = _axes(inner, BETWEEN + 2 * (half + SIDE - axes[-1]) / (len(axes) - 1))
        part = _Part()
        for branch, each, axis in zip(item.branches, inner, axes, strict=True):
            part.add(each, axis, 0)
            if isinstance(last := branch[-1], Step):  # room for what the line out of the branch does
                enters_above = abs(axis) <= half - INSIDE
                need = self._gap(last, item.ends[1]) if enters_above else JOIN
                part.height = max(part.height, each.height + need - JOIN)
        if item.direct:
            lane = max(part.right + LANE, half + SIDE)
            part.lanes[item.ends] = lane
            part.right = lane + (LABEL if is_shortcut(item.ends) else 4)
        return part


def is_shortcut(edge: Edge) -> bool:
    """Whether a direct line is what papers call an identity shortcut: one of two things that are joined."""
    return edge[1].name in ("sum", "concatenate") and len(edge[1].inputs) == 2


def _axes(parts: list[_Part], gap: float) -> list[float]:
    """Where the parts' own x = 0 come to lie when they stand side by side; 0 is between the first and the last."""
    axes, right = [], -gap
    for part in parts:
        axes.append(right + gap - part.left)
        right = axes[-1] + part.right
    middle = (axes[0] + axes[-1]) / 2
    return [axis - middle for axis in axes]


def _shift(drawing: Drawing, by: float) -> None:
    drawing.boxes = {step: (x + by, y, w, h) for step, (x, y, w, h) in drawing.boxes.items()}
    drawing.lines = {edge: [(x + by, y) for x, y in points] for edge, points in drawing.lines.items()}
    drawing.forks = [(x + by, y) for x, y in drawing.forks]


class _Router:
    """Draws the lines between boxes that have their places."""

    def __init__(self, drawing: Drawing, structure: Structure, layout: _Layout, whole: _Part) -> None:
        self.drawing, self.layout, self.lanes = drawing, layout, whole.lanes
        self.left, self.right = whole.left, whole.right
        self.at_side = structure.outside
        self.entries: dict[tuple[Step, int], list[tuple[float, Edge]]] = {}

    def _middle(self, step: Step) -> float:
        left, _, width, _ = self.drawing.boxes[step]
        return left + width / 2

    def _descend(self, edge: Edge, x: float) -> list[Point]:
        """From a box down to the height where its lines fork, and over to ``x``."""
        _, top, _, height = self.drawing.boxes[edge[0]]
        start_x, bottom = self._middle(edge[0]), top + height + self.layout.sizes[edge[0]].caption_height
        fork = (start_x, bottom + STEM)
        if self.layout.forks(edge[0]) and edge[0].name != "split" and fork not in self.drawing.forks:
            self.drawing.forks.append(fork)  # a dot; but after a split, each branch gets something else
        bend = [fork, (x, bottom + STEM)] if abs(x - start_x) > 0.5 else []
        return [(start_x, bottom), *bend]

    def inside(self, edge: Edge) -> None:
        """A line between branches: from above into the box, or from the side if it comes down beside it."""
        source, target = edge
        joins = sum((each, target) not in self.at_side for each in target.inputs) > 1
        x = self.lanes.get(edge, self._middle(source) if joins else self._middle(target))
        points = self._descend(edge, x)
        left, top, width, _ = self.drawing.boxes[target]
        beyond = abs(x - left - width / 2) - width / 2  # how far the line comes down from the box's end
        if beyond <= -INSIDE:
            self.drawing.lines[edge] = [*points, (points[-1][0], top)]
        elif beyond < SIDE / 2:  # on the corner: a step aside, to come from above
            aside = min(max(x, left + INSIDE + 4), left + width - INSIDE - 4)
            self.drawing.lines[edge] = [*points, (x, top - JOIN + 3), (aside, top - JOIN + 3), (aside, top)]
        else:
            self.drawing.lines[edge] = points
            self._enter_from_side(edge, x)

    def outside(self, edge: Edge) -> None:
        """A line down the side of the whole drawing, at the right only if its ends lie there."""
        if self._middle(edge[0]) + self._middle(edge[1]) > 0:
            self.right = x = self.right + LANE
        else:
            self.left = x = self.left - LANE
        self.drawing.lines[edge] = self._descend(edge, x)
        self._enter_from_side(edge, x)

    def _enter_from_side(self, edge: Edge, x: float) -> None:
        side = -1 if x < self._middle(edge[1]) else 1
        self.entries.setdefault((edge[1], side), []).append((x, edge))

    def finish(self) -> None:
        """Give the lines that enter a box from one side their heights: the farther away, the lower."""
        for (step, side), found in self.entries.items():
            left, top, width, height = self.drawing.boxes[step]
            found.sort(key=lambda entry: abs(entry[0] - self._middle(step)))
            gap = min(8.0, (height - 8) / max(len(found) - 1, 1))
            for index, (x, edge) in enumerate(found):
                y = top + height / 2 + (index - (len(found) - 1) / 2) * gap
                self.drawing.lines[edge] += [(x, y), (left if side < 0 else left + width, y)]
