"""The kinds of exercises, as declarations: a number, a piece of code, a choice that an experiment decides, a ranking.

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

from lightnets_edu.pages.exercise.reading import read_formula, show_number, with_unit


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
        digits: How many digits of the right number are asked for, see `half_unit`; 0 wants the exact whole number.
        mistakes: Typical wrong numbers.
        solution: Markdown; ``{answer}`` becomes the right number.
    """

    kind: ClassVar[str] = "a number"

    answer: Callable[..., float | Fraction]
    unit: str = ""
    digits: int = 0
    mistakes: tuple[Mistake, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.digits <= 6:
            raise ValueError(f"digits of {self.name!r} should be from 0 (exactly) to 6 instead of {self.digits}")

    @cached_property
    def expected(self) -> float:
        """The right number, as the double that an answer is compared with.

        Raises:
            ValueError: If an exact number is wanted and this one is not whole, or too large for a browser.
        """
        answer = self.answer()
        exact = Fraction(answer)
        if not self.digits and (exact != int(exact) or abs(exact) >= 2**53):
            raise ValueError(f"{self.name!r} wants an exact whole number below 2**53, but its answer is {answer}")
        return float(exact)

    @property
    def shown(self) -> str:
        """The right number as readers see it: exact, or with at least four digits and one more than is asked for."""
        return with_unit(show_number(self.expected, digits=max(4, self.digits + 1) if self.digits else None), self.unit)

    @property
    def precision(self) -> str:
        """How exact an answer has to be, in words."""
        return f"to {COUNTS[self.digits]} digit{'s' if self.digits > 1 else ''}" if self.digits else "exactly"


COUNTS = ("no", "one", "two", "three", "four", "five", "six")


def half_unit(number: float, digits: int) -> float:
    """How far an answer may be from a number: the one place where this is said.

    An answer passes if it is within half a unit of the last digit that is asked for. So 18 and 17.98 pass for 17.978
    where two digits are asked for, and 10.6 does not for 10.667 where three are. With 0 digits the answer has to be
    the number; what is left is the rounding of a double in a sum or a product that a reader wrote.
    """
    if not digits:
        return 1e-12 * abs(number)
    place = math.floor(math.log10(abs(number))) if number else 0
    return 10.0 ** (place - digits + 1) / 2 * (1 + 1e-9)


@dataclass(frozen=True, kw_only=True)
class Blank:
    """A line with a blank, for a page that cannot try code: the reader writes an expression of named numbers.

    Attributes:
        line: The line of code or of a formula, with ``____`` for the blank.
        lead: What the line says, and what its names mean; Markdown.
        right: The right value, a number or a truth, from the named numbers.
        settings: The named numbers that an expression is tried on; all have the same names.
        solution: An expression that is right.
        mistakes: Typical wrong expressions, and what to say about each.
        hint: For a wrong expression that none of these explains.
    """

    line: str
    lead: str
    right: Callable[..., float | bool]
    settings: tuple[Mapping[str, float], ...]
    solution: str
    mistakes: tuple[tuple[str, str], ...]
    hint: str

    def __post_init__(self) -> None:
        if self.line.count("____") != 1:
            raise ValueError(f"the line should have one blank, ____, instead of {self.line!r}")
        if len({frozenset(one) for one in self.settings}) != 1 or len(self.settings) < 2:
            raise ValueError("a blank needs at least two settings, all with the same names")

    @property
    def names(self) -> tuple[str, ...]:
        """The names that an expression may contain."""
        return tuple(self.settings[0])

    @cached_property
    def expected(self) -> tuple[float | bool, ...]:
        """The right values, one a setting."""
        values = (self.right(**one) for one in self.settings)
        return tuple(value if isinstance(value, bool) else float(value) for value in values)

    @property
    def labels(self) -> tuple[str, ...]:
        """Each setting in words."""
        return tuple(", ".join(f"{name} = {value:,}" for name, value in one.items()) for one in self.settings)

    def values(self, expression: str) -> tuple[float, ...]:
        """The expression's value at each setting.

        Raises:
            NotReadError: If it is no expression of the names, or has no value at a setting.
        """
        return tuple(read_formula(expression, one) for one in self.settings)


@dataclass(frozen=True, kw_only=True)
class CodeExercise(_Exercise):
    """The answer is code: a function, a class, a module or whatever ``judge`` tries.

    Attributes:
        judge: Tries an answer on several cases.
        blank: What a page without Python asks instead.
        solution: A program that sets ``answer``.
        mistakes: Typical wrong answers; recognised if ``judge`` gets the same from them as from the reader's.
    """

    kind: ClassVar[str] = "write code"

    judge: Callable[[Any], Sequence[Comparison]]
    blank: Blank
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


@dataclass(frozen=True)
class Item:
    """One thing to be put in its place.

    Attributes:
        text: What it is, one line of Markdown; it does not say its number.
        value: Computes the number that it is ranked by.
    """

    text: str
    value: Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class RankingExercise(_Exercise):
    """The answer is an order.

    Attributes:
        items: What is to be ordered, as it is shown at first: not in the right order.
        first: What stands at the top and what at the bottom, such as ``fewest MACs first``.
        largest_first: Whether the largest number comes first.
        unit: What the items' numbers count.
        solution: Markdown; ``{order}`` becomes the items in the right order, with their numbers.
    """

    kind: ClassVar[str] = "put in order"

    items: tuple[Item, ...]
    first: str
    largest_first: bool = False
    unit: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.items) < 3:
            raise ValueError(f"exercise {self.name!r} needs at least three items instead of {len(self.items)}")

    @property
    def by_letter(self) -> dict[str, Item]:
        """The items with their letters."""
        return dict(zip(ascii_lowercase, self.items, strict=False))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The letters in the right order.

        Raises:
            ValueError: If two items have the same number, or the items are shown in the right order.
        """
        values = {letter: float(item.value()) for letter, item in self.by_letter.items()}
        if len(set(values.values())) < len(values):
            raise ValueError(f"two items of {self.name!r} have the same number, so they have no order: {values}")
        order = tuple(sorted(values, key=lambda letter: values[letter], reverse=self.largest_first))
        if order == tuple(values):
            raise ValueError(f"the items of {self.name!r} are shown in the right order: declare them in another")
        return order

    @property
    def shown(self) -> str:
        """The right order with the items' numbers, as a list in Markdown."""
        lines = []
        for letter in self.order:
            item = self.by_letter[letter]
            value = float(item.value())
            number = show_number(value, None if value.is_integer() else 4)
            lines.append(f"- **{letter}** {item.text}: {with_unit(number, self.unit)}")
        return "\n".join(lines)


Exercise = NumberExercise | CodeExercise | ChoiceExercise | RankingExercise


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


def settings(names: str, *rows: Sequence[float]) -> tuple[dict[str, float], ...]:
    """Named numbers from a table: ``settings("a b", (1, 2), (3, 4))`` is ``({"a": 1, "b": 2}, {"a": 3, "b": 4})``."""
    return tuple(dict(zip(names.split(), row, strict=True)) for row in rows)
