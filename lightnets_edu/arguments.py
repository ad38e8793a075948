"""What is typed on a command line, and the values that it stands for."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Container, Sequence
from typing import Any

from lightnets_edu.checks import TRUTH, truth_value

_BEYOND = 2**31  # larger than any number that a network can be built with


def pair(text: str) -> tuple[str, str]:
    """``width_mult=0.5`` -> ("width_mult", "0.5").

    Raises:
        argparse.ArgumentTypeError: If there is no equals sign, or nothing before it.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} should have the form option=value, such as width_mult=0.5")
    return name, value.strip()


def switch(text: str) -> bool:
    """``off`` -> False.

    Raises:
        argparse.ArgumentTypeError: If it is no word for a truth value.
    """
    try:
        return truth_value("it", text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def number_formats(text: str) -> str:
    """Formats for automatic mixed precision, with commas between: ``no`` -> "off", ``yes`` -> "auto"."""
    words = {True: "auto", False: "off"}
    return ",".join(words[TRUTH[part]] if (part := each.strip().lower()) in TRUTH else part for each in text.split(","))


def with_values(arguments: Sequence[str], switches: Container[str]) -> list[str]:
    """The arguments with a value for each switch: the word after it if that is yes or no, else yes.

    So a network's name may follow a switch, which has nothing to do with it.
    """
    given = list(arguments)[::-1]
    complete = []
    while given:
        argument = given.pop()
        if argument in switches:
            argument += f"={given.pop() if given and given[-1].lower() in TRUTH else 'yes'}"
        complete.append(argument)
    return complete


def literal(text: str) -> Any:
    """What is no Python number, truth value or None is a string."""
    try:
        return ast.literal_eval(text.title() if text.lower() in ("true", "false", "none") else text)
    except (ValueError, SyntaxError):
        return text


def like(default: Any, name: str, text: str) -> Any:
    """An option's value of the kind of its default: a truth value, a string or a number; anything if that is None.

    Args:
        default: The option's default.
        name: The option, for the sentence.
        text: What was typed.

    Raises:
        ValueError: If the text is no such value.
    """
    if isinstance(default, bool):
        return truth_value(name, text)
    if not isinstance(default, int | float):
        return text if isinstance(default, str) else literal(text)
    kind = "whole number" if isinstance(default, int) else "number"
    try:
        value = type(default)(text)
    except ValueError:
        raise ValueError(f"{name} should be a {kind} instead of {text!r}") from None
    if not abs(value) < _BEYOND:  # as nan is not
        raise ValueError(f"{name} should be a {kind} below {_BEYOND:,} instead of {text!r}")
    return value
