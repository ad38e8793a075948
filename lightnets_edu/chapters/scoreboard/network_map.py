"""The map of all networks on the book's first page: accuracy against cost, and a press on a network opens its chapter.

It is a Sphinx extension of its own, since a page's directive may show what a chapter makes, and the pages' engine may
not: ``{network-map}`` in a page without cells.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from lightnets_edu.chapters.scoreboard.board import board_rows, scoreboard_columns
from lightnets_edu.pages.board.explore import ScatterTable, explore
from lightnets_edu.pages.site.build import code_digest

SCOREBOARD = "14_scoreboard"
# Family to the notebook that is about it; RegNetX is what G-GhostNet changes. Others are on the scoreboard.
CHAPTERS = {
    "AlexNet": "03_alexnet",
    "SqueezeNet": "04_squeezenet",
    "ResNet, wide or not": "05_wide_resnet",
    "ResNeXt": "06_resnext",
    "MobileNetV1": "07_mobilenet_v1",
    "SENet": "09_senet",
    "MNASNet": "11_mnasnet",
    "GhostNet": "12_ghostnet",
    "RegNetX": "13_g_ghostnet",
    "G-Ghost": "13_g_ghostnet",
}
# A family of two papers.
SHUFFLENETS = {"shufflenet_v1": "08_shufflenet_v1", "shufflenet_v2": "10_shufflenet_v2"}


def chapter_of(network: str, family: str) -> str:
    """The notebook about a network, without its folder and ending."""
    paper = next((chapter for name, chapter in SHUFFLENETS.items() if network.startswith(name)), None)
    return paper or CHAPTERS.get(family, SCOREBOARD)


def network_map(address: Callable[[str], str]) -> ScatterTable:
    """All networks whose accuracy is printed somewhere, with a press for what lies across.

    Args:
        address: Gives a notebook's address as the page has to write it.
    """
    rows = [row for row in board_rows() if row["top1"] is not None]
    return explore(
        rows,
        [column for column in scoreboard_columns() if not column.folded],
        name="network_map",
        title="All networks: what accuracy costs",
        x="macs",
        y="top1",
        label="network",
        shape="family",
        pareto=True,
        axes=("params", "macs", "time"),
        links={row["network"]: address(chapter_of(row["network"], row["family"])) for row in rows},
        description="Choose what is called cost, and on whose clock. The line joins the networks that no other beats.",
    )


class NetworkMapDirective(SphinxDirective):
    """``{network-map}``: the map as it stands in a page."""

    def run(self) -> list[nodes.Node]:
        """The element; its script is added as to every page with a board."""
        builder = self.env.app.builder
        board = network_map(lambda name: builder.get_relative_uri(self.env.docname, f"notebooks/{name}"))
        return [nodes.raw("", board._repr_html_(), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx; pages are read anew when the package or a record has changed."""
    app.add_directive("network-map", NetworkMapDirective)
    app.add_config_value("lightnets_code", code_digest(Path(app.srcdir)), "env", types=str)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
