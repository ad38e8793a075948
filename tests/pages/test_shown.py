"""Plots, equations, provenance and icons."""

from __future__ import annotations

import matplotlib
import pytest

from lightnets_edu.formulas import conv2d, conv_output_size, pointwise_conv2d
from lightnets_edu.models.ghostnet import ghost_module
from lightnets_edu.pages import provenance, show
from lightnets_edu.pages.plots import bar_chart, line_chart
from lightnets_edu.pages.plots_of_runs import dot_chart, runs_chart
from lightnets_edu.pages.site.icons import used_codes

from .conftest import png_size

matplotlib.use("Agg")


def test_figures_are_light_and_local():
    before = dict(matplotlib.rcParams)
    series = {f"series {i}": [10.0 * (i + 1), 200, 3000] for i in range(4)}
    bars = bar_chart(["one", "two", "three"], series, title="Bars", unit="MACs", log=True)
    lines = line_chart({name: (range(3), ys) for name, ys in series.items()}, title="Lines", x_label="x", y_label="y")
    assert max(png_size(bars), png_size(lines)) <= 150_000
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.pyplot.get_fignums() == []


def test_bars_differ_without_colour_and_carry_numbers():
    (axes,) = bar_chart(["one"], {"a": [1], "b": [2]}, title="", unit="").axes
    assert len({bar.get_hatch() for bar in axes.patches}) == 2
    assert {"1", "2"} <= {text.get_text() for text in axes.texts}
    lines = line_chart({"a": ([1], [1]), "b": ([1], [2])}, title="", x_label="", y_label="").axes[0].lines
    assert len({line.get_marker() for line in lines}) == 2
    with pytest.raises(ValueError, match="series 'a' has 2 values for 1 labels"):
        bar_chart(["one"], {"a": [1, 2]}, title="", unit="")


def test_dots_lie_on_their_rows():
    groups = {"one": ["a", "b"], "two": ["c"]}
    panels = {"left": {"x": [1, 2, 3], "y": [4, 5, 6]}, "right": {"y": [1, 4, 2]}}
    figure = dot_chart(groups, panels, title="", log=["right"])
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["one", "a", "b", "two", "c"]
    assert [list(line.get_ydata()) for line in left.lines] == [[1, 2, 4]] * 2  # below each heading its rows
    assert (left.get_xlim()[0], right.get_xscale()) == (0, "log")
    # What is in both panels looks the same, and stands in the legend once.
    assert left.lines[1].get_marker() == right.lines[0].get_marker() != left.lines[0].get_marker()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["x", "y"]
    with pytest.raises(ValueError, match="series 'x' has 1 values for 3 rows"):
        dot_chart(groups, {"left": {"x": [1]}}, title="")


def test_a_line_goes_through_the_means_and_every_run_is_a_dot():
    points = [([10, 30], [1.0, 3.0]), ([100], [5.0])]
    (axes,) = runs_chart({"a": points}, title="", x_label="", y_label="", level=("all", 6.0), lowest=2, log_x=True).axes
    level, *dots, line = axes.lines
    assert (
        set(level.get_ydata()) == {6.0}
        and line.get_label() == "a"
        and axes.get_ylim()[0] == 2
        and axes.get_xscale() == "log"
    )
    assert [(list(one.get_xdata()), list(one.get_ydata())) for one in dots] == points
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([20, 100], [2.0, 5.0])


def test_equations():
    assert show(conv2d.macs).data.startswith(r"\text{MACs} = \frac{")
    worked = show(conv2d.macs, in_channels=3, out_channels=96, kernel_size=11, out_height=55, out_width=55).data
    assert worked.count("&=") == 2
    assert f"{3 * 96 * 11**2 * 55**2:,}".replace(",", "{,}") in worked
    with pytest.raises(ValueError, match="groups=2 does not divide in_channels=3"):
        show(conv2d.macs, in_channels=3, out_channels=96, kernel_size=11, out_height=5, out_width=5, groups=2)


def test_a_sum_too_wide_for_a_phone_has_one_term_a_line():
    pixel = {"out_height": 56, "out_width": 56}
    memory = show(pointwise_conv2d.memory_access, in_channels=32, out_channels=512, **pixel).data
    assert memory.count(r"\\ &\quad {} +") == 3 + 2  # input, output, weights; in letters the bias' term too
    assert memory.endswith(r" \\ &= 1{,}722{,}368 \end{aligned}")
    ghost = show(ghost_module.macs, in_channels=40, out_channels=120, in_height=28, in_width=28, ratio=2).data
    assert ghost.count(r"\\ &\quad {} +") == 1 + 1
    assert all(line.count(r"\left") == line.count(r"\right") > 0 for line in ghost.split(r"\\")[:-1])
    size = show(conv_output_size, in_size=227, kernel_size=11, stride=4).data
    assert r"\quad" not in size and r"& \text{output size} \\ &= " in size
    assert size.endswith(r"+ 1 \\ &= 55 \end{aligned}")


def test_provenance():
    line = str(provenance(seed=7, data="made up <here>", device="cpu"))
    assert " · Python 3." in line and " · 1 thread · " in line
    assert " · seed 7 · data: made up <here> · 20" in line
    assert "&lt;here&gt;" in provenance(data="<here>")._repr_html_()
    assert "seed" not in str(provenance())


def test_icons_in_use_are_found():
    style = '.fa-map:before,.fa-chart:before{content:"\\f279"}.fa-sun:before{content:"\\f185"}.note{content:"\\f05a"}'
    assert used_codes(style, ['<i class="fa-solid fa-chart"></i>']) == {0xF279, 0xF05A}
