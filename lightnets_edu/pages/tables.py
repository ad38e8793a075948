"""Small tables of numbers for a page, a notebook and a terminal, in one look."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

Cell = str | int | float | None


@dataclass(frozen=True)
class NumberTable:
    """A table whose first column names the rows; numbers stand right-aligned, None is a dash.

    Attributes:
        caption: What the table says.
        columns: Headings, the first column's included.
        rows: One tuple a row. Whole numbers get separators; write other numbers as text, with the digits you want.
        notes: Sentences below it.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __init__(
        self, caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], notes: Sequence[str] = ()
    ) -> None:
        values = {
            "caption": caption,
            "columns": tuple(columns),
            "rows": tuple(tuple(row) for row in rows),
            "notes": tuple(notes),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"the row {row[0]!r} has {len(row)} cells for {len(self.columns)} columns")

    def _texts(self) -> list[list[str]]:
        return [[_text(cell) for cell in row] for row in self.rows]

    def _is_text(self, column: int) -> bool:
        """Whether a column holds words rather than numbers."""
        cells = [cell for row in self._texts() if (cell := row[column].strip()) not in ("", "–")]
        return column == 0 or not cells or any(not (cell[0].isdigit() or cell[0] in "+-−×≈<>~") for cell in cells)

    def __str__(self) -> str:
        table = [list(self.columns), *self._texts()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        words = [self._is_text(column) for column in range(len(self.columns))]
        lines = [
            "  ".join(c.ljust(w) if t else c.rjust(w) for c, w, t in zip(line, widths, words, strict=True)).rstrip()
            for line in table
        ]
        return "\n".join([self.caption, *lines, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        words = [self._is_text(column) for column in range(len(self.columns))]
        head = "".join(
            f'<th scope="col"{"" if text else NUMBER}>{html.escape(name)}</th>' if name else "<td></td>"
            for name, text in zip(self.columns, words, strict=True)
        )
        body = "".join(
            f'<tr><th scope="row"{NAME if len(line[0]) <= 12 else ""}>{html.escape(line[0])}</th>'
            + "".join(
                f"<td{'' if text else NUMBER}>{html.escape(cell)}</td>"
                for cell, text in zip(line[1:], words[1:], strict=True)
            )
            + "</tr>"
            for line in self._texts()
        )
        notes = "".join(f"<p><small>{html.escape(note)}</small></p>" for note in self.notes)
        caption = html.escape(self.caption)
        # A wide table scrolls inside its own frame, which the keyboard can reach; its caption stays in sight.
        return (
            f'<div class="ln-numbers"><p aria-hidden="true"><strong>{caption}</strong></p>'
            f'<div role="region" tabindex="0" aria-label="{caption}"><table aria-label="{caption}">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{notes}</div>"
        )


NUMBER = ' class="ln-number"'
NAME = ' class="ln-name"'  # stays in one line, also where it has a hyphen


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)
