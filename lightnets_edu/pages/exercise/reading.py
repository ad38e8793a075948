"""Numbers as readers write them, and how far they are from the right one. ``reading.js`` does the same."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from numbers import Real
from typing import Any

SUFFIXES = {"": 0, "k": 3, "m": 6, "g": 9, "b": 9, "t": 12, "thousand": 3, "million": 6, "billion": 9}
#: Digits (in groups of three or not), a power of ten, a suffix; Python and JavaScript read this pattern alike.
NUMBER = (
    r"^([+-]?)((?:[0-9]{1,3}(?:[,_ ][0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?:(?:e| ?[x×*·] ?10(?:\^|\*\*))([+-]?[0-9]{1,3}))? ?(thousand|million|billion|[kmgbt]?)$"
)
#: The first limit above the ratio of the larger to the smaller number says how far they are apart.
NEAR = ((1.01, "by less than 1 %"), (1.1, "by less than 10 %"), (1.75, "by less than a factor of 2"))
FAR = 950


def _read_plain(text: str) -> float:
    match = re.match(NUMBER, text.strip(), re.I)
    if not match:
        raise ValueError(text)
    sign, digits, power, suffix = match.groups()
    digits = re.sub("[,_ ]", "", digits)
    return float(f"{sign}{digits}e{int(power or 0) + SUFFIXES[suffix.lower()]}")


def read_text(text: str, unit: str = "") -> float:
    """The number in a text such as ``"1,234"``, ``"5.2e6"``, ``"569 M"`` or ``"1/9"``, with its unit or without.

    Raises:
        ValueError: If it is not one, or not finite.
    """
    text = re.sub("[\u00a0\u2009\u202f]", " ", text).replace("−", "-").strip()
    if unit and text.lower().endswith(unit.lower()):
        text = text[: -len(unit)].strip()
    top, *bottom = (_read_plain(part) for part in text.split("/", 1))
    number = top / bottom[0] if bottom and bottom[0] else math.inf if bottom else top
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def read_answer(answer: Any, unit: str = "") -> tuple[float, str]:
    """A reader's number, as a double and as it is shown.

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
    return number, with_unit(show_number(number), unit)


def with_unit(text: str, unit: str) -> str:
    """A number's text, followed by its unit once."""
    return text if not unit or text.lower().endswith(unit.lower()) else f"{text} {unit}"


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
