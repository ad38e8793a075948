"""Figures in one style: drawings with text, in the palette's colours and marks, readable in black and white too."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import atan, degrees
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import LogLocator, MaxNLocator

from lightnets_edu.pages.figure import EXACT, subplots
from lightnets_edu.pages.palette import CLASSES, FAINT, GRID, INK, PAGE, Look, looks
from lightnets_edu.tables import compact, plain

WIDTH = 5.6  # inches; a phone shrinks a figure with its words, so a wider one could not be read there
LETTERS = 12.5  # points: 16.7 pixels in a column, 10.9 where a phone is 350 pixels wide
SMALL = 10.5  # points, where long names leave no room for more
STYLE = {
    "figure.figsize": (WIDTH, 3.8),
    "figure.dpi": 120,
    "figure.constrained_layout.use": True,
    "font.size": LETTERS,
    "axes.titlesize": LETTERS,
    "legend.fontsize": LETTERS - 0.5,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.2,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": plt.cycler(color=[look.shades[0] for look in CLASSES.values()]),
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "figure.facecolor": PAGE,
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "savefig.facecolor": PAGE,
}


@contextmanager
def house_style() -> Iterator[None]:
    """The book's style, for as long as a ``with`` block lasts, or each time a function runs that it decorates."""
    with plt.rc_context(STYLE):  # type: ignore[arg-type]  # its keys are not literals
        yield


def finish(figure: Figure, title: str = "") -> Figure:
    """Say above a figure what it shows, in as many lines as it takes, lay it out once for all, and close it.

    A notebook shows what a cell returns; an open figure would be shown a second time. A layout that is made anew with
    each drawing would move a little each time.
    """
    if title:
        figure.suptitle(textwrap.fill(title, 46), x=0.01, ha="left", fontsize=LETTERS + 0.5, fontweight="bold")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    plt.close(figure)
    return figure


def mark(look: Look) -> dict[str, Any]:
    """The colour and the marker of a series."""
    return {"color": look.shades[0], "marker": look.marker}


def _scatter(axes: Axes, series: Mapping[str, tuple[Sequence[float], Sequence[float]]], size: float) -> None:
    """Each series' points, without lines between them."""
    edge: dict[str, Any] = {"markeredgecolor": PAGE, "markeredgewidth": 0.5}
    chosen = looks(series)
    for name, (x, y) in series.items():
        axes.plot(x, y, label=name, linestyle="none", markersize=size, **mark(chosen[name]), **edge)


def _plain_ticks(axes: Axes) -> None:
    """Logarithmic axes with ordinary numbers."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,g}")
        axis.set_minor_formatter("")


def legend_below(figure: Figure, handles: Sequence, labels: Sequence[str]) -> None:
    """Two columns, or one if a name is too long for half of the figure."""
    ncols = 2 if max(map(len, labels)) <= 22 else 1
    figure.legend(handles, labels, loc="outside lower center", ncols=ncols)


def tick(value: float, _place: float) -> str:
    """``2,000``, but ``20 k`` and ``2 M``: long numbers run into each other."""
    return f"{value:,g}".replace("-", "\N{MINUS SIGN}") if abs(value) < 1e4 else compact(value)


def name_axes(axes: Axes, x_label: str, y_label: str) -> None:
    """What both axes measure, in as many lines as it takes."""
    axes.set(xlabel=textwrap.fill(x_label, 46), ylabel=textwrap.fill(y_label, 28))


def log_ticks(axes: Axes) -> None:
    """A logarithmic horizontal axis with ordinary numbers: ones, twos and fives."""
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(tick)
    axes.xaxis.set_minor_formatter("")


def exact(label: str, name: str, value: float) -> str:
    """What a bar tells when it is pointed at: whose it is, and its number with all its digits."""
    number = f"{value:,.12g}".replace("-", "\N{MINUS SIGN}")
    return re.sub(r'["<>&]', "", f"{' '.join(label.split())}, {name}: {number}")


@house_style()
def bar_chart(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    unit: str,
    number_format: str = "{:,.0f}",
    log: bool = False,
) -> Figure:
    """Horizontal bars, a group for each label, each bar with its number.

    Args:
        labels: The groups, from top to bottom.
        series: For each series (a hatch and a colour) one value for each label.
        title: What the figure says.
        unit: What the values count.
        number_format: How a value is written beside its bar.
        log: Whether the axis is logarithmic.

    Raises:
        ValueError: If a series does not have one value for each label.
    """
    for name, values in series.items():
        if len(values) != len(labels):
            raise ValueError(f"series {name!r} has {len(values)} values for {len(labels)} labels: one each is needed")
    height = 0.8 / len(series)
    figure, axes = subplots(figsize=(WIDTH, 1.3 + 0.38 * len(labels) * max(1, len(series) * 0.75)))
    chosen = looks(series)
    for index, (name, values) in enumerate(series.items()):
        places = [row + (index - (len(series) - 1) / 2) * height for row in range(len(labels))]
        look: dict[str, Any] = {"color": chosen[name].shades[0], "hatch": chosen[name].hatch}
        bars = axes.barh(places, values, height * 0.92, label=name, edgecolor=PAGE, linewidth=0.5, **look)
        for bar, label, value in zip(bars, labels, values, strict=True):
            bar.set_gid(f"{EXACT}{exact(label, name, value)}")
        axes.bar_label(bars, [plain(number_format.format(value)) for value in values], padding=4)
    axes.set(yticks=range(len(labels)), yticklabels=labels, xlabel=unit)
    if log:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(tick)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.2)
    if len(series) > 1:
        figure.legend(loc="outside lower center", ncols=min(len(series), 4))
    return finish(figure, title)


@house_style()
def line_chart(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    x_ticks: Sequence[float] = (),
) -> Figure:
    """Lines that differ in marker and dash as well as in colour.

    Args:
        series: For each line its x and y values.
        title: What the figure says.
        x_label: The horizontal axis, with its unit.
        y_label: The vertical axis, with its unit.
        log_x: Whether the horizontal axis is logarithmic.
        x_ticks: Where the horizontal axis is labelled, if not where matplotlib likes.
    """
    figure, axes = subplots()
    for name, look in looks(series).items():
        x, y = series[name]
        axes.plot(x, y, label=name, linestyle=look.dash, markevery=max(1, len(x) // 12), **mark(look))
    name_axes(axes, x_label, y_label)
    axes.set_xscale("log" if log_x else "linear")
    if log_x:
        log_ticks(axes)
    if x_ticks:
        axes.set_xticks(x_ticks, [f"{tick:g}" for tick in x_ticks])
        axes.set_xticks([], minor=True)
    if len(series) > 3:  # among so many lines no corner is free
        legend_below(figure, *axes.get_legend_handles_labels())
    elif len(series) > 1:
        axes.legend()
    return finish(figure, title)


@house_style()
def connectivity_chart(matrices: Mapping[str, Sequence[Sequence[bool]]], *, unit: str = "kernels") -> Figure:
    """Which output channel (row) reads which input channel (column).

    Args:
        matrices: For each layer a matrix [out_channels, in_channels] of truth values; its name is the panel's title.
        unit: What a filled cell is.
    """
    columns = min(len(matrices), 2 if len(matrices) == 4 else 3)
    rows = -(-len(matrices) // columns)
    width = min(2.6 * columns, WIDTH)
    size = (width, rows * (width / columns + 0.6))
    figure, panels = subplots(rows, columns, figsize=size, squeeze=False)
    for axes in panels.flat[len(matrices) :]:
        axes.axis("off")
    for axes, (name, matrix) in zip(panels.flat, matrices.items(), strict=False):
        cells = [(row, column) for row, line in enumerate(matrix) for column, cell in enumerate(line) if cell]
        filled = Path.make_compound_path(*(_square(row, column) for row, column in cells))
        axes.add_patch(PathPatch(filled, facecolor=CLASSES["standard"].shades[0], linewidth=0))
        axes.vlines(range(len(matrix[0]) + 1), 0, len(matrix), color=FAINT, linewidth=0.5)
        axes.hlines(range(len(matrix) + 1), 0, len(matrix[0]), color=FAINT, linewidth=0.5)
        axes.spines[:].set_visible(False)
        below = f"input channel\n{len(cells):,} {unit}"
        axes.set(xlabel=below, ylabel="output channel", aspect="equal", xticks=[], yticks=[])
        axes.set(xlim=(0, len(matrix[0])), ylim=(0, len(matrix)))
        unbroken = re.sub(" ([×=]) ", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", name)
        axes.set_title(textwrap.fill(unbroken, int(6.8 * width / columns)), fontsize=LETTERS - 0.5)
        axes.invert_yaxis()
        axes.grid(visible=False)
    return finish(figure)


def _square(row: int, column: int) -> Path:
    corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1), (column, row)]
    return Path(corners, [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY])


@house_style()
def map_grid(maps: Sequence, titles: Sequence[str], *, title: str) -> Figure:
    """Images or feature maps, four in a row, each scaled to its own range, in grey.

    Args:
        maps: Arrays [H, W].
        titles: A few words above each.
        title: What the figure shows.
    """
    rows = -(-len(maps) // 4)
    figure, panels = subplots(rows, 4, figsize=(WIDTH, 1.75 * rows + 0.4), squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, image, words in zip(panels.flat, maps, titles, strict=False):
        axes.imshow(image, cmap="gray", interpolation="none")
        axes.set_title(textwrap.fill(words, 14), fontsize=LETTERS - 1, fontweight="normal", loc="center")
    return finish(figure, title)


@house_style()
def roofline_chart(
    peak_gflops: float,
    bandwidth_gbs: float,
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    marks: Mapping[str, float] | None = None,
) -> Figure:
    """The most that a machine can reach, by arithmetic intensity, and what layers do reach.

    Args:
        peak_gflops: The flat roof, in 1e9 FLOPs a second.
        bandwidth_gbs: The sloping roof, in 1e9 bytes a second.
        points: For each class of layer (a marker and a colour) FLOPs a byte and 1e9 FLOPs a second.
        title: What the figure says.
        marks: Layers that are only placed on the roof: label to FLOPs a byte.

    Raises:
        ValueError: If a roof is not above 0.
    """
    if min(peak_gflops, bandwidth_gbs) <= 0:
        raise ValueError(
            f"a roofline needs two roofs above 0 instead of {peak_gflops} GFLOP/s and {bandwidth_gbs} GB/s"
        )
    ridge = peak_gflops / bandwidth_gbs
    marks = dict(marks or {})
    every_x = [*marks.values(), *(x for xs, _ in points.values() for x in xs), ridge]
    low, high = min(min(every_x) / 2, ridge / 8), max(max(every_x) * 2, ridge * 8)
    floor = min([low * bandwidth_gbs, *(y for _, ys in points.values() for y in ys)]) / 2.2
    figure, axes = subplots(figsize=(WIDTH, 4.6))
    axes.loglog([low, ridge, high], [low * bandwidth_gbs, peak_gflops, peak_gflops], color=INK, linewidth=2.4)
    axes.axvline(ridge, color=FAINT, linestyle=":", linewidth=1.2)
    axes.text(high, peak_gflops * 1.3, f"arithmetic: {_digits(peak_gflops)} GFLOP/s", ha="right", va="bottom")
    slope = degrees(atan(bandwidth_gbs))  # turned with the axes' scales, the text lies along the roof
    along: dict[str, Any] = {"rotation": slope, "rotation_mode": "anchor", "transform_rotates_text": True}
    memory = f"memory: {_digits(bandwidth_gbs)} GB/s"
    axes.text(0.8 * ridge, 0.95 * peak_gflops, memory, ha="right", va="bottom", **along)
    for text, side in (("waits for memory\N{NO-BREAK SPACE}", "right"), ("\N{NO-BREAK SPACE}computes", "left")):
        axes.text(ridge, floor * 1.15, text, ha=side, va="bottom", color=FAINT, style="italic")
    _scatter(axes, points, 6)
    for index, (name, x) in enumerate(sorted(marks.items(), key=lambda mark: mark[1])):
        y = min(peak_gflops, x * bandwidth_gbs)
        axes.plot([x], [y], "o", color=PAGE, markeredgecolor=INK, markeredgewidth=1.6, markersize=8)
        place, side = ((10, -2), "left") if x < ridge else ((4, -12 - 15 * (index % 2)), "center")
        box = {"facecolor": PAGE, "edgecolor": "none", "pad": 0.5}
        axes.annotate(name, (x, y), place, textcoords="offset points", ha=side, va="top", bbox=box)
    axes.set(xlim=(low, high), ylim=(floor, peak_gflops * 2.4))
    axes.set(xlabel="FLOPs for each byte moved (arithmetic intensity)", ylabel="GFLOP/s")
    _plain_ticks(axes)
    if points:
        figure.legend(loc="outside lower center", ncols=2)
    return finish(figure, title)


def _digits(value: float) -> str:
    """Three digits, and all of those before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


@house_style()
def slope_chart(columns: Mapping[str, Mapping[str, float]], *, title: str) -> Figure:
    """How several measures rank the same things, the least on top; a thing that moves far is drawn bold.

    Args:
        columns: For each measure, from left to right, the value of each thing.
        title: What the figure says.

    Raises:
        ValueError: If the measures do not have the same things.
    """
    names = list(next(iter(columns.values())))
    for measure, values in columns.items():
        if set(values) != set(names):
            odd = sorted(set(values) ^ set(names))[0]
            raise ValueError(f"{measure!r} ranks other things than the first measure: see {odd!r}")
    ranks = {name: [sorted(values.values()).index(values[name]) + 1 for values in columns.values()] for name in names}
    places = range(len(columns))
    wide = WIDTH + 0.5 * max(0, len(columns) - 3)
    figure, axes = subplots(figsize=(wide, 1.1 + 0.32 * len(names)))
    for name, row in ranks.items():
        far = max(row) - min(row) > len(names) / 4
        colour, width, size = (INK, 2.2, 5) if far else (FAINT, 1.1, 3.5)
        axes.plot(places, row, color=colour, linewidth=width, marker="o", markersize=size, zorder=2 + far)
        words: dict[str, Any] = {
            "textcoords": "offset points",
            "va": "center",
            "weight": "bold" if far else "normal",
            "size": SMALL,
        }
        axes.annotate(name, (0, row[0]), (-9, 0), ha="right", **words)
        axes.annotate(f"{row[-1]}  {name}", (places[-1], row[-1]), (9, 0), **words)
    axes.set(xticks=places, yticks=[], ylim=(len(names) + 0.6, 0.4))
    axes.set_xticklabels([textwrap.fill(heading, 10, break_long_words=False) for heading in columns], size=SMALL)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    return finish(figure, title)


@house_style()
def agreement_chart(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]], *, title: str, unit: str
) -> Figure:
    """Predicted against measured, two panels in a row: on the line, both are equal.

    Args:
        panels: For each panel and each series (a marker and a colour) the measured and the predicted values.
        title: What the figure says.
        unit: The unit of both.
    """
    values = [v for series in panels.values() for pair in series.values() for side in pair for v in side]
    limits = (min(values) / 1.5, max(values) * 1.5)
    rows = -(-len(panels) // 2)
    figure, grid = subplots(rows, 2, figsize=(WIDTH, 2.8 * rows), squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    for axes, (name, series) in zip(grid.flat, panels.items(), strict=False):
        axes.loglog(limits, limits, color=INK, linewidth=1)
        _scatter(axes, series, 5)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.set_title(textwrap.fill(name, 24), fontsize=LETTERS - 0.5)
        _plain_ticks(axes)
    for axes in grid[:, 0]:
        axes.set_ylabel(f"predicted, {unit}")
    for axes in grid[-1]:
        axes.set_xlabel(f"measured, {unit}")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    if len(labels) > 1:
        legend_below(figure, handles, labels)
    return finish(figure, title)


@house_style()
def heat_map(
    values: Sequence[Sequence[float]],
    *,
    title: str,
    x_label: str,
    y_ticks: Sequence[str],
    scale: str,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """A matrix as shades of grey: dark is much.

    Args:
        values: One row for each tick of the vertical axis.
        title: What the figure says.
        x_label: What the columns are.
        y_ticks: A word for each row.
        scale: What the shades mean.
        limits: What the lightest and the darkest shade mean; by default the smallest and the largest value.
    """
    low, high = limits or (None, None)
    figure, axes = subplots(figsize=(WIDTH, 1.3 + 0.27 * len(y_ticks)))
    extent = (0, len(values[0]), len(values), 0)
    shades = axes.imshow(values, cmap="Greys", vmin=low, vmax=high, aspect="auto", interpolation="none", extent=extent)
    axes.set(xlabel=x_label, yticks=[row + 0.5 for row in range(len(y_ticks))], yticklabels=y_ticks)
    axes.grid(visible=False)
    figure.colorbar(shades, ax=axes, label=scale)
    return finish(figure, title)
