"""Arithmetic as readers write it, evaluated by a small parser: no ``eval``. ``expressions.js`` does the same.

The grammar, from the weakest to the strongest: ``or``, ``and``, one comparison, sums, products (``/`` divides,
``//`` divides and rounds down), signs, powers (``^``, ``**``, ``²``), and numbers, names, functions and brackets.
Comparisons and logic give 1 or 0, and stand in formulas only, that is where there are names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

#: How digits may be grouped and where the point may be: pattern, what separates groups. Python and JavaScript read
#: these patterns alike.
LITERALS = {
    "decimal_comma": (r"[0-9]+,[0-9]+(?![0-9,.])", ""),
    "spaced": (r"[1-9][0-9]{0,2}(['_ ])[0-9]{3}(?:\1[0-9]{3})*(?![0-9])(?:[.,][0-9]+)?", "'_ "),
    "commas": (r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?![0-9,])(?:\.[0-9]*)?", ","),
    "points": (r"[1-9][0-9]{0,2}(?:(?:\.[0-9]{3}){2,}|(?:\.[0-9]{3})+(?=,[0-9]))(?![0-9.])(?:,[0-9]+)?", "."),
    "plain": (r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)", ""),
}
#: Which of them are tried, in this order. ``1,234`` is one thousand in the first and about one in the second.
READINGS = {
    "groups": ("spaced", "commas", "points", "decimal_comma", "plain"),
    "decimals": ("decimal_comma", "spaced", "commas", "points", "plain"),
    "formula": ("plain",),
}
POWER = r"[eE]([+-]?[0-9]{1,3})(?![A-Za-z0-9_])"
SUFFIX = r" ?(thousand|million|billion|[kmgbt])(?![A-Za-z/])"
SUFFIXES = {"k": 3, "m": 6, "g": 9, "b": 9, "t": 12, "thousand": 3, "million": 6, "billion": 9}
NAME = r"[A-Za-z_][A-Za-z_0-9]*"
#: A × multiplies if an operand follows, a letter x if a number or a bracket does; else they mean "times".
TIMES = r"\*(?!\*)|·|×(?= *[A-Za-z0-9_(.])|x(?= *[0-9(.])"
#: Brackets inside brackets, at most.
DEEPEST = 30
#: What is written in several ways, in one.
SAME = {"[\u00a0\u2007\u2009\u202f]": " ", "[−–]": "-", "[’ʼ′‘]": "'", "[⋅∙∗]": "·", "÷": "/", "≤": "<=", "≥": ">="}
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}
FUNCTIONS: dict[str, Callable[..., float]] = {
    "sqrt": math.sqrt,
    "ln": math.log,
    "log": math.log,
    "exp": math.exp,
    "floor": math.floor,
    "ceil": math.ceil,
    "min": min,
    "max": max,
}
ONE_ARGUMENT = ("sqrt", "ln", "log", "exp", "floor", "ceil")
CONSTANTS = {"e": math.e, "pi": math.pi}


class NotReadError(ValueError):
    """A text that is no expression, or one without a value.

    Attributes:
        kind: ``unreadable``, ``unknown_name`` or ``no_value``.
        part: The part of the text that is to blame.
    """

    def __init__(self, kind: str, part: str = "") -> None:
        super().__init__(f"{kind}: {part}")
        self.kind, self.part = kind, part


def normalise(text: str) -> str:
    """The same text with one way of writing each sign; ``²`` becomes ``^2``."""
    for pattern, sign in SAME.items():
        text = re.sub(pattern, sign, text)
    raised = re.sub(f"[{SUPERSCRIPTS}]+", lambda m: "^" + "".join(str(SUPERSCRIPTS.index(c)) for c in m[0]), text)
    return raised.strip()


def evaluate(text: str, reading: str, values: Mapping[str, float] | None = None) -> tuple[float, str]:
    """The value at the beginning of a text, and what follows it.

    Args:
        text: A normalised text, such as ``"28^2*25 MACs"``.
        reading: A key of `READINGS`.
        values: The named numbers of a formula; without them, names are not known, and suffixes such as M are.

    Raises:
        NotReadError: If the text does not begin with an expression, or its value is not a finite number.
    """
    parser = _Parser(text, reading, values)
    try:
        value = float(parser.logic() if values is not None else parser.sum())
    except (ArithmeticError, ValueError) as error:
        raise error if isinstance(error, NotReadError) else NotReadError("no_value") from None
    if not math.isfinite(value):
        raise NotReadError("no_value")
    return value, text[parser.place :].strip()


class _Parser:
    """Reads and computes at once; each method reads one level of the grammar."""

    def __init__(self, text: str, reading: str, values: Mapping[str, float] | None) -> None:
        self.text, self.reading, self.values, self.place = text, reading, values, 0
        self.depth = 0

    def take(self, pattern: str, spaces: bool = True) -> re.Match[str] | None:
        """The pattern if it stands here, after spaces; then the place moves behind it."""
        found = re.compile((" *" if spaces else "") + f"(?:{pattern})").match(self.text, self.place)
        if found:
            self.place = found.end()
        return found

    def logic(self) -> float:
        value = self.conjunction()
        while self.take(r"or\b"):
            other = self.conjunction()
            value = value or other
        return value

    def conjunction(self) -> float:
        value = self.comparison()
        while self.take(r"and\b"):
            other = self.comparison()
            value = value and other
        return value

    def comparison(self) -> float:
        value = self.sum()
        sign = self.take("|".join(COMPARISONS))
        return COMPARISONS[sign[0].strip()](value, self.sum()) if sign else value

    def sum(self) -> float:
        value = self.product()
        while sign := self.take("[+-]"):
            other = self.product()
            value = value + other if sign[0].strip() == "+" else value - other
        return value

    def product(self) -> float:
        value = self.signed()
        while sign := self.take(f"{TIMES}|//?"):
            other = self.signed()
            kind = sign[0].strip()
            value = math.floor(value / other) if kind == "//" else value / other if kind == "/" else value * other
        return value

    def signed(self) -> float:
        if sign := self.take("[+-]"):
            value = self.signed()
            return -value if sign[0].strip() == "-" else value
        return self.power()

    def power(self) -> float:
        base = self.atom()
        return _power(base, self.signed()) if self.take(r"\^|\*\*") else base

    def atom(self) -> float:
        if self.take(r"\("):
            self.depth += 1
            if self.depth > DEEPEST:
                raise NotReadError("unreadable")
            value = self.logic() if self.values is not None else self.sum()
            self.depth -= 1
            if not self.take(r"\)"):
                raise NotReadError("unreadable")
            suffix = None if self.values is not None else self.take(SUFFIX, spaces=False)
            return value * 10.0 ** SUFFIXES[suffix[1].lower()] if suffix else value
        if (number := self.number()) is not None:
            return number
        if not (name := self.take(NAME)):
            raise NotReadError("unreadable")
        return self.named(name[0].strip())

    def number(self) -> float | None:
        for kind in READINGS[self.reading]:
            pattern, separators = LITERALS[kind]
            if found := self.take(pattern):
                digits = "".join(c for c in found[0].strip() if c not in separators).replace(",", ".")
                power = self.take(POWER, spaces=False)
                suffix = None if self.values is not None else self.take(f"(?i:{SUFFIX})", spaces=False)
                tens = int(power[1]) if power else 0
                return float(f"{digits}e{tens + (SUFFIXES[suffix[1].lower()] if suffix else 0)}")
        return None

    def named(self, name: str) -> float:
        if self.values is not None and name in self.values:
            return float(self.values[name])
        if name in FUNCTIONS and self.take(r"\("):
            arguments = [self.sum()]
            while self.take(","):
                arguments.append(self.sum())
            if not self.take(r"\)") or (len(arguments) == 1) != (name in ONE_ARGUMENT):
                raise NotReadError("unreadable")
            return FUNCTIONS[name](*arguments)
        if name in CONSTANTS:
            return CONSTANTS[name]
        raise NotReadError("unreadable" if self.values is None else "unknown_name", name)


def _power(base: float, exponent: float) -> float:
    """Whole exponents multiply, so that whole numbers stay exact and both languages give the same double."""
    if exponent == math.floor(exponent) and abs(exponent) <= 64:
        value = 1.0
        for _ in range(int(abs(exponent))):
            value *= base
        value = 1 / value if exponent < 0 else value
    elif base < 0:
        raise NotReadError("no_value")
    else:
        value = base**exponent
    if not math.isfinite(value):
        raise NotReadError("no_value")
    return value
