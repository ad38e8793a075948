"""Exercises that check themselves: in Jupyter and Colab with Python, in a built page without.

A chapter declares them in the tuple ``EXERCISES`` of its module ``exercises`` (see `kinds`). ``exercise("name")`` shows
one, ``check("name", answer)`` says whether an answer is right.
"""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from typing import Any

from lightnets_edu.discovery import chapter_modules
from lightnets_edu.pages.exercise.judging import Judgement, judge
from lightnets_edu.pages.exercise.kinds import Exercise, NumberExercise
from lightnets_edu.pages.exercise.shown import ShownExercise, Verdict

__all__ = ["check", "exercise", "get_exercise", "list_exercises"]


@cache
def _exercises() -> dict[str, ShownExercise]:
    """Every exercise by its name, with its number in its chapter."""
    found: dict[str, ShownExercise] = {}
    for module in chapter_modules("exercises"):
        declared = importlib.import_module(module).EXERCISES
        for number, one in enumerate(declared, 1):
            if one.name in found:
                raise TypeError(f"two exercises have the name {one.name!r}; the second is in {module}")
            found[one.name] = ShownExercise(one, number)
    return found


def list_exercises() -> list[str]:
    """The names of all exercises, in alphabetical order."""
    return sorted(_exercises())


def _find(name: str) -> ShownExercise:
    exercises, name = _exercises(), str(name)
    if name not in exercises:
        near = difflib.get_close_matches(name, exercises, n=1, cutoff=0)
        raise ValueError(f"there is no exercise {name!r}; did you mean {near[0]!r}?")
    return exercises[name]


def get_exercise(name: str) -> Exercise:
    """An exercise as it was declared.

    Raises:
        ValueError: If there is no such exercise; the sentence names the nearest.
    """
    return _find(name).exercise


def exercise(name: str) -> ShownExercise:
    """Show an exercise: the question, a form where no Python runs, and the folded solution.

    Raises:
        ValueError: If there is no such exercise; the sentence names the nearest.
    """
    return _find(name)


def check(name: str, answer: Any) -> Verdict:
    """Say whether an answer is right; ``...`` and None wait for one.

    Args:
        name: The exercise's name.
        answer: What the question asks for: a number (or a text such as ``"569 M"``), an option's letter, a list of
            letters in order, or code. A text for code is taken for the expression that fills the blank of the page.
    """
    try:
        asked = get_exercise(name)
    except ValueError as error:
        sentence = str(error)
        return Verdict(Judgement("failed", f"{sentence[0].upper()}{sentence[1:]}"))
    found = judge(asked, answer)
    unfolded = asked.shown if isinstance(asked, NumberExercise) and found.status == "failed" else ""
    return Verdict(found, unfolded)
