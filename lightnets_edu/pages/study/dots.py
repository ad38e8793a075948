"""The figure of a study: one row a variant, every seed a dot, the mean and its interval below."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lightnets_edu.records.verdicts import Interval, level_text, t_interval, values_of

MARGIN = 4.0  # per cent of the width that stay free on either side
MOST_TICKS = 5
ROW, AXIS = 34, 20  # heights in pixels
DOTS, MEAN = 11, 25  # how far below a row's top they lie
STEP = 3.5  # pixels between dots that would hide each other


def dot_figure(record: Mapping[str, Any], measure: Mapping[str, Any]) -> str:
    """A study's runs by one measure, as HTML that is as wide as its place: letters keep their size on a phone.

    Changed copies of trained networks that no comparison names are left out: a chapter draws such points as a curve.

    Args:
        record: A study's record.
        measure: One of its ``measures``.

    Returns:
        A figure whose alternative text has all means and intervals; empty if no run has the measure.
    """
    rows = [
        (variant["description"], list(values_of(record, variant["name"], measure["name"]).items()))
        for variant in record["variants"]
        if not _is_point_of_a_curve(record, variant)
    ]
    rows = [(description, values) for description, values in rows if values]
    if not rows:
        return ""
    intervals = [t_interval([value for _, value in values]) for _, values in rows]
    scale = _Scale(
        [value for _, values in rows for _, value in values],
        [end for interval in intervals for end in (interval.low, interval.high) if end is not None],
    )
    parts = [
        _row(description, values, interval, scale, measure)
        for (description, values), interval in zip(rows, intervals, strict=True)
    ]
    words = [
        f"{description}: {_mean_text(interval, measure)}"
        for (description, _), interval in zip(rows, intervals, strict=True)
    ]
    seeds = max(interval.count for interval in intervals)
    alt = f"Dot plot of the {measure['label']}, one row a variant, up to {seeds} seeds each. {'; '.join(words)}."
    unit = f", {measure['unit']}" if measure["unit"] else ""
    return (
        f'<figure class="ln-dots"><div role="img" aria-label="{html.escape(alt)}">{"".join(parts)}'
        f'{_axis(scale)}<p class="ln-dots-axis">{html.escape(measure["label"])}{html.escape(unit)}</p></div>'
        "<figcaption>Each circle is one seed. The upright bar is their mean, the line through it its 95 % interval."
        "</figcaption></figure>"
    )


def _is_point_of_a_curve(record: Mapping[str, Any], variant: Mapping[str, Any]) -> bool:
    """Whether a trained network was changed, and no claim is about it: a figure of the chapter's own shows it."""
    named = {one[side] for one in record["comparisons"] for side in ("a", "b")}
    return variant["after"] is not None and variant["name"] not in named


class _Scale:
    """Places on the common axis, in per cent of its width."""

    def __init__(self, values: Sequence[float], ends: Sequence[float]) -> None:
        from matplotlib.ticker import MaxNLocator

        low, high = min([*values, *ends]), max([*values, *ends])
        if high == low:
            low, high = low - (abs(low) / 10 or 1), high + (abs(high) / 10 or 1)
        self.low, self.high = low, high
        self.ticks = [float(t) for t in MaxNLocator(MOST_TICKS).tick_values(low, high) if low <= t <= high]

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return MARGIN + share * (100 - 2 * MARGIN)


def _mean_text(interval: Interval, measure: Mapping[str, Any]) -> str:
    """``mean 90.3 % (95 % interval 90.1 to 90.5 %)``."""
    mean = f"mean {level_text(interval.mean, measure)}"
    if interval.low is None or interval.high is None:
        return mean
    low = level_text(interval.low, {**measure, "unit": ""})
    return f"{mean} (95 % interval {low} to {level_text(interval.high, measure)})"


def _row(
    description: str,
    values: Sequence[tuple[int, float]],
    interval: Interval,
    scale: _Scale,
    measure: Mapping[str, Any],
) -> str:
    drawn = [*_lines(scale, ROW), *_circles(values, scale, measure)]
    if interval.low is not None and interval.high is not None:
        low, high = scale.place(interval.low), scale.place(interval.high)
        drawn.append(f'<line class="ln-dots-interval" x1="{low:.2f}%" x2="{high:.2f}%" y1="{MEAN}" y2="{MEAN}"/>')
        for end in (low, high):
            y1, y2 = MEAN - 3, MEAN + 3
            drawn.append(f'<line class="ln-dots-interval" x1="{end:.2f}%" x2="{end:.2f}%" y1="{y1}" y2="{y2}"/>')
    mean = scale.place(interval.mean)
    drawn.append(f'<line class="ln-dots-mean" x1="{mean:.2f}%" x2="{mean:.2f}%" y1="{MEAN - 6}" y2="{MEAN + 6}"/>')
    words = html.escape(description), html.escape(level_text(interval.mean, measure))
    return (
        f'<p class="ln-dots-row"><span>{words[0]}</span> <b>{words[1]}</b></p>'
        f'<svg width="100%" height="{ROW}" aria-hidden="true">{"".join(drawn)}</svg>'
    )


def _circles(values: Sequence[tuple[int, float]], scale: _Scale, measure: Mapping[str, Any]) -> Iterable[str]:
    """The seeds; one that would lie on another is moved up or down."""
    taken: dict[int, int] = {}
    for seed, value in values:
        cell = round(scale.place(value))
        place = taken[cell] = taken.get(cell, -1) + 1
        shift = (-1) ** place * ((place + 1) // 2) * STEP
        title = html.escape(f"seed {seed}: {level_text(value, {**measure, 'digits': measure['digits'] + 1})}")
        yield f'<circle cx="{scale.place(value):.2f}%" cy="{DOTS + shift:g}" r="4"><title>{title}</title></circle>'


def _lines(scale: _Scale, height: int) -> Iterable[str]:
    for tick in scale.ticks:
        x = f"{scale.place(tick):.2f}%"
        yield f'<line class="ln-dots-grid" x1="{x}" x2="{x}" y1="0" y2="{height}"/>'


def _axis(scale: _Scale) -> str:
    texts = [
        f'<text x="{scale.place(tick):.2f}%" y="15" text-anchor="middle">{tick:,.10g}</text>' for tick in scale.ticks
    ]
    return f'<svg width="100%" height="{AXIS}" aria-hidden="true">{"".join(texts)}</svg>'
