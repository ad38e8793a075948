"""Figures as drawings in a page: the theme's colours and font, texts as text, and nothing that clashes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

from lightnets_edu.pages.figure import described
from lightnets_edu.pages.palette import CLASSES, style_sheet
from lightnets_edu.pages.plots import bar_chart, connectivity_chart, heat_map, line_chart, map_grid
from lightnets_edu.pages.plots_of_runs import band_chart

matplotlib.use("Agg")
CHARTS = {
    "bars": lambda: bar_chart(
        ["one <layer>", "two"], {"MACs": [-0.5, 1234567], "depthwise": [2, 3]}, title="A title of bars", unit="millions"
    ),
    "lines": lambda: line_chart(
        {"a": ([8, 64, 512], [-1, 2, 3])}, title="A title of lines", x_label="channels", y_label="times", log_x=True
    ),
    "matrix": lambda: connectivity_chart({"two groups": np.kron(np.eye(2), np.ones((3, 3)))}),
    "images": lambda: map_grid([np.eye(28)] * 4, list("abcd"), title="A title of images"),
    "heat": lambda: heat_map(
        np.eye(10), title="A title of heat", x_label="channels", y_ticks=list("abcdefghij"), scale="s"
    ),
    "band": lambda: band_chart(
        {"x": [[1, 2], [2, 3]], "y": [[1, 1], [2, 2]]}, title="A band", x_label="x", y_label="y", level=("l", 2)
    ),
}
every_chart = pytest.mark.parametrize("name", CHARTS)


@pytest.fixture(scope="module")
def drawn():
    return {name: make()._repr_svg_() for name, make in CHARTS.items()}


@every_chart
def test_the_same_figure_gives_the_same_bytes(drawn, name):
    figure = CHARTS[name]()
    assert figure._repr_svg_() == figure._repr_svg_() == drawn[name]


@every_chart
def test_colours_and_letters_come_from_the_page(drawn, name):
    root = ET.fromstring(drawn[name])
    text = re.sub(r'href="data:[^"]*"', "", drawn[name])
    assert re.sub(r"var\(--ln-\w+,#[0-9a-f]{6}\)", "", text).count("#") == len(re.findall(r'url\(#|href="#', text))
    assert not re.search("<style|<metadata|<!|DejaVu", text)
    words = [element for element in root.iter() if element.tag.endswith("}text")]
    assert words and all("var(--pst-font-family-base" in element.get("style", "") for element in words)
    assert root.get("viewBox") and "max-width:100%" in root.get("style")
    assert len(drawn[name]) < 40_000


def test_ids_of_one_page_do_not_clash(drawn):
    ids = re.findall(r' id="([^"]*)"', "".join(drawn.values()))
    assert len(ids) == len(set(ids))
    for text in drawn.values():
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', text)) == set(re.findall(r' id="([^"]*)"', text))


def test_a_bar_tells_its_exact_number(drawn):
    titles = re.findall("<title>(.*?)</title>", drawn["bars"])
    assert titles == [
        "one layer, MACs: \N{MINUS SIGN}0.5",
        "two, MACs: 1,234,567",
        "one layer, depthwise: 2",
        "two, depthwise: 3",
    ]
    assert f"var(--ln-depthwise,{CLASSES['depthwise'].shades[0]})" in drawn["bars"]


def test_a_description_is_part_of_the_drawing(drawn):
    root = ET.fromstring(described(drawn["lines"], 'one "quoted" <line>'))
    assert (root.get("role"), root.get("aria-label")) == ("img", 'one "quoted" <line>')


def test_on_a_phone_letters_are_large_enough_and_the_night_is_dark(drawn, browser):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    drawings = "".join(drawn.values())
    page.set_content(
        f'<html data-theme="dark"><style>{style_sheet()}</style><body style="margin:20px">{drawings}</body></html>'
    )
    sizes, papers, inks = page.evaluate(
        """() => {
          const sizes = [], papers = new Set(), inks = new Set();
          for (const svg of document.querySelectorAll("svg")) {
            const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
            papers.add(getComputedStyle(svg.querySelector("path")).fill);
            for (const text of svg.querySelectorAll("text")) {
              sizes.push(scale * parseFloat(getComputedStyle(text).fontSize));
              inks.add(getComputedStyle(text).fill);
            }
          }
          return [sizes, [...papers], [...inks]];
        }"""
    )
    page.close()
    assert min(sizes) > 9.5
    assert papers == ["rgb(20, 24, 30)"]
    assert "rgb(0, 0, 0)" not in inks and "rgb(206, 214, 221)" in inks
