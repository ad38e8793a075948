"""A widget's controls: each is one native input in the page, one argument in Python, one symbol in formulas."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import sympy as sp


def _plain(value: float) -> int | float:
    """A number that Python prints as the browser does: 1 and 0.25, never 1.0."""
    return int(value) if value == int(value) else value


@dataclass(frozen=True)
class Slider:
    """A number chosen with a slider.

    Attributes:
        name: The Python argument, the input's ``name`` and the symbol's name.
        label: What the reader sees.
        minimum: The smallest value.
        maximum: The largest value.
        default: The value at first.
        step: The distance between values.
        scale: Formulas see ``round(value * scale)``, so that 0.25 ... 1.5 can be 25 ... 150, whole and exact.
        unit: A few letters after the value, such as ``px``.
        divides: Names of numbers that the value should divide, such as the channels for groups. A finger on the slider
            and the buttons beside it then go from one common divisor to the next; keys stay free, so that a reader can
            meet the check's sentence. Needs steps of 1.
    """

    name: str
    label: str
    minimum: float
    maximum: float
    default: float
    step: float = 1
    scale: int = 1
    unit: str = ""
    divides: tuple[str, ...] = ()

    @property
    def symbol(self) -> sp.Symbol:
        """The symbol that formulas use: a whole number, already scaled."""
        sign = {"positive": True} if self.minimum > 0 else {"nonnegative": True} if self.minimum == 0 else {}
        return sp.Symbol(self.name, integer=True, **sign)

    def code(self, value: float) -> int:
        """The number that formulas see."""
        return round(value * self.scale)

    def read(self, value: Any) -> int | float:
        """The value, if the slider can take it.

        Raises:
            ValueError: If it is not a number, outside the limits or between two steps.
        """
        limits = f"{_plain(self.minimum)} to {_plain(self.maximum)}"
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if not is_number:
            raise ValueError(f"{self.name} should be a number from {limits} instead of {value!r}")
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{self.name} should be from {limits} instead of {value}")
        code = self.code(value)
        if abs(value * self.scale - code) > 1e-6 or (code - self.code(self.minimum)) % self.code(self.step):
            steps = f"in steps of {_plain(self.step)}"
            raise ValueError(f"{self.name} should be {limits} {steps} instead of {value}")
        return code if self.scale == 1 else code / self.scale

    def shown(self, value: float) -> int | float:
        """The value inside a sentence."""
        return _plain(value)

    def spec(self) -> dict:
        """What the browser needs to know."""
        return {"kind": "slider", **vars(self)}


@dataclass(frozen=True)
class Choice:
    """One of a few options.

    In formulas the symbol is the option's value if all values are whole numbers, else the option's place in
    the list; write conditions with `equals` rather than with these codes.

    Attributes:
        name: The Python argument, the input's ``name`` and the symbol's name.
        label: What the reader sees.
        options: Pairs of value (a string or a whole number) and text.
        default: The value at first.
    """

    name: str
    label: str
    options: tuple[tuple[str | int, str], ...]
    default: str | int

    @property
    def values(self) -> tuple[str | int, ...]:
        """The options' values."""
        return tuple(value for value, _ in self.options)

    @property
    def symbol(self) -> sp.Symbol:
        """The symbol that formulas use."""
        return sp.Symbol(self.name, integer=True)

    def code(self, value: str | int) -> int:
        """The number that formulas see."""
        if isinstance(value, int) and all(isinstance(known, int) for known in self.values):
            return value
        return self.values.index(value)

    def equals(self, value: str | int) -> sp.Basic:
        """The condition that this option is chosen, for a Piecewise or a check."""
        return sp.Eq(self.symbol, self.code(self.read(value)))

    def read(self, value: Any) -> str | int:
        """The value, if it is one of the options.

        Raises:
            ValueError: If it is not.
        """
        if isinstance(value, bool) or value not in self.values:
            allowed = ", ".join(repr(known) for known in self.values)
            raise ValueError(f"{self.name} should be one of {allowed} instead of {value!r}")
        return value

    def shown(self, value: str | int) -> str | int:
        """The value inside a sentence."""
        return value

    def spec(self) -> dict:
        """What the browser needs to know."""
        codes = [self.code(value) for value in self.values]
        options = [list(option) for option in self.options]
        return {"kind": "choice", **vars(self), "options": options, "codes": codes}


@dataclass(frozen=True)
class Toggle:
    """Yes or no; 1 or 0 in formulas.

    Attributes:
        name: The Python argument, the input's ``name`` and the symbol's name.
        label: What the reader sees.
        default: The value at first.
    """

    name: str
    label: str
    default: bool = False

    @property
    def symbol(self) -> sp.Symbol:
        """The symbol that formulas use: 1 or 0."""
        return sp.Symbol(self.name, integer=True, nonnegative=True)

    def code(self, value: bool) -> int:
        """The number that formulas see."""
        return int(value)

    def read(self, value: object) -> bool:
        """The value, if it is True or False (or 1 or 0).

        Raises:
            ValueError: If it is not.
        """
        if not isinstance(value, (bool, int)) or value not in (0, 1):
            raise ValueError(f"{self.name} should be True or False instead of {value!r}")
        return bool(value)

    def shown(self, value: bool) -> bool:
        """The value inside a sentence."""
        return value

    def spec(self) -> dict:
        """What the browser needs to know."""
        return {"kind": "toggle", **vars(self)}


Control = Slider | Choice | Toggle
