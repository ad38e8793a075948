"""Figures of many runs, or of many rows: each run is a dot, a band or a point of a line through the means."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from lightnets_edu.pages.figure import subplots
from lightnets_edu.pages.palette import FAINT, INK, looks
from lightnets_edu.pages.plots import WIDTH, finish, house_style, legend_below, log_ticks, mark, name_axes


@house_style()
def dot_chart(
    groups: Mapping[str, Sequence[str]],
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    title: str,
    log: Sequence[str] = (),
) -> Figure:
    """Dots on rows that several panels share; a series that is in two panels looks the same in both.

    Args:
        groups: For each heading the labels of its rows, from top to bottom.
        panels: For each panel (its name is the axis' label) and each series one value a row, over all groups.
        title: What the figure says.
        log: Panels whose axis is logarithmic.

    Raises:
        ValueError: If a series does not have one value for each row.
    """
    labels: list[str] = []
    places: list[int] = []
    headings: list[int] = []
    for heading, rows in groups.items():
        headings.append(len(labels))
        places += range(len(labels) + 1, len(labels) + 1 + len(rows))
        labels += [heading, *rows]
    names = list(dict.fromkeys(name for series in panels.values() for name in series))
    chosen = looks(names)
    figure, grid = subplots(
        1,
        len(panels),
        figsize=(WIDTH, 1.8 + 0.25 * len(labels)),
        sharey=True,
        squeeze=False,
        width_ratios=[len(series) for series in panels.values()],
    )
    for axes, (panel, series) in zip(grid.flat, panels.items(), strict=True):
        for name, values in series.items():
            if len(values) != len(places):
                raise ValueError(f"series {name!r} has {len(values)} values for {len(places)} rows: one each is needed")
            axes.plot(values, places, label=name, linestyle="none", markersize=5.5, zorder=3, **mark(chosen[name]))
        ends = [(min(values), max(values)) for values in zip(*series.values(), strict=True)]
        axes.hlines(places, *zip(*ends, strict=True), color=FAINT, linewidth=1)
        axes.set(xlabel=textwrap.fill(panel, 6 + 24 // len(panels)), yticks=range(len(labels)), yticklabels=labels)
        if panel in log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(10, (1, 2, 4)))
            axes.xaxis.set_major_formatter("{x:,g}")
            axes.xaxis.set_minor_formatter("")
        else:
            axes.set_xlim(left=0)
        axes.tick_params(axis="y", length=0)
    grid[0, 0].invert_yaxis()
    for place in headings:
        grid[0, 0].get_yticklabels()[place].set_fontweight("bold")
    handles = {h.get_label(): h for axes in grid.flat for h in axes.get_legend_handles_labels()[0]}
    legend_below(figure, list(handles.values()), list(handles))
    return finish(figure, title)


@house_style()
def band_chart(
    series: Mapping[str, Sequence[Sequence[float]]], *, title: str, x_label: str, y_label: str, level: tuple[str, float]
) -> Figure:
    """Runs that scatter: for each series the mean of its runs as a line, and the middle 80 % of them as a band.

    Args:
        series: For each line its runs, equally long, with one value for each step from 1.
        title: What the figure says.
        x_label: The steps.
        y_label: The values, with their unit.
        level: Words and height of a dotted line across the figure.
    """
    figure, axes = subplots()
    for name, look in looks(series).items():
        values, steps = np.asarray(series[name], dtype=float), range(1, len(series[name][0]) + 1)
        low, high = np.quantile(values, (0.1, 0.9), axis=0)
        colour = look.shades[0]
        axes.fill_between(steps, low, high, color=colour, alpha=0.18, linewidth=0, hatch=look.hatch, edgecolor=colour)
        every = max(1, len(steps) // 10)
        axes.plot(steps, values.mean(0), label=name, linestyle=look.dash, markevery=every, **mark(look))
    axes.axhline(level[1], linestyle=":", color=INK, label=level[0])
    name_axes(axes, x_label, y_label)
    legend_below(figure, *axes.get_legend_handles_labels())
    return finish(figure, title)


@house_style()
def runs_chart(
    series: Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    level: tuple[str, float],
    lowest: float | None = None,
    log_x: bool = False,
) -> Figure:
    """Lines through the means of points that were measured several times; each run is a small dot.

    Args:
        series: For each line its points, in order; a point is the x values and the y values of its runs.
        title: What the figure says.
        x_label: The horizontal axis, with its unit.
        y_label: The vertical axis, with its unit.
        level: A name and a height: a horizontal line to compare with.
        lowest: Where the vertical axis begins, if not where matplotlib likes; lines may leave the figure there.
        log_x: Whether the horizontal axis is logarithmic.
    """
    figure, axes = subplots(figsize=(WIDTH, 4.6))
    axes.axhline(level[1], color=INK, linewidth=1, linestyle=":", label=level[0])
    for name, look in looks(series).items():
        points = series[name]
        for xs, ys in points:
            axes.plot(xs, ys, linestyle="none", marker=".", markersize=4, color=look.shades[0], alpha=0.6)
        means = [[sum(values) / len(values) for values in side] for side in zip(*points, strict=True)]
        axes.plot(*means, label=name, linestyle=look.dash, **mark(look))
    name_axes(axes, x_label, y_label)
    axes.set_ylim(bottom=lowest)
    if log_x:
        axes.set_xscale("log")
        log_ticks(axes)
    legend_below(figure, *axes.get_legend_handles_labels())
    return finish(figure, title)
