"""Figures in one style: small files, readable in black and white, labels instead of colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

COLOURS = ("#0a5e6e", "#d1761c", "#6a4c93", "#3f7d20", "#8c2f39", "#5a5a5a")
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
STYLE = {
    "figure.figsize": (7.0, 3.6),
    "figure.dpi": 120,
    "figure.constrained_layout.use": True,
    "font.size": 10.5,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "grid.color": "#dddddd",
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "savefig.facecolor": "white",
}


def house_style() -> AbstractContextManager:
    """The book's style, for as long as a ``with`` block lasts."""
    return plt.rc_context(STYLE)


def _finish(figure: Figure) -> Figure:
    # A notebook shows what a cell returns; an open figure would be shown a second time.
    plt.close(figure)
    return figure


def bar_chart(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    unit: str,
    number_format: str = "{:,.0f}",
    log: bool = False,
) -> Figure:
    """Horizontal bars, one group a label, each with its number.

    Args:
        labels: The groups, from top to bottom.
        series: For each series (a hatch and a colour) one value a label.
        title: What the figure says.
        unit: What the values count.
        number_format: How a value is written beside its bar.
        log: Whether the axis is logarithmic.

    Raises:
        ValueError: If a series does not have one value a label.
    """
    for name, values in series.items():
        if len(values) != len(labels):
            raise ValueError(f"series {name!r} has {len(values)} values for {len(labels)} labels: one each is needed")
    height = 0.8 / len(series)
    with house_style():
        figure, axes = plt.subplots(figsize=(7.0, 1.1 + 0.34 * len(labels) * max(1, len(series) * 0.75)))
        for index, (name, values) in enumerate(series.items()):
            places = [row + (index - (len(series) - 1) / 2) * height for row in range(len(labels))]
            bars = axes.barh(places, values, height * 0.92, label=name, color=COLOURS[index % len(COLOURS)],
                             hatch=HATCHES[index % len(HATCHES)], edgecolor="white", linewidth=0.5)  # fmt: skip
            axes.bar_label(bars, [number_format.format(value) for value in values], padding=4)
        axes.set(yticks=range(len(labels)), yticklabels=labels, xlabel=unit, title=title)
        axes.set_xscale("log" if log else "linear")
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.16)
        if len(series) > 1:
            figure.legend(loc="outside lower center", ncols=min(len(series), 4))
        return _finish(figure)


def line_chart(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    x_ticks: Sequence[float] = (),
) -> Figure:
    """Lines that differ in marker and dash as well as in colour.

    Args:
        series: For each line its x and y values.
        title: What the figure says.
        x_label: The horizontal axis, with its unit.
        y_label: The vertical axis, with its unit.
        log_x: Whether the horizontal axis is logarithmic.
        log_y: Whether the vertical axis is logarithmic.
        x_ticks: Where the horizontal axis is labelled, if not where matplotlib likes.
    """
    with house_style():
        figure, axes = plt.subplots()
        for index, (name, (x, y)) in enumerate(series.items()):
            axes.plot(x, y, label=name, color=COLOURS[index % len(COLOURS)], linestyle=DASHES[index % len(DASHES)],
                      marker=MARKERS[index % len(MARKERS)], markevery=max(1, len(x) // 12))  # fmt: skip
        axes.set(xlabel=x_label, ylabel=y_label, title=title)
        axes.set_xscale("log" if log_x else "linear")
        axes.set_yscale("log" if log_y else "linear")
        if x_ticks:
            axes.set_xticks(x_ticks, [f"{tick:g}" for tick in x_ticks])
            axes.set_xticks([], minor=True)
        if len(series) > 1:
            axes.legend()
        return _finish(figure)


def connectivity_chart(matrices: Mapping[str, Sequence[Sequence[bool]]]) -> Figure:
    """Which output channel (row) reads which input channel (column): a filled cell is one kernel.

    Args:
        matrices: For each layer a matrix [out_channels, in_channels] of truth values; its name is the panel's title.
    """
    with house_style():
        figure, panels = plt.subplots(1, len(matrices), figsize=(2.6 * len(matrices), 3.0), squeeze=False)
        for axes, (name, matrix) in zip(panels[0], matrices.items(), strict=True):
            rows = [[int(cell) for cell in row] for row in matrix]
            axes.pcolormesh(rows, cmap="Greys", vmin=0, vmax=1.6, edgecolors="#bbbbbb", linewidth=0.5)
            axes.set(title=name, xlabel="input channel", ylabel="output channel", aspect="equal", xticks=[], yticks=[])
            axes.text(0.5, -0.2, f"{sum(map(sum, rows))} kernels", transform=axes.transAxes, ha="center")
            axes.invert_yaxis()
            axes.grid(visible=False)
        return _finish(figure)


def map_grid(maps: Sequence, titles: Sequence[str], *, title: str, columns: int = 4) -> Figure:
    """Images or feature maps side by side, each scaled to its own range, in grey.

    Args:
        maps: Arrays [H, W].
        titles: A few words above each.
        title: What the figure shows.
        columns: Maps in a row.
    """
    rows = -(-len(maps) // columns)
    with house_style():
        figure, panels = plt.subplots(rows, columns, figsize=(5.6, 1.55 * rows + 0.4), squeeze=False)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold")
        for axes in panels.flat:
            axes.axis("off")
        for axes, image, words in zip(panels.flat, maps, titles, strict=False):
            axes.imshow(image, cmap="gray")
            axes.set_title(words, fontsize=10, fontweight="normal", loc="center")
        return _finish(figure)
