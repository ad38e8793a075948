"""The three kinds of exercises, as declarations: a number, a piece of code, a choice that an experiment decides.

Texts are Markdown: paragraphs, lists, fenced code, ``**strong**``, ``*emphasis*``, `` `code` ``, ``$mathematics$``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from numbers import Integral, Real
from string import ascii_lowercase
from typing import Any, ClassVar

from lightnets_edu.pages.exercise.reading import show_number, with_unit


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer, and what to say about it.

    Attributes:
        wrong: For a number: a function without arguments that computes the wrong number. For code: the wrong answer
            itself, such as a function with the typical slip.
        hint: What the reader probably did, and what to look at; it does not give the answer away.
    """

    wrong: Callable[..., Any]
    hint: str

    @classmethod
    def flops(cls, macs: Callable[[], int]) -> Mistake:
        """FLOPs where MACs are asked for."""
        return cls(lambda: 2 * macs(), "That is twice the MACs: you counted FLOPs.")


@dataclass(frozen=True)
class Comparison:
    """One case that a reader's code was tried on.

    Attributes:
        label: The case, in words or as a call.
        expected: What is right.
        got: What the reader's code gave.
        tolerance: How far numbers (also inside tensors, lists and tuples) may be off, relative to what is expected.
            Two whole numbers are compared exactly.
    """

    label: str
    expected: Any
    got: Any
    tolerance: float = 1e-6

    @property
    def equal(self) -> bool:
        """Whether both are the same."""
        return same(self.expected, self.got, self.tolerance)

    @classmethod
    def of_calls(
        cls, right: Callable[..., Any], cases: Mapping[str, Sequence[Any]], tolerance: float = 1e-6
    ) -> Callable[[Any], list[Comparison]]:
        """A `CodeExercise.judge` that calls the right function and the reader's with the same arguments.

        Args:
            right: The function that is right.
            cases: From each case's label to the arguments.
            tolerance: The tolerance of each comparison.
        """
        return lambda answer: [cls(label, right(*case), answer(*case), tolerance) for label, case in cases.items()]


@dataclass(frozen=True)
class Option:
    """One answer of a choice.

    Attributes:
        text: The answer, one line of Markdown.
        feedback: Why it is right, or why not.
        right: Whether it is the right one.
    """

    text: str
    feedback: str
    right: bool = False


@dataclass(frozen=True, kw_only=True)
class _Exercise:
    """What all kinds share.

    Attributes:
        name: Unique in the book, in snake_case.
        question: What is asked.
        hint: For a wrong answer that nothing else explains: what to look at first.
        solution: The way to the answer.
    """

    #: Two or three words that follow the exercise's number.
    kind: ClassVar[str]

    name: str
    question: str
    hint: str
    solution: str

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name != self.name.lower():
            raise ValueError(f"an exercise's name should be in snake_case instead of {self.name!r}")
        for field in ("question", "hint", "solution"):
            if not getattr(self, field).strip():
                raise ValueError(f"exercise {self.name!r} needs a {field}")


@dataclass(frozen=True, kw_only=True)
class NumberExercise(_Exercise):
    """The answer is one number.

    Attributes:
        answer: Computes the right number, from a formula or a count.
        unit: What the number counts, such as ``MACs``, ``%`` or ``times``; readers may write it or leave it out.
        tolerance: How far an answer may be off, relative to the right one; 0 wants the exact whole number.
        mistakes: Typical wrong numbers.
        solution: Markdown; ``{answer}`` becomes the right number.
    """

    kind: ClassVar[str] = "a number"

    answer: Callable[..., float | Fraction]
    unit: str = ""
    tolerance: float = 0.0
    mistakes: tuple[Mistake, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance of {self.name!r} should be from 0 to below 1 instead of {self.tolerance}")

    @cached_property
    def expected(self) -> float:
        """The right number, as the double that an answer is compared with.

        Raises:
            ValueError: If an exact number is wanted and this one is not whole, or too large for a browser.
        """
        answer = self.answer()
        exact = Fraction(answer)
        if not self.tolerance and (exact != int(exact) or abs(exact) >= 2**53):
            raise ValueError(f"{self.name!r} wants an exact whole number below 2**53, but its answer is {answer}")
        return float(exact)

    @property
    def shown(self) -> str:
        """The right number as readers see it: exact, or with four digits if answers may be off."""
        return with_unit(show_number(self.expected, digits=4 if self.tolerance else None), self.unit)


@dataclass(frozen=True, kw_only=True)
class CodeExercise(_Exercise):
    """The answer is code: a function, a class, a module or whatever ``judge`` tries.

    Attributes:
        judge: Tries an answer on several cases.
        solution: A program that sets ``answer``.
        mistakes: Typical wrong answers; recognised if ``judge`` gets the same from them as from the reader's.
    """

    kind: ClassVar[str] = "write code"

    judge: Callable[[Any], Sequence[Comparison]]
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ChoiceExercise(_Exercise):
    """The answer is one of a few; the question says which experiment decides.

    Attributes:
        options: The answers, exactly one of them right; ``check(name, "a")`` chooses the first.
    """

    kind: ClassVar[str] = "find out"

    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(option.right for option in self.options) != 1 or len(self.options) < 2:
            raise ValueError(f"exercise {self.name!r} needs exactly one right option, and at least one that is not")
        if silent := [key for key, option in self.by_letter.items() if not option.feedback.strip()]:
            raise ValueError(f"option {silent[0]!r} of exercise {self.name!r} needs feedback")

    @property
    def by_letter(self) -> dict[str, Option]:
        """The options with the letters that choose them."""
        return dict(zip(ascii_lowercase, self.options, strict=False))


Exercise = NumberExercise | CodeExercise | ChoiceExercise


def same(expected: Any, got: Any, tolerance: float) -> bool:
    """Whether two values are the same: whole numbers exactly, others up to a relative tolerance, shapes alike."""
    if hasattr(expected, "tolist") or hasattr(got, "tolist"):  # tensors and arrays
        return same(_plain(expected), _plain(got), tolerance)
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        return len(expected) == len(got) and all(same(e, g, tolerance) for e, g in zip(expected, got, strict=True))
    if isinstance(expected, Real) and isinstance(got, Real):
        if isinstance(expected, Integral) and isinstance(got, Integral):
            return expected == got
        return math.isclose(expected, got, rel_tol=tolerance, abs_tol=1e-9)  # the latter for an expected 0.0
    try:
        return bool(expected == got)
    except Exception:  # whatever a reader's object does when it is compared
        return False


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
