"""An answer against an exercise: passed or failed, in a sentence. ``judging.js`` forms the same sentences."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from lightnets_edu.pages.exercise.expressions import NotReadError
from lightnets_edu.pages.exercise.kinds import (
    COUNTS,
    Blank,
    ChoiceExercise,
    CodeExercise,
    Comparison,
    Exercise,
    Mistake,
    NumberExercise,
    RankingExercise,
    half_unit,
    same,
)
from lightnets_edu.pages.exercise.reading import LONGEST, NOT_READ, how_far, read_answer, read_formula

#: What page and notebook say; the script of the page gets them from here.
SENTENCES = {
    "waiting": "Waiting for your answer.",
    "passed": "Passed.",
    "failed": "Not yet.",
    "right": "Passed: the answer is {answer}.",
    "close": "Passed: close enough to {answer}.",
    "wrong": "Not yet: your number, {got}, is {how_far}.",
    "rounded": "Every digit counts here: give the exact whole number.",
    "coarse": "Nearly, but {digits} are asked for: work it out more exactly, or round less.",
    "ordered": "Passed: every neighbour stands in its place.",
    "unordered": "Not yet: the wrong way round are {pairs}.",
    "agrees": "Passed: it agrees in all {count} settings.",
    "differs": "Not yet: for {setting} it is {how_far}.",
    "undefined": "Not yet: for {setting} it has no value, or one that is too large.",
    "unknown_name": "“{part}” is not one of the names: {names}.",
    "no_formula": "“{got}” cannot be read as a formula. Write it like 2 * a + b / c^2, with a sign for each product.",
    **NOT_READ,
}
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
    if isinstance(exercise, RankingExercise):
        return _judge_ranking(exercise, answer)
    if isinstance(answer, str):
        return _judge_blank(exercise.blank, answer.strip())
    return _judge_code(exercise, answer)


def _judge_number(exercise: NumberExercise, answer: Any) -> Judgement:
    expected, shown = exercise.expected, exercise.shown
    try:
        numbers, got = read_answer(answer, exercise.unit)
    except Exception as error:  # not only ValueError: a tensor of many numbers has no item
        got = _shorten(answer.strip()) if isinstance(answer, str) else show_value(answer)
        kind, part = (error.kind, error.part) if isinstance(error, NotReadError) else ("unreadable", "")
        return Judgement("failed", SENTENCES[kind].format(got=got, part=part, unit=exercise.unit))
    if expected in numbers:
        return Judgement("passed", SENTENCES["right"].format(answer=shown), got=got)
    if any(is_near(number, expected, exercise.digits) for number in numbers):
        return Judgement("passed", SENTENCES["close"].format(answer=shown), got=got)
    made = ((n, m.hint) for m in exercise.mistakes for n in numbers if is_near(n, float(m.wrong()), exercise.digits))
    number, hint = next(made, (numbers[0], ""))
    said = SENTENCES["wrong"].format(got=got, how_far=how_far(number, expected))
    nearly = abs(number - expected) <= nearly_limit(expected, exercise.digits)
    return Judgement("failed", said, hint or (coarse_sentence(exercise.digits) if nearly else exercise.hint), got)


def nearly_limit(expected: float, digits: int) -> float:
    """How far a number may be off to be called not exact enough: one digit less; 1 % where it has to be exact."""
    return half_unit(expected, digits - 1) if digits > 1 else 0.0 if digits else abs(expected) / 100


def coarse_sentence(digits: int) -> str:
    """What to say of a number that is not exact enough."""
    return SENTENCES["coarse"].format(digits=f"{COUNTS[digits]} digits") if digits else SENTENCES["rounded"]


def is_near(number: float, expected: float, digits: int) -> bool:
    """Whether a number is the expected one to so many digits."""
    return abs(number - expected) <= half_unit(expected, digits)


def _judge_ranking(exercise: RankingExercise, answer: Any) -> Judgement:
    listed = answer if isinstance(answer, list | tuple) else re.findall(r"\w", str(answer))
    letters = [str(letter).strip().lower() for letter in listed]
    known = list(exercise.by_letter)
    if sorted(letters) != known:
        wanted = ", ".join(f'"{letter}"' for letter in known)
        return Judgement("failed", f"{show_value(answer)} is no order: give each of the letters {wanted} once.")
    place = {letter: index for index, letter in enumerate(exercise.order)}
    wrong = [f"{a} and {b}" for a, b in pairwise(letters) if place[a] > place[b]]
    got = " ".join(letters)
    if not wrong:
        return Judgement("passed", SENTENCES["ordered"], got=got)
    return Judgement("failed", SENTENCES["unordered"].format(pairs="; ".join(wrong)), exercise.hint, got)


def _judge_blank(blank: Blank, written: str) -> Judgement:
    """An expression for a line's blank, tried on every setting."""
    got, values = _shorten(written), []
    for setting, label in zip(blank.settings, blank.labels, strict=True):
        try:
            values.append(read_formula(written, setting))
        except NotReadError as error:
            names = ", ".join(blank.names)
            kind = {"no_value": "undefined", "unknown_name": "unknown_name"}.get(error.kind, "no_formula")
            said = SENTENCES[kind].format(setting=label, part=error.part, names=names, got=got)
            return Judgement("failed", said, blank.hint if kind == "undefined" else "")
    wrong = [index for index, value in enumerate(values) if not agrees(value, blank.expected[index])]
    if not wrong:
        return Judgement("passed", SENTENCES["agrees"].format(count=len(values)))
    first = wrong[0]
    made = (hint for text, hint in blank.mistakes if all(map(agrees, values, blank.values(text))))
    expected = blank.expected[first]
    truth = "false instead of true" if expected else "true instead of false"
    far = truth if isinstance(expected, bool) else how_far(values[first], expected)
    said = SENTENCES["differs"].format(setting=blank.labels[first], how_far=far)
    return Judgement("failed", said, next(made, blank.hint))


def agrees(value: float, expected: float | bool) -> bool:
    """Whether two values of a formula are the same, up to the rounding of doubles; a truth is 1 or 0."""
    return abs(value - expected) <= 1e-9 * abs(expected)


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
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
