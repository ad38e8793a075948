"""Scoreboards in Python: the table holds the raw numbers, the drawing says what it shows, mistakes are explained."""

from __future__ import annotations

import gzip
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lightnets_edu.pages.board.explore import Parts, explore, static_script
from lightnets_edu.pages.board.scatter import Axis, Point, draw
from lightnets_edu.pages.palette import MARKS, Mark
from lightnets_edu.tables import Column

COLUMNS = (
    Column("macs", "MACs", digits=1, scale=1e6, log=True, better="lower", help="Of convolutions & linear layers."),
    Column("network", "Network", text=True),
    Column("params", "Parameters"),
    Column("family", "Family", text=True),
    Column("top1", "Top-1", unit="%", digits=1, better="higher"),
)
ROWS = (
    {"network": "small", "family": "A", "macs": 12_345_678, "params": 1_234_567, "top1": 61.25},
    {"network": "large", "family": "B", "macs": 987_654_321, "params": 12, "top1": 75.5, "note": "ignored"},
    {"network": "other", "family": "A", "macs": 50_000_000, "params": 3, "top1": 60.0},
    {"network": "new", "family": None, "macs": 40_000_000, "params": 7, "top1": None},
)


def board(rows=ROWS, columns=COLUMNS, **changes):
    options = {"name": "board", "title": "A board", "x": "macs", "y": "top1", "label": "network"}
    return explore(rows, columns, **{**options, **changes})


class Table(HTMLParser):
    """The cells of the table, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[list]] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append([dict(attrs), ""])
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1][1] += data


def test_the_table_holds_raw_numbers_and_shows_rounded_ones():
    heads, *lines = Table(board()._repr_html_()).rows
    assert [text for _, text in heads] == ["Network", "MACs M", "Parameters", "Family", "Top-1 %"]
    assert [text for _, text in lines[0]] == ["small", "12.3", "1,234,567", "A", "61.2"]
    assert [text for _, text in lines[3]] == ["new", "40.0", "7", "–", "–"]
    for row, line in zip(ROWS, lines, strict=True):
        for key, (attributes, _) in zip(("macs", "params", "top1"), (line[1], line[2], line[4]), strict=True):
            assert attributes["data-value"] == ("" if row[key] is None else repr(row[key]))
    assert [attributes.get("scope") for attributes, _ in heads] == ["col"] * 5
    assert lines[0][0][0]["scope"] == "row"


def test_rows_are_in_the_page_once():
    text = board()._repr_html_()
    assert text.count("12345678") == 1
    settings = json.loads(re.search(r"<script[^>]*>(.*?)</script>", text)[1])
    assert "rows" not in settings
    assert settings["families"] == ["A", "B", "–"]
    many = [{**ROWS[0], "network": f"network_{i}", "macs": 10**6 + i, "family": f"family {i % 12}"} for i in range(70)]
    assert len(gzip.compress(board(many)._repr_html_().encode())) < 9_000
    assert len(gzip.compress(static_script().encode())) < 15_000


def test_a_terminal_shows_a_table():
    lines = str(board()).splitlines()
    assert lines[0] == "A board"
    assert lines[1].split() == ["Network", "MACs", "M", "Parameters", "Family", "Top-1", "%"]
    assert lines[3].split() == ["large", "987.7", "12", "B", "75.5"]


def test_the_drawing_says_what_it_shows():
    text = board()._repr_html_()
    alt = re.search(r'<svg role="img" aria-label="([^"]*)"', text)[1]
    assert alt == (
        "Scatter chart, MACs (M), lower is better across, Top-1 (%), higher is better upward. "
        "MACs: 12.3 M (small) to 987.7 M (large). Top-1: 60.0 % (other) to 75.5 % (large). "
        "Rank correlation 0.50: the two orders are loosely alike."
    )
    drawing = text[text.index("<svg role") : text.index("<ul")]
    assert drawing.count("translate(") == 3, "the row without a value is not drawn"
    assert all(f">{row['network']}</text>" in drawing for row in ROWS[:3])
    assert board(ROWS[:1]).describe() == "MACs: 12.3 M (small). Top-1: 61.2 % (small)."
    empty = board(ROWS[3:])
    assert empty.describe() == "None of the networks has a place on both axes."
    assert "<svg" in empty._repr_html_()
    nothing = board([{**ROWS[0], "macs": 0}, ROWS[1]])
    assert nothing.describe().startswith("MACs: 987.7 M (large)."), "a logarithmic axis has no zero"


@pytest.mark.parametrize(
    ("top1", "words"),
    [
        ([1, 2, 3, 4], "1.00: the two orders are the same"),
        ([4, 3, 2, 1], "-1.00: the two orders are nearly opposite"),
        ([2, 4, 1, 3], "0.00: the two orders are hardly related"),
    ],
)
def test_correlations_have_words(top1, words):
    rows = [{**ROWS[0], "network": str(i), "macs": i + 1, "top1": float(value)} for i, value in enumerate(top1)]
    assert words in board(rows).describe()


@given(
    st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=6),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6),
    st.booleans(),
)
@example([1.0000000000000002e-06, 1e-06], [0.0, 0.0], False)  # equal, but for rounding
def test_drawings_stay_inside_and_have_ticks(xs, ys, log):
    points = [Point(x, y, "p", MARKS[0]) for x, y in zip(xs, ys, strict=False)]
    text = draw(points, Axis("x", log), Axis("y"), "alt")
    places = re.findall(r"translate\((\S+) (\S+)\)", text)
    assert len(places) == len(points)
    assert all(58 <= float(left) <= 626 and 34 <= float(top) <= 352 for left, top in places)
    across = [float(x) for x in re.findall(r'<text x="([\d.]+)" y="370" text-anchor="middle">', text)]
    upward = [float(y) for y in re.findall(r'<text x="50" y="([\d.]+)" text-anchor="end">', text)]
    for ticks in (across, upward[::-1]):
        assert 1 <= len(ticks) <= 14
        assert ticks == sorted(set(ticks))


def test_marks_differ_without_colour():
    assert len({(mark.path, mark.filled) for mark in MARKS}) == len(MARKS) == 16
    assert isinstance(board().mark(ROWS[0] | {"note": ""}), Mark)


def test_everything_is_escaped():
    rude = "</script><script>alert(1)</script>\"'&"
    columns = [Column("n", rude, text=True, help=rude), Column("f", "F", text=True), Column("v", rude, unit=rude)]
    rows = [{"n": rude, "f": rude, "v": 1}, {"n": "b", "f": "c", "v": 2}]
    text = explore(rows, columns, name="r", title=rude, x="v", y="v", label="n", description=rude, things=rude)
    text = text._repr_html_()
    assert "<script>alert" not in text
    assert text.count("</script>") == 1
    assert Table(text).rows[1][0][1] == rude


def test_numbers_of_numpy_are_plain():
    rows = [{**ROWS[0], "params": np.int64(5), "top1": np.float32(0.5)}]
    line = Table(board(rows)._repr_html_()).rows[1]
    assert line[2][0]["data-value"] == "5"
    assert line[4][0]["data-value"] == "0.5"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"x": "mac"}, "x='mac' is not the key of a number column; those are 'macs', 'params', 'top1'"),
        ({"y": "family"}, "y='family' is not the key of a number column"),
        ({"label": "params"}, "label='params' is not the key of a text column; those are 'network', 'family'"),
        ({"shape": "top1"}, "shape='top1' is not the key of a text column"),
        ({"rows": []}, "has no rows"),
        ({"rows": [{"network": "a", "macs": 1}]}, "row 0 has no 'params': say None where there is no value"),
        ({"rows": [ROWS[0], ROWS[1], ROWS[0]]}, "rows 0 and 2 are both called 'small'"),
        ({"rows": [{**ROWS[0], "network": None}]}, "'network' of row 0 is empty"),
        ({"rows": [{**ROWS[0], "top1": math.nan}]}, "'top1' of row 0 should be a finite number, or None"),
        ({"rows": [{**ROWS[0], "top1": "61"}]}, "'top1' of row 0 should be a finite number, or None.*'61'"),
        ({"rows": [{**ROWS[0], "params": True}]}, "'params' of row 0 should be a finite number"),
        ({"rows": [{**ROWS[0], "params": 0.5}]}, "'params' of row 0 is 0.5, but the column shows whole numbers"),
        ({"rows": [{**ROWS[0], "family": 3}]}, "'family' of row 0 should be a str, or None"),
        ({"columns": [*COLUMNS, COLUMNS[0]]}, "two columns have the key 'macs'"),
        ({"name": "My board"}, "name should be in snake_case"),
        ({"budgets": ["time"]}, "budgets names 'time', which is neither a number column nor a set of them; those are"),
        ({"axes": ["family"]}, "axes names 'family', which is neither a number column nor a set of them"),
        ({"links": {"lenet": "a.html"}}, "links are about 'lenet', which no row is called"),
        ({"parts": Parts(("standard",), {"macs": "MACs"}, {"lenet": [[1]]})}, "parts are about 'lenet'"),
        ({"y": "params", "pareto": True}, "pareto=True needs better='lower' or 'higher' on the columns 'macs' and 'pa"),
    ],
)
def test_mistakes_are_explained(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        board(**change)


def test_a_notebook_gets_it_live_with_the_static_one_beside():
    shown, _ = board()._repr_mimebundle_()
    assert set(shown) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert shown["text/html"] == board()._repr_html_()
    assert shown["text/plain"] == str(board())


def test_the_style_is_in_the_output():
    text = board()._repr_html_()
    assert text.count("</style>") == 1
    assert ".lx-plot" in text.split("</style>")[0]


def test_importing_does_not_import_torch():
    code = "import sys, lightnets_edu.pages.board.explore; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
