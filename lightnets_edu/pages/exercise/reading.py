"""Numbers as readers write them, and how far they are from the right one. ``reading.js`` does the same."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

from lightnets_edu.pages.exercise.expressions import NotReadError, evaluate, normalise

#: The first limit above the ratio of the larger to the smaller number says how far they are apart.
NEAR = ((1.01, "by less than 1 %"), (1.1, "by less than 10 %"), (1.75, "by less than a factor of 2"))
FAR = 950
#: Longer answers are not read.
LONGEST = 200
#: What may stand before a number and says nothing.
ABOUT = "^(?:[≈~≃≅=]|about|circa|ca[.]?) *"
#: What a unit looks like, if it is not the one that is asked for.
WORDS = "^[A-Za-zµμ%×][A-Za-zµμ%/ .-]*$"
#: Other ways to write a unit.
ALIASES = {
    "times": ("x", "×", "time", "fold"),
    "%": ("per cent", "percent"),
    "flops a byte": ("flops/byte", "flop/byte", "flops per byte"),
}
#: Where a number's text has no unit yet.
BARE = "[0-9.)⁰¹²³⁴-⁹]$|[0-9)] ?(?:[kmgbt]|thousand|million|billion)$"
#: Powers of ten that may stand before a unit, such as in GMACs.
PREFIXES = {"k": 3, "m": 6, "g": 9, "t": 12}
#: Units of one measure, with the power of ten of each.
MEASURES = ({"s": 0, "ms": -3, "µs": -6, "us": -6, "ns": -9}, {"bytes": 0, "b": 0, "kb": 3, "mb": 6, "gb": 9})
#: What is said of a text that is no answer.
NOT_READ = {
    "unreadable": "“{got}” cannot be read as a number. Write it like 1234, 1,234, 5.2e6, 1/3, 28^2*25 or 569 M.",
    "unit": "“{part}” does not fit: the answer is wanted in {unit}.",
    "no_unit": "“{part}” does not fit: the answer is wanted as a plain number, without a unit.",
    "no_value": "“{got}” has no value, or one that is too large: look for a division by zero or a slip in a power.",
}


def unit_power(written: str, unit: str) -> int | None:
    """The power of ten by which a written unit differs from the one that is asked for; None if it does not fit."""
    found, wanted = written.lower().replace("μ", "µ"), unit.lower()
    for measure in MEASURES:
        if wanted in measure and found in measure:
            return measure[found] - measure[wanted]
    names = [wanted, wanted.removesuffix("s"), *ALIASES.get(wanted, ())] if wanted else []
    if found in ("", *names):
        return 0
    return PREFIXES.get(found[0]) if found[1:].strip() in names[:2] and wanted not in ALIASES else None


def _read(text: str, reading: str, unit: str) -> float:
    value, rest = evaluate(text, reading)
    power = unit_power(rest, unit)
    if power is None:
        kind = "unreadable" if not re.match(WORDS, rest) else "unit" if unit else "no_unit"
        raise NotReadError(kind, rest)
    return value * 10.0**power if power >= 0 else value / 10.0**-power


def read_text(text: str, unit: str = "") -> tuple[float, ...]:
    """The numbers that a text can mean: one, or two where a comma may group digits or be the decimal comma.

    Such is ``"1,234"``: one thousand two hundred and thirty-four, or a little more than one. The first number is the
    one with groups. Grouped digits, suffixes (``"569 M"``), arithmetic (``"28^2*25"``) and the unit are understood.

    Raises:
        NotReadError: If it is no number, not finite, or in a unit that does not fit.
    """
    if len(text) > LONGEST:
        raise NotReadError("unreadable")
    plain = re.sub(ABOUT, "", normalise(text), flags=re.I)
    first = _read(plain, "groups", unit)
    second = _read(plain, "decimals", unit)
    return (first,) if first == second else (first, second)


def read_formula(text: str, values: Mapping[str, float]) -> float:
    """The value of an expression of named numbers.

    Raises:
        NotReadError: If it is no expression of these names, or has no finite value.
    """
    if len(text) > LONGEST:
        raise NotReadError("unreadable")
    value, rest = evaluate(normalise(text), "formula", values)
    if rest:
        raise NotReadError("unreadable", rest)
    return value


def read_answer(answer: Any, unit: str = "") -> tuple[tuple[float, ...], str]:
    """The numbers that an answer can mean, as doubles, and the answer as it is shown.

    Raises:
        ValueError: If the answer is not a finite number.
    """
    if hasattr(answer, "item"):  # a tensor or an array with one element
        answer = answer.item()
    if isinstance(answer, str):
        return read_text(answer, unit), with_unit(answer.strip(), unit)
    if isinstance(answer, bool) or not isinstance(answer, Real | Decimal):
        raise ValueError(repr(answer))
    try:
        number = float(answer)
    except OverflowError:
        raise ValueError(repr(answer)) from None
    if not math.isfinite(number):
        raise ValueError(repr(answer))
    return (number,), with_unit(show_number(number), unit)


def with_unit(text: str, unit: str) -> str:
    """A number's text, followed by its unit if none was written."""
    return f"{text} {unit}" if unit and re.search(BARE, text, re.I) else text


def show_number(number: float, digits: int | None = None) -> str:
    """A number without exponents: whole ones with all digits; others, and all if ``digits`` is given, rounded."""
    if digits is None:
        digits = 6
        if number == int(number):
            return f"{number:,.0f}"
    number = float(f"{number:.{digits}g}")
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:g}"


def how_far(got: float, expected: float) -> str:
    """In words, too roughly to give the right number away."""
    direction = "too large" if got > expected else "too small"
    if got * expected <= 0:
        return direction
    ratio = got / expected
    ratio = 1 / ratio if ratio < 1 else ratio
    for limit, words in NEAR:
        if ratio < limit:
            return f"{direction} {words}"
    if ratio >= FAR:
        return f"{direction} by a factor of 1,000 or more"
    step = 1 if ratio < 9.5 else 10 if ratio < 95 else 100
    return f"{direction} by a factor of about {math.floor(ratio / step + 0.5) * step}"
