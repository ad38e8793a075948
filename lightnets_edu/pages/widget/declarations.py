"""What a widget is declared with, beside its controls: numbers, tables of them, pictures, and numbers from data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp


def number(name: str) -> sp.Symbol:
    """The symbol of a definition or an output: a positive whole number."""
    return sp.Symbol(name, integer=True, positive=True)


def real(name: str) -> sp.Symbol:
    """The symbol of a definition or an output that is positive and need not be whole, to be rounded or an exponent."""
    return sp.Symbol(name, positive=True)


@dataclass(frozen=True)
class Output:
    """A number that the widget shows.

    Attributes:
        name: The key in `Widget.evaluate` and in ``data-output``.
        label: What the reader sees.
        expr: The formula, over controls, definitions and earlier outputs.
        unit: A word after the number.
        digits: Digits after the point; None for whole numbers.
        help: A few words that say how it is counted.
        words: What is shown instead of the numbers 0, 1, 2 ...; the number stays in ``data-value``.
        alarm: From this value on it stands out in colour. Colour alone says nothing to many readers, so such an
            output has words.
    """

    name: str
    label: str
    expr: sp.Expr
    unit: str = ""
    digits: int | None = None
    help: str = ""
    words: tuple[str, ...] = ()
    alarm: int | None = None

    @property
    def symbol(self) -> sp.Symbol:
        """The symbol under which later outputs can use it."""
        return number(self.name) if self.digits is None else real(self.name)

    def read(self, value: float) -> int | float:
        """The number as an int or a float, by what the output is declared to be."""
        if self.digits is not None:
            return float(value)
        return int(value) if value == int(value) else value

    def text(self, value: float) -> str:
        """The number as it is shown."""
        if self.words:
            return self.words[int(value)]
        return f"{value:,}" if self.digits is None else f"{value:,.{self.digits}f}"


@dataclass(frozen=True)
class Row:
    """One row of a table: a label, then the names of outputs, one a column."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Outputs side by side, so that they can be compared.

    Attributes:
        caption: What is compared.
        columns: The columns' headings.
        rows: The rows.
        bars: Whether each number has a bar as long as its share of the column's largest.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    bars: bool = True

    @classmethod
    def of_parts(cls, caption: str, quantities: Mapping[str, str], parts: Mapping[Any, str]) -> Table:
        """A row a part, a column a quantity; ``part_quantity`` is the output that stands where both meet.

        Args:
            caption: What is compared.
            quantities: Quantities to the columns' headings.
            parts: Parts to the rows' labels.
        """
        rows = (Row(label, tuple(f"{part}_{quantity}" for quantity in quantities)) for part, label in parts.items())
        return cls(caption, tuple(quantities.values()), tuple(rows))


@dataclass(frozen=True)
class Picture:
    """A drawing that follows the settings, with a sentence that says what it shows.

    Attributes:
        kind: What is drawn:

            - ``connectivity``: which output channel reads which input channel.
            - ``sliding``: kernels that slide over the input's maps, the pixels that they make, and a running counter.
            - ``shuffle``: channels moving between two grouped convolutions, and which input reaches which output.
            - ``roofline``: a layer under the two roofs of a machine (Williams, Waterman, Patterson 2009).
            - ``sweep``: outputs over the whole range of one slider, the other controls as they are.
        uses: The names of the numbers that it reads: of controls, definitions, outputs or looked-up numbers.

            - ``connectivity``: input channels, output channels, groups.
            - ``sliding``: input channels, output channels, groups, kernel size, side of the input's maps.
            - ``shuffle``: channels, groups (which a check should make divide the channels).
            - ``roofline``: peak in GFLOP/s, bandwidth in GB/s, arithmetic intensity in FLOPs a byte.
            - ``sweep``: a slider, then one to four outputs of the same unit.
    """

    kind: str
    uses: tuple[str, ...]


@dataclass(frozen=True)
class Lookup:
    """Numbers from data instead of a formula: ``data[table][key]...[name]`` gives each symbol ``name``.

    Attributes:
        table: The name of the table in the widget's `Widget.data`.
        keys: The controls whose values lead to a row, outermost first.
        names: The row's numbers; each becomes a symbol.
    """

    table: str
    keys: tuple[str, ...]
    names: tuple[str, ...]

    def find(self, data: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, int]:
        """The numbers at the present settings.

        Raises:
            ValueError: If the data has no such row or number.
        """
        row, path = data, [self.table, *(str(values[key]) for key in self.keys)]
        try:
            for key in path:
                row = row[key]
            return {name: row[name] for name in self.names}
        except KeyError as missing:
            raise ValueError(f"the widget's data has no {missing} in {' > '.join(path)}") from None
