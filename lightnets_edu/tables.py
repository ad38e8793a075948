"""One kind of table for a terminal, a notebook and a page: its columns say what they hold."""

from __future__ import annotations

import html
import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

PREFIXES = {1: "", 1e-6: "µ", 1e-3: "m", 1e3: "k", 1e6: "M", 1e9: "G", 1e12: "T"}
MISSING = "–"
SHORT_NAME = 12  # letters; so short a row's name stays in one line, also where it has a hyphen
MINUS = "\N{MINUS SIGN}"
# The attributes of a cell with words and of a cell with a number, by the table's look.
CELLS = {
    "numbers": ("", ' class="ln-number"'),
    "ledger": (' class="ln-note"', ' class="ln-number"'),
    "count": ("", ""),  # said once for a whole column, since such a table may have 300 lines
}


def plain(text: str) -> str:
    """A number that was written by Python, as people write it: with a real minus sign, and zero without any."""
    if not text.startswith(("-", MINUS)):
        return text
    rest = text[1:]
    return rest if not rest.strip("0.,") or not any(digit in rest for digit in "123456789") else f"{MINUS}{rest}"


def compact(value: float, digits: int = 3, unit: str = "") -> str:
    """A number as people write it: with a few digits, and a letter for thousands and more, or for parts of a unit.

    Args:
        value: Any finite number.
        digits: At most, of those that count; zeros at the end are left out.
        unit: What it counts, such as ``s``; a unit also takes the letters of small numbers.

    Returns:
        ``1.46 M``, ``20 k``, ``0.5``; with a unit ``5.4 GB``, ``70 µs``.
    """
    smallest = 1e-6 if unit else 1
    scales = [scale for scale in sorted(PREFIXES, reverse=True) if scale >= smallest]
    least = 1 - 0.5 * 10.0**-digits  # is rounded to 1
    scale = next((one for one in scales if abs(value) >= one * least), 1 if not value or not unit else smallest)
    letters = f"{PREFIXES[scale]}{unit}"
    return f"{plain(f'{value / scale:,.{digits}g}')} {letters}".rstrip()


def signed(value: float, digits: int, zero: str = "") -> str:
    """A difference with its sign and so many digits after the point; what is shown as zero has ``zero`` before it."""
    text = f"{abs(value):,.{digits}f}"
    return f"{zero if not text.strip('0.,') else MINUS if value < 0 else '+'}{text}"


@dataclass(frozen=True)
class Column:
    """What one column of a table, and perhaps an axis of a chart, shows.

    Attributes:
        key: The key of the value in each row that is a mapping.
        heading: What the reader sees; the key, if not given.
        unit: What the numbers count, such as ``ms``; with a `scale`, its letter is put in front.
        digits: Digits after the point; None for whole numbers, which get thousands separators.
        log: Whether its axis is logarithmic at first.
        help: One sentence: how the numbers were made.
        text: Whether the values are words; in a chart's table such a column becomes a filter.
        better: ``lower`` or ``higher`` where one of them is better; the Pareto front needs it on both axes.
        scale: What a number is divided by when it is shown: 1e6 shows millions, with the letter M. Sorting and
            ``data-value`` use the number itself.
        folded: Whether a chart's table shows it only when the reader asks for it; a folded one is no filter.
        among: A word for a set of number columns, such as ``time``: of these a chart's table shows one at a time, and
            the reader chooses which.
    """

    key: str
    heading: str = ""
    unit: str = ""
    digits: int | None = None
    log: bool = False
    help: str = ""
    text: bool = False
    better: str | None = None
    scale: float = 1
    folded: bool = False
    among: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "heading", self.heading or self.key)
        fault = ""
        if self.better not in (None, "lower", "higher"):
            fault = f": better should be 'lower', 'higher' or None instead of {self.better!r}"
        elif self.scale not in PREFIXES:
            allowed = ", ".join(f"{scale:g}" for scale in PREFIXES)
            known = "these have a letter that the reader knows"
            fault = f": scale should be one of {allowed} instead of {self.scale!r}: {known}"
        elif self.digits is not None and self.digits < 0:
            fault = f": digits should be None or at least 0 instead of {self.digits}"
        elif self.text and (self.unit or self.digits is not None or self.log or self.better or self.scale != 1):
            fault = " has text=True, so it has no unit, digits, log, better or scale"
        elif self.among and (self.text or self.folded):
            fault = f" is among={self.among!r} and shown when it is chosen, so it is neither text nor folded"
        if fault:
            raise ValueError(f"column {self.key!r}{fault}")

    @property
    def shown_unit(self) -> str:
        """The unit with the scale's letter, such as ``M`` or ``MB``."""
        return f"{PREFIXES[self.scale]}{self.unit}"

    @property
    def title(self) -> str:
        """The heading with its unit and what is better, for an axis."""
        unit = f" ({self.shown_unit})" if self.shown_unit else ""
        return f"{self.heading}{unit}{f', {self.better} is better' if self.better else ''}"

    def cell(self, value: Any) -> str:
        """A value as the table shows it, without its unit; a number that is text already stays as it is.

        Raises:
            ValueError: If the column shows whole numbers and the value is none.
        """
        if value is None:
            return MISSING
        if self.text:
            return str(value)
        if isinstance(value, str):
            return plain(value) if value[1:2].isdigit() else value
        if self.digits is not None or self.scale != 1:
            return plain(f"{value / self.scale:,.{self.digits or 0}f}")
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise ValueError(f"column {self.key!r} shows whole numbers, which {value!r} is not: give the column digits")
        return plain(f"{value:,}")

    def words(self, value: float) -> str:
        """A number with its unit, for a sentence."""
        return f"{self.cell(value)} {self.shown_unit}".rstrip()

    def read(self, value: object) -> Any:
        """A row's value as plain data.

        Raises:
            ValueError: If the column cannot show it.
        """
        if value is None:
            return None
        if self.text:
            if not isinstance(value, str):
                raise ValueError(f"should be a str, or None if there is none, instead of {value!r}")
            return None if value in ("", MISSING) else value
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise ValueError(f"should be a finite number, or None if there is none, instead of {value!r}")
        if isinstance(value, Integral):
            return int(value)
        if self.digits is None and self.scale == 1:
            raise ValueError(f"is {value!r}, but the column shows whole numbers: give it digits=..., or the int")
        return float(value)


def aligned(lines: Iterable[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """Lines of text with their cells below each other, two spaces between columns.

    Args:
        lines: The cells; equally many in each line.
        right: The columns that stand right-aligned; the others stand left-aligned.
    """
    lines = list(lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


class NumberTable:
    """A table whose first column names the rows; numbers stand right-aligned, None is a dash.

    Attributes:
        caption: What the table says; it may be empty in a terminal and in a ledger.
        columns: Headings or, for numbers with digits or a unit, `Column`. The first column holds words, and those of
            the headings in ``words``; the others hold whole numbers.
        rows: One tuple a row. A number may be text already, with the digits that you want.
        notes: Sentences below it.
        total: A last line, or None.
        look: ``numbers``; ``ledger``, with a last column of sentences; or ``count``, for hundreds of lines.

    Raises:
        ValueError: If a row has another number of cells than there are columns, if a column cannot show a cell, or if
            ``words`` names no column.
    """

    def __init__(
        self,
        caption: str,
        columns: Iterable[str | Column],
        rows: Iterable[Sequence[Any]],
        notes: Iterable[str] = (),
        *,
        words: Sequence[str] = (),
        total: Sequence[Any] | None = None,
        look: str = "numbers",
    ) -> None:
        self.caption = caption
        self.columns = tuple(
            Column(column, text=not at or column in words) if isinstance(column, str) else column
            for at, column in enumerate(columns)
        )
        if unknown := set(words) - {column.heading for column in self.columns}:
            raise ValueError(f"words={tuple(words)!r}: there is no column {unknown.pop()!r}")
        self.rows = tuple(map(tuple, rows))
        self.notes = tuple(notes)
        self.total = total
        self.look = look
        self._heads = [f"{column.heading} {column.shown_unit}".rstrip() for column in self.columns]
        self._lines = [self._texts(row) for row in self.rows]
        self._foot = [] if total is None else [self._texts(total)]

    def _texts(self, row: Sequence[Any]) -> list[str]:
        if len(row) != len(self.columns):
            raise ValueError(f"the row {row[0]!r} has {len(row)} cells for {len(self.columns)} columns")
        return [column.cell(value) for column, value in zip(self.columns, row, strict=True)]

    def __str__(self) -> str:
        numbers = [at for at, column in enumerate(self.columns) if not column.text]
        lines = aligned([self._heads, *self._lines, *self._foot], numbers)
        if self._foot:
            rule = "─" * len(lines[0])
            lines = [rule, lines[0], rule, *lines[1:-1], rule, lines[-1]]
        return "\n".join([*([self.caption] if self.caption else []), *lines, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        words, numbers = CELLS[self.look]
        head = "".join(
            f'<th scope="col"{"" if column.text or self.look != "numbers" else numbers}>{html.escape(name)}</th>'
            if name
            else "<td></td>"
            for column, name in zip(self.columns, self._heads, strict=True)
        )

        def row(cells: list[str]) -> str:
            name = ' class="ln-name"' if self.look == "numbers" and len(cells[0]) <= SHORT_NAME else ""
            rest = "".join(
                f"<td{words if column.text else numbers}>{html.escape(cell)}</td>"
                for column, cell in zip(self.columns[1:], cells[1:], strict=True)
            )
            return f'<tr><th scope="row"{name}>{html.escape(cells[0])}</th>{rest}</tr>'

        foot = "".join(f'<tfoot style="font-weight:bold">{row(cells)}</tfoot>' for cells in self._foot)
        return self._framed(f"<thead><tr>{head}</tr></thead><tbody>{''.join(map(row, self._lines))}</tbody>{foot}")

    def _framed(self, content: str) -> str:
        caption = html.escape(self.caption)
        notes = "".join(f"<p><small>{html.escape(note)}</small></p>" for note in self.notes)
        if self.look == "ledger":
            above = f"<caption>{caption}</caption>" if caption else ""
            style = f"--ln-columns: {len(self.columns) - 2}"  # those that stand side by side on a phone
            return f'<table class="ln-ledger" style="{style}">{above}{content}</table>{notes}'
        # A wide or long table scrolls inside its own frame, which the keyboard can reach; its caption stays in sight.
        frame = f'role="region" tabindex="0" aria-label="{caption}"'
        if self.look == "count":
            cells = ".ln-count :is(th,td)"
            style = (
                f"{cells}{{white-space:nowrap;text-align:right}}"
                f"{cells}:nth-child(-n+{sum(column.text for column in self.columns)}){{text-align:left}}"
                ".ln-count tbody th{font-weight:normal}"
            )
            return (
                f'<div class="ln-count" {frame} style="max-height:26rem;overflow:auto"><style>{style}</style>'
                f'<table style="font-variant-numeric:tabular-nums"><caption>{caption}</caption>{content}</table></div>'
                f"{notes}"
            )
        return (
            f'<div class="ln-numbers"><p aria-hidden="true"><strong>{caption}</strong></p>'
            f'<div {frame}><table aria-label="{caption}">{content}</table></div>{notes}</div>'
        )
