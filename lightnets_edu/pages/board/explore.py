"""A scoreboard: a scatter chart and a sortable, filterable table of the same rows, in Jupyter, Colab and the page.

Python writes a plain table and a static drawing, which is all that a place without scripts shows. ``board.js`` reads
the rows back from that table, and puts controls and a live chart in place.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import traitlets

from lightnets_edu.pages.board import scatter
from lightnets_edu.pages.palette import CLASSES, Mark, family_marks
from lightnets_edu.pages.script.bundle import bundle, page_script
from lightnets_edu.pages.script.component import PageWidget
from lightnets_edu.statistics import rank_correlation
from lightnets_edu.tables import MISSING, Column, NumberTable

__all__ = ["Parts", "ScatterTable", "explore", "static_script"]

_HERE = Path(__file__).parent
# What a rank correlation of at least so much is called.
AGREEMENT = (
    (1 - 1e-9, "the same"),
    (0.9, "nearly the same"),
    (0.6, "similar"),
    (0.3, "loosely alike"),
    (-0.3, "hardly related"),
    (-0.6, "loosely opposed"),
    (-0.9, "mostly opposite"),
    (-1.1, "nearly opposite"),
)


class _Board(PageWidget):
    """A board in Jupyter and Colab."""

    _esm = bundle(_HERE / "board.js")
    spec = traitlets.Dict().tag(sync=True)
    html = traitlets.Unicode().tag(sync=True)

    def static_html(self) -> str:
        return self.html


@dataclass(frozen=True)
class Parts:
    """What rows are made of, for a comparison of two or three side by side.

    Attributes:
        kinds: Names of classes of layers, as `lightnets_edu.pages.palette.CLASSES` has them.
        quantities: Key of what is counted to its heading; the first one is the most telling.
        of: Label to a list for each quantity, with a number for each kind.
    """

    kinds: tuple[str, ...]
    quantities: Mapping[str, str]
    of: Mapping[str, Sequence[Sequence[int]]]

    def spec(self) -> dict[str, Any]:
        """The same for the script, with what each kind looks like."""
        return {
            "kinds": [{"name": kind, "path": CLASSES[kind].path, "colour": CLASSES[kind].css} for kind in self.kinds],
            "quantities": [{"key": key, "heading": heading} for key, heading in self.quantities.items()],
            "of": self.of,
        }


@dataclass(frozen=True)
class ScatterTable:
    """Rows with a scatter chart and a table; `explore` makes it, and its checked arguments are the attributes.

    Attributes:
        rows: One dictionary a row, with a value (or None) for each column and for nothing else.
        columns: The columns; the first is the label's.
        name: The element's ``data-explore``.
        budgets: As given to `explore`; so are ``axes``, ``links`` and ``parts``.
        shape: The key of the text column that decides the points' shapes, or None if there is none.
    """

    rows: tuple[dict[str, Any], ...]
    columns: tuple[Column, ...]
    name: str
    title: str
    x: str
    y: str
    label: str
    shape: str | None
    description: str
    pareto: bool | None
    things: str
    budgets: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    parts: Parts | None = None

    def column(self, key: str) -> Column:
        """The column of a key."""
        return next(column for column in self.columns if column.key == key)

    @property
    def families(self) -> list[str]:
        """The values of the shape column, in the order in which they first appear."""
        return list(dict.fromkeys(self._family(row) for row in self.rows)) if self.shape else []

    def _family(self, row: Mapping[str, Any]) -> str:
        return row[self.shape or ""] or MISSING

    @property
    def marks(self) -> dict[str, Mark]:
        """The shape and colour of each family; without families, of all points."""
        return family_marks(self.families or [""])

    def mark(self, row: Mapping[str, Any]) -> Mark:
        """The shape and colour of a row's point."""
        return self.marks[self._family(row) if self.shape else ""]

    def describe(self) -> str:
        """The chart in words: the extremes of both axes, and how well the two orders agree."""
        x, y = self.column(self.x), self.column(self.y)
        rows = self._drawn()
        if not rows:
            return f"None of the {self.things} has a place on both axes."
        sentences = [self._range(column, rows) for column in (x, y)]
        correlation = rank_correlation([row[x.key] for row in rows], [row[y.key] for row in rows])
        if correlation is not None:
            words = next(words for least, words in AGREEMENT if correlation >= least)
            sentences.append(f"Rank correlation {round(correlation, 2) + 0.0:.2f}: the two orders are {words}.")
        return " ".join(sentences)

    def _range(self, column: Column, rows: Sequence[Mapping[str, Any]]) -> str:
        ends = [end(rows, key=lambda row: row[column.key]) for end in (min, max)]
        low, high = (f"{column.words(row[column.key])} ({row[self.label]})" for row in ends)
        return f"{column.heading}: {low}." if ends[0] is ends[1] else f"{column.heading}: {low} to {high}."

    def _axis(self, key: str) -> scatter.Axis:
        column = self.column(key)
        return scatter.Axis(column.title, column.log, column.scale)

    def _drawn(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if all(self._axis(key).shows(row[key]) for key in (self.x, self.y))]

    def __str__(self) -> str:
        return str(NumberTable(self.title, self.columns, [tuple(row.values()) for row in self.rows]))

    __repr__ = __str__

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        bundle = _Board(spec=self._spec(), html=self._repr_html_())._repr_mimebundle_(**kwargs)
        return bundle and ({**bundle[0], "text/plain": str(self)}, bundle[1])

    def _repr_html_(self) -> str:
        # The style is in the output itself: it looks the same in Jupyter, in Colab and without scripts.
        style = f"<style>{(_HERE / 'board.css').read_text(encoding='utf-8')}</style>"
        content = json.dumps(self._spec(), ensure_ascii=False).replace("<", "\\u003c")
        spec = f'<script type="application/json">{content}</script>'
        parts = [style, spec, self._heading(), self._figure(), self._table(), self._help()]
        return f'<div class="lx" data-explore="{html.escape(self.name)}">{"".join(parts)}</div>'

    def _spec(self) -> dict[str, Any]:
        """What the script cannot read from the table."""
        chosen = self.marks
        marks = [vars(chosen[family]) for family in self.families or [""]]
        return {
            **{name: getattr(self, name) for name in ("title", "x", "y", "label", "shape", "pareto", "things")},
            "columns": [{**vars(column), "unit": column.shown_unit, "title": column.title} for column in self.columns],
            "families": self.families,
            **{name: getattr(self, name) for name in ("name", "budgets", "axes", "links")},
            "parts": self.parts and self.parts.spec(),
            "marks": marks,
            "agreement": AGREEMENT,
        }

    def _heading(self) -> str:
        description = f'<p class="lx-description">{html.escape(self.description)}</p>' if self.description else ""
        return f'<p class="lx-title"><strong>{html.escape(self.title)}</strong></p>{description}'

    def _figure(self) -> str:
        x, y = self._axis(self.x), self._axis(self.y)
        points = [scatter.Point(r[self.x], r[self.y], r[self.label], self.mark(r)) for r in self._drawn()]
        sentence = self.describe()
        drawing = scatter.draw(points, x, y, f"Scatter chart, {x.title} across, {y.title} upward. {sentence}")
        # Hidden from screen readers here, which have just read it as the drawing's name.
        caption = f'<figcaption aria-hidden="true">{html.escape(sentence)}</figcaption>'
        return f'<figure style="margin:0">{drawing}{self._legend()}{caption}</figure>'

    def _legend(self) -> str:
        if not self.families:
            return ""
        items = []
        marks = self.marks
        for family in self.families:
            mark = marks[family]
            items.append(
                f'<li style="display:inline-block;margin-right:1em"><svg aria-hidden="true" width="14" height="14" '
                f'viewBox="-7 -7 14 14"><path d="{mark.path}" style="{mark.style}"/>'
                f"</svg> {html.escape(family)}</li>"
            )
        return f'<ul class="lx-legend" style="list-style:none;padding:0;margin:0">{"".join(items)}</ul>'

    def _table(self) -> str:
        heads = "".join(
            f'<th scope="col" data-key="{html.escape(column.key)}"{"" if column.text else " data-number"}>'
            f"{html.escape(column.heading)}"
            f"{f' <small>{html.escape(column.shown_unit)}</small>' if column.shown_unit else ''}</th>"
            for column in self.columns
        )
        lines = ("".join(self._cell(column, row) for column in self.columns) for row in self.rows)
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        label = html.escape(f"{self.title}: table")
        return (
            f'<div class="lx-box" role="region" tabindex="0" aria-label="{label}" '
            'style="max-height:30rem;overflow:auto">'
            f"<table><caption>{html.escape(self.title)}: the numbers</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def _cell(self, column: Column, row: Mapping[str, Any]) -> str:
        value, text = row[column.key], html.escape(column.cell(row[column.key]))
        if column.key == self.label:
            return f'<th scope="row">{text}</th>'
        if column.text:
            return f"<td>{text}</td>"
        return f'<td data-value="{"" if value is None else repr(value)}">{text}</td>'

    def _help(self) -> str:
        helped = [column for column in self.columns if column.help]
        if not helped:
            return ""
        items = "".join(f"<dt>{html.escape(c.heading)}</dt><dd>{html.escape(c.help)}</dd>" for c in helped)
        return f'<details class="lx-help"><summary>What the columns mean</summary><dl>{items}</dl></details>'


def _known(columns: Sequence[Column], key: str, what: str, text: bool) -> None:
    """Refuse a key that no column of the right kind has."""
    fitting = [column.key for column in columns if column.text == text]
    if key not in fitting:
        kind = "text" if text else "number"
        known = ", ".join(map(repr, fitting)) or "none"
        raise ValueError(f"{what}={key!r} is not the key of a {kind} column; those are {known}")


def _read(row: Mapping[str, Any], index: int, columns: Sequence[Column]) -> dict[str, Any]:
    values = {}
    for column in columns:
        if column.key not in row:
            raise ValueError(
                f"row {index} has no {column.key!r}: say None where there is no value (it has "
                f"{', '.join(map(str, row))})"
            )
        try:
            values[column.key] = column.read(row[column.key])
        except ValueError as error:
            raise ValueError(f"{column.key!r} of row {index} {error}") from None
    return values


def explore(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    *,
    name: str,
    title: str,
    x: str,
    y: str,
    label: str,
    shape: str | None = None,
    description: str = "",
    pareto: bool | None = None,
    things: str = "networks",
    budgets: Sequence[str] = (),
    axes: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
    parts: Parts | None = None,
) -> ScatterTable:
    """Show rows as a scatter chart and a table that the reader can sort, filter and search in the plain page.

    Args:
        rows: One mapping a row; each has a value for every column, None where there is none. Other keys are ignored.
        columns: What is shown, in this order (the label's column always comes first).
        name: A name in snake_case, unique in the page.
        title: What is compared.
        x: The key of the number column across, at first.
        y: The key of the number column upward, at first.
        label: The key of the text column that names a row; its values differ.
        shape: The key of a text column with a shape and colour for each value; if not given, the first text column
            beside the label.
        description: One sentence: what the reader can find out with it.
        pareto: True shows the Pareto front at first, None leaves it to the reader, False does not offer it. It
            needs columns that declare what is ``better``.
        things: What the rows are, in the plural, for sentences such as "12 of 68 networks".
        budgets: Keys of number columns, or words of sets of columns, for which the reader can set a highest value.
        axes: If given, the board is only a map: these columns, or sets of columns, can lie across at a press, and the
            table is folded away.
        links: Label to the address of a page about the row, which a press on its point opens.
        parts: What the rows are made of; two or three that the reader picks are compared by it.

    Returns:
        An object for the end of a cell.

    Raises:
        ValueError: If a key is unknown or of the wrong kind, a row lacks a value, or two rows have the same label.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"name should be in snake_case, such as 'scoreboard', instead of {name!r}")
    if not rows:
        raise ValueError(f"{name!r} has no rows: a chart needs at least one")
    keys = [column.key for column in columns]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise ValueError(f"two columns have the key {twice[0]!r}: give each its own")
    _known(columns, label, "label", text=True)
    _known(columns, x, "x", text=False)
    _known(columns, y, "y", text=False)
    if shape is None:
        shape = next((column.key for column in columns if column.text and column.key != label), None)
    else:
        _known(columns, shape, "shape", text=True)
    if pareto and not (_better(columns, x) and _better(columns, y)):
        raise ValueError(
            f"pareto=True needs better='lower' or 'higher' on the columns {x!r} and {y!r}: without it, "
            "no row is better than another"
        )
    known = {key for column in columns if not column.text for key in (column.key, column.among) if key}
    for what, wanted in (("budgets", budgets), ("axes", axes)):
        if unknown := [key for key in wanted if key not in known]:
            raise ValueError(
                f"{what} names {unknown[0]!r}, which is neither a number column nor a set of them; those are "
                f"{', '.join(map(repr, sorted(known)))}"
            )
    ordered = tuple(sorted(columns, key=lambda column: column.key != label))
    read = tuple(_read(row, index, ordered) for index, row in enumerate(rows))
    labels = [row[label] for row in read]
    for index, text in enumerate(labels):
        if not text:
            raise ValueError(f"{label!r} of row {index} is empty: every row needs a name")
        if labels.index(text) != index:
            raise ValueError(f"rows {labels.index(text)} and {index} are both called {text!r}: names tell rows apart")
    for what, more in (("links", links or {}), ("parts", parts.of if parts else {})):
        if strangers := [one for one in more if one not in labels]:
            raise ValueError(f"{what} are about {strangers[0]!r}, which no row is called")
    return ScatterTable(
        rows=read,
        columns=ordered,
        name=name,
        title=title,
        x=x,
        y=y,
        label=label,
        shape=shape,
        description=description,
        pareto=pareto,
        things=things,
        budgets=tuple(budgets),
        axes=tuple(axes),
        links=dict(links or {}),
        parts=parts,
    )


def _better(columns: Sequence[Column], key: str) -> str | None:
    return next(column.better for column in columns if column.key == key)


def static_script() -> str:
    """The one script that gives a built page its scoreboards their controls and live charts."""
    return page_script(_HERE / "board.js", "explore")
