"""Where the boxes and lines of a drawing lie: series under one another, branches side by side, nothing crossing.

A block's steps are taken apart at the steps that everything flows through. Between two of them lie branches, which are
taken apart in the same way. Lines that do not fit into such nested branches run down at the sides of the drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from lightnets_edu.pages.diagram.flow import Step, users

Edge = tuple[Step, Step]
Point = tuple[float, float]

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


class _NotNestedError(Exception):
    """These steps between two ends have connections that do not nest."""

    def __init__(self, ends: Edge, inner: list[Step]) -> None:
        super().__init__()
        self.ends, self.inner = ends, inner


def take_apart(steps: Sequence[Step]) -> Structure:
    """Find the series and branches of a block whose first step is its input and whose last its output."""
    edges = {(source, step): None for step in steps for source in step.inputs}  # a dict keeps the order
    outside: list[Edge] = []
    level = _levels(steps)
    while True:
        try:
            series = _series((steps[0], steps[-1]), list(steps[1:-1]), tuple(edges))
            return Structure((steps[0], *series, steps[-1]), tuple(outside))
        except _NotNestedError as problem:
            involved = {*problem.ends, *problem.inner}
            free = [
                (a, b) for a, b in edges
                if {a, b} <= involved and (a, b) != problem.ends
                and sum(source is a for source, _ in edges) > 1 and sum(target is b for _, target in edges) > 1
            ]  # fmt: skip
            if free:
                removed = [max(free, key=lambda edge: level[edge[1]] - level[edge[0]])]
            else:  # all of it in one column, as if each step led to the next
                start, stop = problem.ends
                column = list(pairwise([start, *problem.inner, stop]))
                removed = [edge for edge in edges if set(edge) <= involved and edge not in column]
                edges |= dict.fromkeys(column)
            outside += removed
            edges = {edge: None for edge in edges if edge not in removed}


def _levels(steps: Iterable[Step]) -> dict[Step, int]:
    """Steps on the longest way from the input."""
    level: dict[Step, int] = {}
    for step in steps:
        level[step] = 1 + max((level[source] for source in step.inputs), default=-1)
    return level


def _series(ends: Edge, inner: list[Step], edges: Sequence[Edge]) -> Series:
    """Split at the steps that every way from one end to the other passes."""
    start, stop = ends
    cuts = [start, *_passed_by_all(ends, inner, edges), stop]
    parts: list[Step | Branches] = []
    for fork, join in pairwise(cuts):
        first = inner.index(fork) + 1 if fork is not start else 0
        last = inner.index(join) if join is not stop else len(inner)
        between = inner[first:last]
        if between:
            parts.append(_branches((fork, join), between, edges))
        if join is not stop:
            parts.append(join)
    return tuple(parts)


def _passed_by_all(ends: Edge, inner: list[Step], edges: Sequence[Edge]) -> list[Step]:
    """All ways pass a step if the ways to it times the ways from it are all the ways there are."""
    start, stop = ends
    members = {start, stop, *inner}
    edges = [(a, b) for a, b in edges if a in members and b in members and a is not stop and b is not start]
    order = [start, *inner, stop]
    to, back = dict.fromkeys(order, 0), dict.fromkeys(order, 0)
    to[start] = back[stop] = 1
    for step in order:
        to[step] += sum(to[a] for a, b in edges if b is step)
    for step in reversed(order):
        back[step] += sum(back[b] for a, b in edges if a is step)
    return [step for step in inner if to[step] * back[step] == to[stop]]


def _branches(ends: Edge, inner: list[Step], edges: Sequence[Edge]) -> Branches:
    """Steps that are connected without the two ends are one branch."""
    groups: list[set[Step]] = []
    for step in inner:
        near = {a for a, b in edges if b is step} | {b for a, b in edges if a is step} | {step}
        touched = [group for group in groups if group & near]
        groups = [group for group in groups if group not in touched] + [set().union({step}, *touched)]
    direct = ends in edges
    if len(groups) == 1 and not direct:
        raise _NotNestedError(ends, inner)
    others = [edge for edge in edges if edge != ends]
    branches = [_series(ends, [step for step in inner if step in group], others) for group in groups]
    return Branches(_sorted(branches, ends[1]), direct, ends)


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
        boxes: Left, top, width and height of each step's box.
        lines: The corners of each connection, from its source's bottom to its target.
        forks: Where a line forks.
        width: Of the whole drawing, from 0.
        height: Of the whole drawing, from 0.
    """

    boxes: dict[Step, tuple[float, float, float, float]] = field(default_factory=dict)
    lines: dict[Edge, list[Point]] = field(default_factory=dict)
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
    join_width: float = 0  # what the box below needs

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
    drawing = Drawing(height=whole.height + 2 * margin)
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
                join = item.ends[1]
                self.sizes[join] = replace(self.sizes[join], width=max(self.sizes[join].width, inner.join_width))
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
        if any(abs(axis) > half - INSIDE for axis in axes[1:-1]):  # a join as wide as all that comes down into it
            half = axes[-1] + 2 * INSIDE
        part = _Part(join_width=2 * half)
        for branch, each, axis in zip(item.branches, inner, axes, strict=True):
            part.add(each, axis, 0)
            if isinstance(last := branch[-1], Step):  # room for what the line out of the branch does
                enters_above = abs(axis) <= half - INSIDE
                need = self._gap(last, item.ends[1]) if enters_above else STEM + 4 if self.forks(last) else JOIN
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

    def _start(self, step: Step) -> Point:
        _, top, _, height = self.drawing.boxes[step]
        return self._middle(step), top + height + self.layout.sizes[step].caption_height

    def _descend(self, edge: Edge, x: float) -> list[Point]:
        """From a box down to the height where its lines fork, and over to ``x``."""
        start_x, bottom = self._start(edge[0])
        fork = (start_x, bottom + STEM)
        if self.layout.forks(edge[0]) and edge[0].name != "split" and fork not in self.drawing.forks:
            self.drawing.forks.append(fork)  # a dot; but behind a split, each branch gets something else
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
        """A line down the side of the whole drawing that crosses the fewest others."""
        choices = []
        for side in (-1, 1):
            x = self.left - LANE if side < 0 else self.right + LANE
            _, top, _, height = self.drawing.boxes[edge[1]]
            middle = top + height / 2
            points = [*self._descend(edge, x), (x, middle), (self._middle(edge[1]), middle)]
            choices.append((self._crossings(edge, points), side, x))
        _, _, x = min(choices)
        self.left, self.right = min(self.left, x), max(self.right, x)
        self.drawing.lines[edge] = self._descend(edge, x)
        self._enter_from_side(edge, x)

    def _crossings(self, edge: Edge, points: list[Point]) -> int:
        """How often a line would cross others (one that enters from the side goes on to where it enters)."""
        count = 0
        for other, corners in self.drawing.lines.items():
            if other[0] is edge[0]:
                continue
            side = [entry for (step, _), found in self.entries.items() for entry in found if entry[1] == other]
            if side:
                _, top, _, height = self.drawing.boxes[other[1]]
                corners = [*corners, (side[0][0], top + height / 2), (self._middle(other[1]), top + height / 2)]
            count += sum(crosses(one, two) for one in pairwise(points) for two in pairwise(corners))
        for step, (x, y, width, height) in self.drawing.boxes.items():
            if step not in edge:
                border = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
                count += 10 * any(crosses(one, two) for one in pairwise(points) for two in pairwise(border))
        return count

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


def crosses(one: tuple[Point, Point], two: tuple[Point, Point]) -> bool:
    """Whether a horizontal and a vertical piece of line cross inside both."""
    if one[0][1] == one[1][1] and two[0][0] == two[1][0]:
        (ax, y), (bx, _) = one
        (x, ay), (_, by) = two
        return min(ax, bx) < x < max(ax, bx) and min(ay, by) < y < max(ay, by)
    if one[0][0] == one[1][0] and two[0][1] == two[1][1]:
        return crosses(two, one)
    return False
