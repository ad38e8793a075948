"""An answer against an exercise: passed or failed, in a sentence. ``judging.js`` forms the same sentences."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightnets_edu.pages.exercise.kinds import (
    ChoiceExercise,
    CodeExercise,
    Comparison,
    Exercise,
    Mistake,
    NumberExercise,
    same,
)
from lightnets_edu.pages.exercise.reading import how_far, read_answer

#: What page and notebook say; the script of the page gets them from here.
SENTENCES = {
    "waiting": "Waiting for your answer.",
    "passed": "Passed.",
    "failed": "Not yet.",
    "right": "Passed: the answer is {answer}.",
    "close": "Passed: close enough to {answer}.",
    "wrong": "Not yet: your number, {got}, is {how_far}.",
    "rounded": "Every digit counts here: give the exact whole number.",
    "unreadable": "“{got}” cannot be read as a number. Write it like 1234, 1,234, 5.2e6, 1/3 or 569 M.",
}
_LONGEST = 200
_NOT_THE_READERS = (str(Path(__file__).resolve().parents[2]), sysconfig.get_paths()["stdlib"], "-packages")


@dataclass(frozen=True)
class Judgement:
    """What `judge` found.

    Attributes:
        status: ``passed``, ``failed`` or ``waiting``.
        said: The verdict, plain text.
        hint: What else there is to say, one line of Markdown.
        got: A number or a choice as it was understood.
        comparisons: The cases that code was tried on.
    """

    status: str
    said: str
    hint: str = ""
    got: str = ""
    comparisons: tuple[Comparison, ...] = ()


def judge(exercise: Exercise, answer: Any) -> Judgement:
    """Compare an answer with what is right. Nothing that a reader passes makes this fail."""
    if answer is None or answer is ... or (isinstance(answer, str) and not answer.strip()):
        return Judgement("waiting", SENTENCES["waiting"])
    if isinstance(exercise, NumberExercise):
        return _judge_number(exercise, answer)
    if isinstance(exercise, ChoiceExercise):
        return _judge_choice(exercise, answer)
    return _judge_code(exercise, answer)


def _judge_number(exercise: NumberExercise, answer: Any) -> Judgement:
    try:
        number, got = read_answer(answer, exercise.unit)
    except Exception:  # not only ValueError: a tensor of many numbers has no item
        got = _shorten(answer.strip()) if isinstance(answer, str) else show_value(answer)
        return Judgement("failed", SENTENCES["unreadable"].format(got=got))
    expected, shown = exercise.expected, exercise.shown
    if number == expected:
        return Judgement("passed", SENTENCES["right"].format(answer=shown), got=got)
    if is_near(number, expected, exercise.tolerance):
        return Judgement("passed", SENTENCES["close"].format(answer=shown), got=got)
    made = [m.hint for m in exercise.mistakes if is_near(number, float(m.wrong()), exercise.tolerance)]
    rounded = not exercise.tolerance and is_near(number, expected, 0.01)
    hint = made[0] if made else SENTENCES["rounded"] if rounded else exercise.hint
    said = SENTENCES["wrong"].format(got=got, how_far=how_far(number, expected))
    return Judgement("failed", said, hint, got)


def is_near(number: float, expected: float, tolerance: float) -> bool:
    """Whether a number is within a relative tolerance."""
    return abs(number - expected) <= tolerance * abs(expected)


def _judge_choice(exercise: ChoiceExercise, answer: Any) -> Judgement:
    key = str(answer).strip().lower()
    chosen = exercise.by_letter.get(key)
    if chosen is None:
        known = ", ".join(f'"{letter}"' for letter in exercise.by_letter)
        return Judgement("failed", f"{show_value(answer)} is not one of the options: {known}.")
    status = "passed" if chosen.right else "failed"
    return Judgement(status, SENTENCES[status], chosen.feedback, key)


def _judge_code(exercise: CodeExercise, answer: Any) -> Judgement:
    try:
        cases = tuple(exercise.judge(answer))
    except Exception as error:
        return Judgement("failed", f"Not yet: your code stopped with {_say_error(error)}.", exercise.hint)
    if all(case.got is None or case.got is ... for case in cases):
        return Judgement("waiting", f"{SENTENCES['waiting']} So far your code returns nothing.")
    wrong = [case for case in cases if not case.equal]
    if not wrong:
        return Judgement("passed", f"Passed: all {len(cases)} cases agree.", comparisons=cases)
    hint = next((m.hint for m in exercise.mistakes if _gives_the_same(exercise.judge, m, cases)), exercise.hint)
    return Judgement("failed", f"Not yet: {len(wrong)} of {len(cases)} cases differ.", hint, comparisons=cases)


def _gives_the_same(judge: Callable[[Any], Sequence[Comparison]], mistake: Mistake, cases: tuple) -> bool:
    made = judge(mistake.wrong)
    return len(made) == len(cases) and all(
        same(one.got, other.got, other.tolerance) for one, other in zip(made, cases, strict=True)
    )


def _say_error(error: Exception) -> str:
    """The error, and the line of the reader's code that it came from, if one did."""
    message = f"{type(error).__name__}: {error}".strip().rstrip(".:").split("\n")[0]
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not any(part in frame.filename for part in _NOT_THE_READERS)]
    where = f" (line {own[-1].lineno}, in {own[-1].name})" if own else ""
    return f"“{_shorten(message)}”{where}"


def show_value(value: Any) -> str:
    """A value in a table, shortened."""
    if hasattr(value, "tolist"):
        size = "×".join(map(str, value.shape)) or "one number"
        first = ", ".join(show_value(number) for number in value.flatten()[:8].tolist())
        return f"{type(value).__name__.lower()}, {size}: {first}{', …' if len(value.flatten()) > 8 else ''}"
    if isinstance(value, int) and not isinstance(value, bool):
        return _shorten(f"{value:,}")
    if isinstance(value, float):
        return f"{value:,.6g}"
    try:
        return _shorten(repr(value))
    except Exception:  # whatever a reader's object does when it is printed
        return f"a {type(value).__name__}"


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
