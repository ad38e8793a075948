"""A static scatter chart as SVG: what `explore` shows in Jupyter, in Colab and wherever no script runs."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lightnets_edu.pages.palette import Mark
from lightnets_edu.tables import compact, plain

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 34, 48
MOST_LABELS = 30


@dataclass(frozen=True)
class Axis:
    """What one direction of the chart measures.

    Attributes:
        title: What is measured, with its unit.
        log: Whether distances show ratios.
        scale: What a value is divided by before it is written beside a tick.
    """

    title: str
    log: bool = False
    scale: float = 1

    def shows(self, value: float | None) -> bool:
        """Whether the axis has a place for a value: none for a missing one, nor for zero when it is logarithmic."""
        return value is not None and (not self.log or value > 0)


@dataclass(frozen=True)
class Point:
    """One point: where it is, what it is called and how it looks."""

    x: float
    y: float
    label: str
    mark: Mark


def _limits(values: Sequence[float], log: bool) -> tuple[float, float]:
    """The ends of an axis: the values' own with a margin, and never below zero without need."""
    low, high = min(values), max(values)
    one = high - low <= 1e-9 * max(abs(low), abs(high))  # equal, but for rounding
    if log:
        low, high = math.log10(low), math.log10(high)
        margin = 0.5 if one else 0.05 * (high - low)
        return 10 ** (low - margin), 10 ** (high + margin)
    margin = (abs(high) / 2 or 1) if one else 0.06 * (high - low)
    return (0.0 if low >= 0 > low - margin else low - margin), high + margin


def _ticks(low: float, high: float, log: bool, most: int) -> list[float]:
    """Round numbers between the ends: powers of ten, their doubles and fives, or equal steps."""
    if log:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            ticks = [d * 10.0**k for k in decades for d in digits if low <= d * 10.0**k <= high]
            if 2 <= len(ticks) <= most:
                return ticks
        if len(ticks) > most:
            return ticks[:: -(-len(ticks) // most)]
    rough = (high - low) / most
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _tick_text(value: float, largest: float, scale: float) -> str:
    """A round number, short: ``20 M`` where a bare axis reaches far, else ``2,000``."""
    value /= scale
    if scale == 1 and largest >= 10_000:
        return compact(value, 4)
    return plain(f"{value:,.10g}")


class _Plot:
    """Places in the drawing for values on the axes."""

    def __init__(self, points: Sequence[Point], x: Axis, y: Axis) -> None:
        self.x, self.y = x, y
        self.x_limits = _limits([point.x for point in points], x.log)
        self.y_limits = _limits([point.y for point in points], y.log)

    @staticmethod
    def _share(value: float, limits: tuple[float, float], log: bool) -> float:
        low, high, value = map(math.log10, (*limits, value)) if log else (*limits, value)
        return (value - low) / (high - low)

    def left(self, value: float) -> float:
        return LEFT + self._share(value, self.x_limits, self.x.log) * (WIDTH - LEFT - RIGHT)

    def top(self, value: float) -> float:
        return HEIGHT - BOTTOM - self._share(value, self.y_limits, self.y.log) * (HEIGHT - TOP - BOTTOM)

    def grid(self) -> Iterable[str]:
        line = '<path d="{}" fill="none" stroke="currentColor" stroke-opacity="{}"/>'
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for value in _ticks(*self.x_limits, self.x.log, 8):
            at, text = self.left(value), _tick_text(value, self.x_limits[1], self.x.scale)
            yield line.format(f"M{at:.1f} {TOP}V{bottom}", 0.12)
            yield f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{text}</text>'
        for value in _ticks(*self.y_limits, self.y.log, 7):
            at, text = self.top(value), _tick_text(value, self.y_limits[1], self.y.scale)
            yield line.format(f"M{LEFT} {at:.1f}H{right}", 0.12)
            yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{text}</text>'
        yield line.format(f"M{LEFT} {TOP}V{bottom}H{right}", 0.5)
        titles = [html.escape(axis.title) for axis in (self.x, self.y)]
        yield f'<text x="{right}" y="{HEIGHT - 8}" text-anchor="end" font-weight="600">{titles[0]} →</text>'
        yield f'<text x="4" y="16" font-weight="600">↑ {titles[1]}</text>'


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _labels(places: Sequence[tuple[float, float, str]]) -> Iterable[str]:
    """Names beside their points where nothing is in the way: right, left, above, below; else none."""
    taken = [(x - 9, y - 6, x + 9, y + 6) for x, y, _ in places]
    for x, y, label in places:
        wide = 6.4 * len(label)
        for left, middle in ((x + 9, y), (x - 9 - wide, y), (x - wide / 2, y - 14), (x - wide / 2, y + 14)):
            box = (left, middle - 7, left + wide, middle + 7)
            inside = box[0] > LEFT and box[2] < WIDTH and box[1] > TOP and box[3] < HEIGHT - BOTTOM
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                yield f'<text x="{left:.1f}" y="{middle + 4:.1f}">{html.escape(label)}</text>'
                break


def draw(points: Sequence[Point], x: Axis, y: Axis, alt: str) -> str:
    """The chart as SVG in the page's own text colour.

    Args:
        points: What is drawn, each with a place on both axes (`Axis.shows`).
        x: The horizontal axis.
        y: The vertical axis.
        alt: The chart in words.
    """
    parts: list[str] = []
    if points:
        plot = _Plot(points, x, y)
        places = [(plot.left(point.x), plot.top(point.y), point.label) for point in points]
        parts += plot.grid()
        for point, (left, top, _) in zip(points, places, strict=True):
            place = f"translate({left:.1f} {top:.1f})"
            parts.append(f'<path d="{point.mark.path}" transform="{place}" style="{point.mark.style}"/>')
        parts += _labels(places) if len(places) <= MOST_LABELS else ()
    return (
        f'<svg role="img" aria-label="{html.escape(alt)}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        'style="max-width:100%;height:auto;font-size:12px" fill="currentColor" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )
