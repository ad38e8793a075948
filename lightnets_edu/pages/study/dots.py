"""The figure of a study: one row a variant, every seed a dot, the mean and its interval below."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lightnets_edu.formulas.checks import fill_message
from lightnets_edu.pages.study.words import kept, text
from lightnets_edu.records.verdicts import Interval, level_text, level_unit, t_interval, values_of

MARGIN = 4.0  # per cent of the width that stay free on either side
MOST_TICKS = 5
ROW, AXIS = 34, 20  # heights in pixels
DOTS, MEAN = 11, 25  # how far below a row's top they lie
STEP = 3.5  # pixels between dots that would hide each other


def figure_words(measure: Mapping[str, Any]) -> dict[str, str]:
    """The templates of a figure's words: here and in the page's script, which switches variants and seeds.

    Args:
        measure: One of a record's ``measures``.

    Returns:
        ``alt``, the alternative text, with ``{seeds}`` and ``{rows}``; ``row`` and ``few``, a row of it, with
        ``{description}``, ``{mean}`` and, where the seeds are enough for an interval, ``{low}`` and ``{high}``;
        ``mean``, what stands beside a row.
    """
    unit = level_unit(measure)
    return {
        "alt": f"Dot plot of the {measure['label']}, one row a variant, up to {{seeds}} seeds each. {{rows}}.",
        "row": f"{{description}}: mean {{mean}}{unit} (95 % interval {{low}} to {{high}}{unit})",
        "few": f"{{description}}: mean {{mean}}{unit}",
        "mean": kept(f"{{mean}}{unit}"),
    }


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
        (variant, list(values.items()), t_interval(list(values.values())))
        for variant in drawn_variants(record)
        if (values := values_of(record, variant["name"], measure["name"]))
    ]
    if not rows:
        return ""
    scale = _Scale(
        [value for _, values, _ in rows for _, value in values],
        [end for _, _, interval in rows for end in (interval.low, interval.high) if end is not None],
    )
    words = figure_words(measure)
    parts = [_row(variant, values, interval, scale, measure) for variant, values, interval in rows]
    alt = fill_message(
        words["alt"],
        {
            "seeds": max(interval.count for _, _, interval in rows),
            "rows": "; ".join(_words(variant["description"], interval, measure) for variant, _, interval in rows),
        },
    )
    axis = html.escape(", ".join(filter(None, [measure["label"], measure["unit"]])))
    return (
        f'<figure class="ln-dots" data-measure="{measure["name"]}"><div role="img" aria-label="{html.escape(alt)}">'
        f'{"".join(parts)}{_axis(scale)}<p class="ln-dots-axis">{axis}</p></div>'
        "<figcaption>Each circle is one seed. The upright bar is their mean, the line through it its 95 % interval."
        "</figcaption></figure>"
    )


def drawn_variants(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The variants of a figure: all but changed copies of trained networks that no claim is about.

    Those are points of a curve, which a figure of the chapter's own shows.
    """
    named = {one[side] for one in record["comparisons"] for side in ("a", "b")}
    return [one for one in record["variants"] if one["after"] is None or one["name"] in named]


class _Scale:
    """Places on the common axis, in per cent of its width."""

    def __init__(self, values: Sequence[float], ends: Sequence[float]) -> None:
        from matplotlib.ticker import MaxNLocator

        low, high = min([*values, *ends]), max([*values, *ends])
        if high == low:
            low, high = low - (abs(low) / 10 or 1), high + (abs(high) / 10 or 1)
        self.low, self.high = low, high
        ticks = MaxNLocator(MOST_TICKS, steps=[1, 2, 5, 10]).tick_values(low, high)
        self.ticks = [float(tick) for tick in ticks if low <= tick <= high]

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return MARGIN + share * (100 - 2 * MARGIN)


def _words(description: str, interval: Interval, measure: Mapping[str, Any]) -> str:
    """A row of the alternative text."""
    bare = {**measure, "unit": ""}
    values = {"description": description, "mean": level_text(interval.mean, bare)}
    if interval.low is None or interval.high is None:
        return fill_message(figure_words(measure)["few"], values)
    values |= {"low": level_text(interval.low, bare), "high": level_text(interval.high, bare)}
    return fill_message(figure_words(measure)["row"], values)


def _row(
    variant: Mapping[str, Any],
    values: Sequence[tuple[int, float]],
    interval: Interval,
    scale: _Scale,
    measure: Mapping[str, Any],
) -> str:
    drawn = [_lines(scale), *_circles(values, scale, measure)]
    if interval.low is not None and interval.high is not None:
        low, high = scale.place(interval.low), scale.place(interval.high)
        drawn.append(f'<line class="ln-dots-interval" x1="{low:.2f}%" x2="{high:.2f}%" y1="{MEAN}" y2="{MEAN}"/>')
        for end in (low, high):
            y1, y2 = MEAN - 3, MEAN + 3
            drawn.append(f'<line class="ln-dots-interval" x1="{end:.2f}%" x2="{end:.2f}%" y1="{y1}" y2="{y2}"/>')
    mean = scale.place(interval.mean)
    drawn.append(f'<line class="ln-dots-mean" x1="{mean:.2f}%" x2="{mean:.2f}%" y1="{MEAN - 6}" y2="{MEAN + 6}"/>')
    words = text(variant["description"]), text(level_text(interval.mean, measure))
    return (
        f'<div data-variant="{html.escape(variant["name"])}">'
        f'<p class="ln-dots-row"><span>{words[0]}</span> <b>{words[1]}</b></p>'
        f'<svg width="100%" height="{ROW}" aria-hidden="true">{"".join(drawn)}</svg></div>'
    )


def _circles(values: Sequence[tuple[int, float]], scale: _Scale, measure: Mapping[str, Any]) -> Iterable[str]:
    """The seeds; one that would lie on another is moved up or down."""
    taken: dict[int, int] = {}
    for seed, value in values:
        cell = round(scale.place(value))
        before = taken[cell] = taken.get(cell, -1) + 1
        shift = (-1) ** before * ((before + 1) // 2) * STEP
        title = html.escape(f"seed {seed}: {level_text(value, {**measure, 'digits': measure['digits'] + 1})}")
        place = f'cx="{scale.place(value):.2f}%" cy="{DOTS + shift:g}"'
        yield f'<circle {place} r="4" data-seed="{seed}"><title>{title}</title></circle>'


def _lines(scale: _Scale) -> str:
    places = [f"{scale.place(tick):.2f}%" for tick in scale.ticks]
    lines = "".join(f'<line x1="{x}" x2="{x}" y1="0" y2="{ROW}"/>' for x in places)
    return f'<g class="ln-dots-grid">{lines}</g>'


def _axis(scale: _Scale) -> str:
    texts = [
        f'<text x="{scale.place(tick):.2f}%" y="15" text-anchor="middle">{tick:,.10g}</text>' for tick in scale.ticks
    ]
    return f'<svg class="ln-dots-ticks" width="100%" height="{AXIS}" aria-hidden="true">{"".join(texts)}</svg>'
