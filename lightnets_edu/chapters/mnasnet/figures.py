"""Chapter 11's figure: all designs of the table by time and accuracy, the front, and what two objectives choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from lightnets_edu.chapters.mnasnet.designs import DesignTable, TrainedDesign
from lightnets_edu.pages.figure import subplots
from lightnets_edu.pages.palette import INK, PAGE, looks
from lightnets_edu.pages.plots import WIDTH, finish, house_style, mark


@house_style()
def design_chart(table: DesignTable) -> Figure:
    """A point for each design, a step for the front, a mark for the best design of each objective.

    Args:
        table: All designs.
    """
    figure, axes = subplots(figsize=(WIDTH, 4.6))

    def place(rows: Sequence[TrainedDesign]) -> tuple[list[float], list[float]]:
        return [row.time for row in rows], [row.accuracy for row in rows]

    kinds = looks(("without squeeze-and-excitation", "with it in one stage", "with it in both"))
    for number, (words, kind) in enumerate(kinds.items()):
        rows = [row for row in table.designs.values() if sum(stage.squeeze for stage in row.design.stages) == number]
        axes.plot(*place(rows), linestyle="none", markersize=3.5, alpha=0.75, label=words, **mark(kind))
    axes.step(*place(table.front()), where="post", color=INK, linewidth=1.2, label="front")
    chosen = (("best by MACs", table.by_macs, "s", 12), ("best by time", table.by_time, "*", 15))
    for words, value, marker, size in chosen:
        look: dict[str, Any] = {"markeredgecolor": INK, "markerfacecolor": PAGE, "linestyle": "none"}
        axes.plot(*place(table.best(1, value)), marker, label=words, markersize=size, **look)
    axes.set(xlabel="time of one image, as a multiple of the smallest design's")
    axes.set(ylabel="accuracy, images held out, %")
    figure.legend(loc="outside lower center", ncols=2)
    axes.set_title("Every design of the space, trained once")
    return finish(figure)
