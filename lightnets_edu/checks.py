"""Checks of single values, with sentences that say what is allowed."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable
from typing import Any

#: The words for yes and no.
TRUTH = {**dict.fromkeys(("yes", "true", "on", "1"), True), **dict.fromkeys(("no", "false", "off", "0"), False)}


def truth_value(name: str, value: object) -> bool:
    """Return the truth value that ``value`` is, or is a word for: ``True``, ``1``, ``"yes"`` or ``"On"``.

    Raises:
        ValueError: If it is none.
    """
    word = str(value).strip().lower()
    if word not in TRUTH:
        raise ValueError(f"{name} should be yes or no (or true, false, on, off, 1, 0) instead of {value!r}")
    return TRUTH[word]


def whole_number(name: str, value: Any, minimum: int, maximum: int | None = None, why: str = "") -> int:
    """Return ``value`` as an int, or say why it cannot be one.

    Raises:
        ValueError: If it is no whole number (``True`` and ``2.0`` are none), or outside ``minimum`` … ``maximum``.
            ``why`` is the end of the sentence.
    """
    within = "" if maximum is None else f"from {minimum} to {maximum}"
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} should be {f'a whole number {within}'.rstrip()} instead of {value!r}{why}") from None
    if number < minimum or (maximum is not None and number > maximum):
        raise ValueError(f"{name} should be {within or f'at least {minimum}'} instead of {number}{why}")
    return number


def real_number(name: str, value: object, allowed: str, within: tuple[float, float], open_low: bool = False) -> float:
    """Return ``value`` as a float within ``within[0]`` (included unless ``open_low``) and ``within[1]``
    (excluded).

    Raises:
        ValueError: If it is no finite number or lies outside. ``allowed`` is the end of the sentence.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}={value!r} is not a number: it must be {allowed}.")
    low, high = within
    if not math.isfinite(value) or value < low or value >= high or (open_low and value == low):
        raise ValueError(f"{name}={value!r} is out of range: it must be {allowed}.")
    return float(value)


def one_of(name: str, value: object, allowed: Iterable[object]) -> None:
    """Check that ``value`` is one of a few choices.

    Raises:
        ValueError: If it is not; the sentence lists the choices and names the nearest one.
    """
    choices = list(allowed)
    if any(value is choice or (value == choice and type(value) is type(choice)) for choice in choices):
        return
    listed = ", ".join(repr(choice) for choice in choices)
    raise ValueError(f"{name}={value!r} is unknown: choose one of {listed}{_nearest(value, choices)}.")


def _nearest(value: object, choices: list[object]) -> str:
    close = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
