"""A chapter's ledger: the paper's number, the closed form and every count; the build stops if they differ.

Ledger("params", "macs").claim("Paper, table 8", params="4.2 M", macs="569 M").exact("Closed form", ...).exact(...)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lightnets_edu.tables import NumberTable

SUFFIXES = {"": 0, "K": 3, "M": 6, "B": 9, "G": 9, "T": 12}
HEADINGS = {
    "params": "Parameters",
    "macs": "MACs",
    "flops": "FLOPs",
    "exact_flops": "FLOPs, exact",
    "activations": "Activations",
    "memory_access": "Memory access",
    "bytes": "Bytes",
}
CLAIM = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*([KMBGT]?)")


class LedgerError(ValueError):
    """Two numbers that must agree do not."""


def read_claim(text: str) -> tuple[Decimal, Decimal]:
    """A printed number and the size of its last digit: ``"4.2 M"`` is 4,200,000 and 100,000.

    Raises:
        ValueError: If it is not a number with an optional K, M, G (or B) or T.
    """
    match = CLAIM.fullmatch(text.strip())
    if not match:
        raise ValueError(f"a claim should look like '4.2 M', '569 M' or '1,234' instead of {text!r}")
    digits, suffix = match.groups()
    value = Decimal(digits.replace(",", "")).scaleb(SUFFIXES[suffix])
    decimals = len(digits.partition(".")[2])
    return value, Decimal(1).scaleb(SUFFIXES[suffix] - decimals)


def rounds_to(number: int, claim: str) -> bool:
    """Whether an exact number rounds to a printed one, at the printed one's own digits."""
    value, last_digit = read_claim(claim)
    return abs(number - value) <= last_digit / 2


@dataclass(frozen=True)
class Row:
    """One source's numbers.

    Attributes:
        source: Where the numbers come from.
        kind: ``claim`` (rounded, printed), ``exact`` (must be equal) or ``other`` (may differ if ``why`` says why).
        values: Numbers or, for claims, texts by quantity; a quantity that the source does not give is left out.
        why: Why a number differs.
    """

    source: str
    kind: str
    values: dict[str, Any]
    why: str = ""


@dataclass(frozen=True)
class Ledger:
    """Rows of numbers that are checked while they are added; each method returns the longer ledger.

    The first exact row is what all others are compared with.

    Attributes:
        columns: The quantities, such as ``params`` and ``macs``.
        title: A caption.
        rows: What was added.

    Example:
        >>> ledger = Ledger("params").exact("By hand: 3 · 3 · 64", params=576).exact("nn.Conv2d", params=576)
        >>> print(ledger.verdict)
        2 exact sources agree to the last digit on Parameters
        >>> ledger.exact("With biases", params=640)
        Traceback (most recent call last):
        lightnets_edu.pages.ledger.LedgerError: ...
    """

    columns: tuple[str, ...]
    title: str
    rows: tuple[Row, ...]

    def __init__(self, *columns: str, title: str = "The ledger", rows: tuple[Row, ...] = ()) -> None:
        if not columns:
            raise ValueError("a ledger needs at least one quantity, such as Ledger('params', 'macs')")
        for name, value in (("columns", columns), ("title", title), ("rows", rows)):
            object.__setattr__(self, name, value)
        self._check()

    def claim(self, source: str, *, why: str = "", **values: str) -> Ledger:
        """Add printed numbers, such as ``macs="569 M"``; they agree if the exact ones round to them.

        Raises:
            LedgerError: If one does not and ``why`` is empty.
        """
        return self._with(Row(source, "claim", values, why))

    def exact(self, source: str, **values: int) -> Ledger:
        """Add numbers that must equal those of the other exact rows.

        Raises:
            LedgerError: If one does not; the sentence names both.
        """
        return self._with(Row(source, "exact", values))

    def other(self, source: str, *, why: str = "", **values: int) -> Ledger:
        """Add numbers that may differ, if ``why`` explains how.

        Raises:
            LedgerError: If one differs and ``why`` is empty.
        """
        return self._with(Row(source, "other", values, why))

    @property
    def reference(self) -> Row | None:
        """The first exact row, or None."""
        return next((row for row in self.rows if row.kind == "exact"), None)

    @property
    def verdict(self) -> str:
        """One sentence: what was compared, and that it agrees.

        Raises:
            LedgerError: If there are not yet two exact rows to compare.
        """
        exact = [row.source for row in self.rows if row.kind == "exact"]
        if len(exact) < 2:
            raise LedgerError("a ledger needs at least two exact rows: one alone cannot be checked")
        names = ", ".join(self._heading(column) for column in self.columns)
        return f"{len(exact)} exact sources agree to the last digit on {names}"

    def _with(self, row: Row) -> Ledger:
        if unknown := [name for name in row.values if name not in self.columns]:
            raise TypeError(
                f"{row.source!r} gives {unknown[0]!r}, but the ledger's columns are {', '.join(self.columns)}"
            )
        return Ledger(*self.columns, title=self.title, rows=(*self.rows, row))

    def _check(self) -> None:
        for row in self.rows:
            for column in row.values:
                if not self._agrees(row, column) and not row.why:
                    self._refuse(row, column)

    def _refuse(self, row: Row, column: str) -> None:
        reference = self.reference
        assert reference is not None  # without one, nothing disagrees
        given, expected, first = row.values[column], reference.values[column], reference.source
        what = self._heading(column)
        if row.kind == "claim":
            unequal = f"says {given} {what}, but {first!r} gives {expected:,}, which does not round to it"
            rule = "if the source is wrong, say so with why=..."
        else:
            difference = f"difference {given - expected:+,}"
            unequal = f"gives {given:,} {what}, but {first!r} gives {expected:,} ({difference})"
            rule = "both must be exact" if row.kind == "exact" else "explain it with why=..."
        raise LedgerError(f"{row.source!r} {unequal}: {rule}")

    def _agrees(self, row: Row, column: str) -> bool:
        expected = self.reference.values.get(column) if self.reference else None
        if expected is None:
            return True
        given = row.values[column]
        return rounds_to(expected, given) if row.kind == "claim" else given == expected

    def _heading(self, column: str) -> str:
        return HEADINGS.get(column, column.replace("_", " "))

    def _note(self, row: Row) -> str:
        """In words, so that nothing depends on colour."""
        if row is self.reference:
            return "✓ the reference"
        compared = [column for column in row.values if self.reference and column in self.reference.values]
        differing = [column for column in compared if not self._agrees(row, column)]
        if not compared:
            return row.why
        if not differing:
            agreement = "✓ the exact number rounds to it" if row.kind == "claim" else "✓ equal"
            return f"{agreement}. {row.why}" if row.why else agreement
        return f"≠ {', '.join(self._difference(row, column) for column in differing)}: {row.why}"

    def _difference(self, row: Row, column: str) -> str:
        if row.kind == "claim":
            return f"{self._heading(column)} not {row.values[column]}"
        expected = self.reference.values[column] if self.reference else 0
        return f"{self._heading(column)} {row.values[column] - expected:+,}"

    def _table(self) -> NumberTable:
        columns = ("Source", *map(self._heading, self.columns), "Note")
        rows = [(row.source, *map(row.values.get, self.columns), self._note(row)) for row in self.rows]
        return NumberTable(self.title, columns, rows, words=("Note",), look="ledger")

    def __str__(self) -> str:
        return str(self._table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()
