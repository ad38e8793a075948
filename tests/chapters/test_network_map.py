"""The first page's map: every network with a printed accuracy, each leading to a chapter that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightnets_edu.chapters.scoreboard.board import GUESTS, claims
from lightnets_edu.chapters.scoreboard.network_map import CHAPTERS, SCOREBOARD, chapter_of, network_map
from lightnets_edu.models import get_entry, list_models

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def test_every_network_leads_to_a_notebook():
    for name in list_models():
        assert (NOTEBOOKS / f"{chapter_of(name, get_entry(name).family)}.md").is_file(), name
    assert set(CHAPTERS) <= {get_entry(name).family for name in list_models()}
    assert chapter_of("new", "A family of its own") == SCOREBOARD


@pytest.mark.parametrize(
    ("network", "chapter"),
    [("shufflenet_v1", "08"), ("shufflenet_v2_x1_0", "10"), ("resnet50", "05"), ("efficientnet_lite0", "11")],
)
def test_a_network_leads_to_its_paper(network, chapter):
    assert chapter_of(network, get_entry(network).family).startswith(f"{chapter}_")


def test_the_map_holds_all_printed_accuracies_of_imagenet():
    shown = network_map(lambda name: f"there/{name}.html")
    expected = [name for name, one in claims().items() if one.top1 and one.images == "ImageNet"]
    assert [row["network"] for row in shown.rows] == [*expected, *GUESTS]
    assert shown.links["ghostnet"] == "there/12_ghostnet.html"
    assert set(shown.links) == {*expected, *GUESTS}
