"""Sentences that teach: what was wrong, the value, what is allowed and why. The same ones in Python and in the page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

_FIELD = re.compile(r"\{(\w+)(?:\(([\w, ]+)\))?\}")


@dataclass(frozen=True)
class Check:
    """A condition that settings must meet.

    Attributes:
        holds: A SymPy boolean over the names of the settings.
        message: The sentence shown when it does not hold. ``{name}`` is replaced by a setting's value and
            ``{divisors(a, b)}`` by the first numbers that divide all the settings named.
    """

    holds: sp.Basic
    message: str


def divisors_text(*values: int, most: int = 8) -> str:
    """The common divisors of some numbers, smallest first: ``1, 2, 4 or 8``, cut after ``most`` with an ellipsis."""
    common = math.gcd(*values)
    found = [n for n in range(1, common + 1) if common % n == 0]
    texts = [str(n) for n in found[:most]]
    if len(found) > most:
        return ", ".join(texts) + " …"
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def fill_message(message: str, values: Mapping[str, Any]) -> str:
    """Put values into a check's message (the browser does the same, from the same template)."""

    def fill(match: re.Match) -> str:
        name, arguments = match.groups()
        if arguments is None:
            return str(values[name])
        return divisors_text(*(values[argument.strip()] for argument in arguments.split(",")))

    return _FIELD.sub(fill, message)
