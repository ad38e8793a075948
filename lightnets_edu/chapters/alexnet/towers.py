"""AlexNet as its paper draws it: two towers of channels, a GPU for each."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lightnets_edu.models.alexnet import HIDDEN_FEATURES, TABLE_2012
from lightnets_edu.pages.figure import subplots
from lightnets_edu.pages.palette import CLASSES, FAINT
from lightnets_edu.pages.plots import SMALL, WIDTH, finish, house_style

CLASSES_OF_IMAGES = 1000
BOX, TALL = 0.38, 0.42  # half of a box's width and height, in units of a column and of a tower
UPPER, MIDDLE, LOWER = 1.6, 0.8, 0.0


def layers_of_towers() -> list[tuple[str, int, str]]:
    """Name, outputs and class of each layer of 2012: ``grouped`` where a tower reads only itself."""
    convolutions = [
        (f"conv{number}", channels, "grouped" if split else "standard")
        for number, (_, channels, _, _, split, _) in enumerate(TABLE_2012, 1)
    ]
    connected = [("fc6", HIDDEN_FEATURES), ("fc7", HIDDEN_FEATURES), ("fc8", CLASSES_OF_IMAGES)]
    return [*convolutions, *((name, outputs, "linear") for name, outputs in connected)]


@house_style()
def two_towers() -> Figure:
    """Figure 2 of Krizhevsky et al. 2012 in outline: what each half of a layer reads, by colour and by its lines."""
    figure, axes = subplots(figsize=(WIDTH, 2.7))
    axes.axis("off")
    layers = layers_of_towers()
    _box(axes, 0, MIDDLE, "3", CLASSES["other"].shades[0])
    before = [MIDDLE]
    for column, (name, outputs, kind) in enumerate(layers, 1):
        look = CLASSES[kind]
        rows = [MIDDLE] if name == "fc8" else [UPPER, LOWER]
        for row in rows:
            _box(axes, column, row, f"{outputs // len(rows)}", look.shades[0])
            for read in before:
                if kind != "grouped" or read == row:
                    ends = ([column - 1 + BOX, column - BOX], [read, row])
                    axes.plot(*ends, color=look.shades[0], linestyle=look.dash, linewidth=1.3)
        axes.text(column, UPPER + TALL + 0.16, name, ha="center", fontsize=SMALL)
        before = rows
    axes.text(0, MIDDLE - TALL - 0.1, "image", ha="center", va="top", fontsize=SMALL)
    for row, number in ((UPPER, 1), (LOWER, 2)):
        axes.text(-0.45, row, f"GPU {number}", ha="left", va="center", fontsize=SMALL, color=FAINT)
    axes.set(xlim=(-0.5, len(layers) + 0.5), ylim=(LOWER - TALL - 0.1, UPPER + TALL + 0.5))
    return finish(figure, "AlexNet 2012: half of the channels on each GPU")


def _box(axes: Axes, column: int, row: float, words: str, colour: str) -> None:
    axes.add_patch(
        Rectangle((column - BOX, row - TALL), 2 * BOX, 2 * TALL, fill=False, edgecolor=colour, linewidth=1.6)
    )
    axes.text(column, row, words, ha="center", va="center", fontsize=SMALL)
