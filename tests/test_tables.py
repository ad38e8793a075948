"""Tables show the same in every place, and refuse what their columns do not hold."""

from __future__ import annotations

import pytest

from lightnets_edu.tables import Column, NumberTable, compact, plain, signed


def test_tables_show_the_same_in_every_place():
    columns = ("what", "number", Column("part", unit="%", digits=1), "word")
    rows = [("a < b", 1234, 2.345, "12 of 13"), ("c", None, "≈ 3", None)]
    table = NumberTable("A caption", columns, rows, ["A note."], words=["word"])
    assert str(table).splitlines() == [
        "A caption",
        "what   number  part %  word",
        "a < b   1,234     2.3  12 of 13",
        "c           –     ≈ 3  –",
        "A note.",
    ]
    html = table._repr_html_()
    assert html.count(' class="ln-number"') == 2 * 3  # what a column holds is declared, not read off its cells
    assert "<td>12 of 13</td>" in html and '>1,234</td><td class="ln-number">2.3<' in html
    assert "a &lt; b" in html and 'scope="row"' in html
    assert "─\ntotal" in str(NumberTable("", ("layer", "params"), [("one", 1)], total=("total", 1), look="count"))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [([("x", 1)], "2 cells for 3 columns"), ([("x", 1, 0.5)], "'c' shows whole numbers, which 0.5 is not")],
)
def test_mistaken_rows_are_explained(rows, sentence):
    with pytest.raises(ValueError, match=sentence):
        NumberTable("A caption", ("a", "b", "c"), rows)
    with pytest.raises(ValueError, match="no column 'd'"):
        NumberTable("A caption", ("a", "b", "c"), [], words=["d"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"better": "more"}, "better should be 'lower', 'higher' or None instead of 'more'"),
        ({"scale": 50}, "scale should be one of 1, .* instead of 50"),
        ({"digits": -1}, "digits should be None or at least 0 instead of -1"),
        ({"text": True, "log": True}, "has text=True, so it has no unit, digits, log, better or scale"),
        (
            {"among": "time", "folded": True},
            "is among=.time. and shown when it is chosen, so it is neither text nor folded",
        ),
    ],
)
def test_mistaken_columns_are_explained(options, sentence):
    with pytest.raises(ValueError, match=f"column 'k'.*{sentence}"):
        Column("k", "K", **options)


def test_units_carry_the_letter_of_the_scale():
    assert Column("t", "Time", unit="s", scale=1e-3, digits=1).words(0.0123) == "12.3 ms"
    assert Column("b", "Size", unit="B", scale=1e6, digits=0).title == "Size (MB)"
    assert Column("n", "Layers").words(1234) == "1,234"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_456_000, "1.46 M"),
        (999_600, "1 M"),
        (999, "999"),
        (20_000, "20 k"),
        (-2_500, "−2.5 k"),
        (0.5, "0.5"),
        (0, "0"),
    ],
)
def test_a_compact_number(value, text):
    assert compact(value) == text


def test_a_compact_number_with_a_unit():
    assert (compact(5.419243648e9, 2, "B"), compact(69.8107963e-6, 2, "s"), compact(0, unit="s")) == (
        "5.4 GB",
        "70 µs",
        "0 s",
    )


def test_numbers_have_a_real_minus_sign_and_zero_has_none():
    table = NumberTable(
        "", ("name", Column("d", digits=1), "n", "text"), [("-a", -0.13, -1234, "-0.0 %")], words=("text",)
    )
    assert table._lines == [["-a", "−0.1", "−1,234", "-0.0 %"]]
    assert Column("d", digits=1).cell(-0.04) == Column("d", digits=1).cell("-0.0") == "0.0"
    assert [plain(text) for text in ("-0", "-0.00", "-12 %", "12")] == ["0", "0.00", "−12 %", "12"]
    assert [signed(value, 1) for value in (-0.04, -1.25, 1234.5)] == ["0.0", "−1.2", "+1,234.5"]
    assert signed(0, 2, zero="±") == "±0.00"
