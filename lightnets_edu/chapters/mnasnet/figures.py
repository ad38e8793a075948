"""Chapter 11's figure: all designs of the table by time and accuracy, the front, and what two objectives choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lightnets_edu.chapters.mnasnet.designs import DesignTable, TrainedDesign
from lightnets_edu.pages.plots import COLOURS, house_style


@house_style()
def design_chart(table: DesignTable) -> Figure:
    """A point for each design, a step for the front, a mark for the best design of each objective.

    Args:
        table: All designs.
    """
    figure, axes = plt.subplots(figsize=(5.6, 4.0))

    def place(rows: Sequence[TrainedDesign]) -> tuple[list[float], list[float]]:
        return [row.time for row in rows], [row.accuracy for row in rows]

    for number, words in enumerate(("without squeeze-and-excitation", "with it in one stage", "with it in both")):
        rows = [row for row in table.designs.values() if sum(stage.squeeze for stage in row.design.stages) == number]
        axes.plot(*place(rows), "o^s"[number], color=COLOURS[number], markersize=3.5, alpha=0.75, label=words)
    axes.step(*place(table.front()), where="post", color="black", linewidth=1.2, label="front")
    chosen = (("best by MACs", table.by_macs, "s", 12), ("best by time", table.by_time, "*", 15))
    for words, value, marker, size in chosen:
        look: dict[str, Any] = {"markeredgecolor": "black", "markerfacecolor": "white", "linestyle": "none"}
        axes.plot(*place(table.best(1, value)), marker, label=words, markersize=size, **look)
    axes.set(xlabel="time of one image, as a multiple of the smallest design's")
    axes.set(ylabel="accuracy, images held out, %")
    figure.legend(loc="outside lower center", ncols=2)
    axes.set_title("Every design of the space, trained once")
    plt.close(figure)
    return figure
