"""Exercises: what is declared holds together, Python judges kindly, and the page says the same as Python."""

from __future__ import annotations

import json
import math
import random
import re
import sys
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from lightnets_edu.pages import check, exercise
from lightnets_edu.pages.exercise import get_exercise, list_exercises
from lightnets_edu.pages.exercise.expressions import NotReadError
from lightnets_edu.pages.exercise.judging import SENTENCES, judge
from lightnets_edu.pages.exercise.kinds import (
    Blank,
    ChoiceExercise,
    CodeExercise,
    Comparison,
    Exercise,
    Item,
    Mistake,
    NumberExercise,
    Option,
    RankingExercise,
    half_unit,
    settings,
)
from lightnets_edu.pages.exercise.markdown import inline_html, to_html
from lightnets_edu.pages.exercise.reading import how_far, read_answer, read_formula, read_text, show_number
from lightnets_edu.pages.exercise.shown import ShownExercise, Verdict, exercise_script

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = list_exercises()
OF_KIND = {
    kind: [n for n in NAMES if isinstance(get_exercise(n), kind)]
    for kind in (NumberExercise, CodeExercise, ChoiceExercise, RankingExercise)
}
TEXTS = {"question": "q", "hint": "h", "solution": "s"}
COUNT = NumberExercise(
    name="count",
    question="How *many* `<b>` are $a < b$?",
    answer=lambda: 1_000_000,
    unit="MACs",
    hint="Look at $C_i$ & think.",
    mistakes=(Mistake(lambda: 2_000_000, "You counted FLOPs."),),
    solution="It is {answer}, as ${x}^2$.",
)
PER_CENT = Mistake(lambda: Fraction(1, 9), "Per cent.")
SHARE = NumberExercise(name="share", answer=lambda: Fraction(100, 9), unit="%", digits=3, mistakes=(PER_CENT,), **TEXTS)
OPTIONS = (Option("yes <i>", "Why $x_1$ not."), Option("no", "Right, `x`.", right=True))
CHOICE = ChoiceExercise(name="choice", options=OPTIONS, **TEXTS)
BLANK = Blank(
    line="twice = ____",
    lead="Twice `n`, with `m` beside it.",
    right=lambda n, m: 2 * n,
    settings=settings("n m", (1, 5), (2, 7), (3.5, 1)),
    solution="2 * n",
    mistakes=(("n^2", "You squared it."), ("n * m", "Leave `m` out.")),
    hint="Look *again*.",
)
TRUTH = Blank(
    line="if ____:",
    lead="Whether `a` is below `b`.",
    right=lambda a, b: a < b,
    settings=settings("a b", (1, 2), (2, 2), (3, 2)),
    solution="a < b",
    mistakes=(("a <= b", "Equal is not below."),),
    hint="Compare.",
)
RANKING = RankingExercise(
    name="ranking",
    items=(Item("two <i>", lambda: 2), Item("three", lambda: 3.0), Item("one, $x_1$", lambda: Fraction(1))),
    first="smallest first",
    unit="MACs",
    **TEXTS | {"solution": "So it is:\n\n{order}"},
)
CODE = CodeExercise(
    name="code",
    blank=BLANK,
    judge=Comparison.of_calls(lambda n: 2 * n, {f"double({n})": (n,) for n in (0, 2, 5)}),
    mistakes=(Mistake(lambda n: n * n, "You squared it."),),
    **TEXTS | {"hint": "Look again."},
)


# ---- Every declared exercise ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_KIND[NumberExercise])
def test_numbers_accept_the_answer_and_know_the_mistakes(name):
    one = get_exercise(name)
    assert check(name, one.answer()).passed and check(name, str(float(one.answer()))).passed
    assert len(one.mistakes) >= 2, "a hint should aim at the likely mistake"
    for mistake in one.mistakes:
        verdict = check(name, float(mistake.wrong()))
        assert not verdict.passed and verdict.judgement.hint == mistake.hint
        assert not re.search(rf"(?<![\d.,]){re.escape(one.shown)}", str(verdict)), (
            "a wrong answer must not give the right one away"
        )


@pytest.mark.parametrize("name", OF_KIND[CodeExercise])
def test_code_accepts_the_solution_and_knows_the_mistakes(name):
    one = get_exercise(name)
    program: dict = {}
    exec(one.solution, program)
    assert check(name, program["answer"]).passed, check(name, program["answer"])
    assert one.mistakes
    for mistake in one.mistakes:
        verdict = check(name, mistake.wrong)
        assert not verdict.passed and verdict.judgement.hint == mistake.hint
    assert check(name, lambda *args, **kwargs: ...).judgement.status == "waiting", "an empty function waits"
    assert not check(name, lambda *args, **kwargs: 1 / 0).passed
    assert not check(name, "a text").passed


@pytest.mark.parametrize("name", OF_KIND[CodeExercise])
def test_blanks_accept_the_solution_and_know_the_mistakes(name):
    blank = get_exercise(name).blank
    assert check(name, blank.solution).passed, check(name, blank.solution)
    assert len(blank.mistakes) >= 2, "a hint should aim at the likely mistake"
    for expression, hint in blank.mistakes:
        verdict = check(name, expression)
        assert not verdict.passed and verdict.judgement.hint == hint, expression
    for constant in {f"{float(value)!r}" for value in blank.expected}:
        assert not check(name, constant).passed, "the settings should tell a formula from a number"


@pytest.mark.parametrize("name", OF_KIND[RankingExercise])
def test_rankings_are_in_the_order_of_their_numbers(name):
    one = get_exercise(name)
    values = [float(one.by_letter[letter].value()) for letter in one.order]
    assert values == sorted(values, reverse=one.largest_first)
    assert all(abs(a - b) > 0.002 * max(abs(a), abs(b)) for a, b in pairwise(values)), values
    assert check(name, list(one.order)).passed and check(name, "".join(one.order).upper()).passed
    backwards = check(name, one.order[::-1])
    assert not backwards.passed and backwards.judgement.hint == one.hint
    assert backwards.judgement.said.count(" and ") == len(one.items) - 1, "every neighbour is the wrong way round"
    for wrong in ("a", [], ["a", "a", "b"], 7, "z" * len(one.items)):
        assert "give each of the letters" in check(name, wrong).judgement.said


def test_right_options_are_spread_over_the_letters():
    choices = [get_exercise(name).by_letter for name in OF_KIND[ChoiceExercise]]
    right = Counter(next(letter for letter, option in one.items() if option.right) for one in choices)
    assert max(right.values()) <= 0.4 * len(choices), right


@pytest.mark.parametrize("name", OF_KIND[ChoiceExercise])
def test_choices_say_why(name):
    one = get_exercise(name)
    for key, option in one.by_letter.items():
        verdict = check(name, f" {key.upper()} ")
        assert verdict.passed == option.right and verdict.judgement.hint == option.feedback
    assert not check(name, "none of these").passed and not check(name, 7).passed
    lengths = [len(option.text) for option in one.options]
    (right,) = (len(option.text) for option in one.options if option.right)
    assert right <= 2 * sorted(lengths)[len(lengths) // 2], "the right option should not stand out"


@pytest.mark.parametrize("name", NAMES)
def test_every_exercise_waits_and_can_be_shown(name):
    for nothing in (..., None, "", "  "):
        assert check(name, nothing).judgement.status == "waiting"
    shown = exercise(name)
    assert isinstance(shown, ShownExercise) and shown.title in str(shown)
    for text in (shown.html(), shown.markdown()):
        assert "{answer}" not in text
        assert text.count("<details") == text.count("</details>") == 1
    visible = re.sub(r"<(script|code|pre)\b.*?</\1>", "", shown.html(), flags=re.S)
    assert not re.search(r"\$|\*\*|`|(?<!\w)\*\w|\]\(|<p>(#|\d+\. |\|)", visible), "Markdown that was not understood"


@pytest.mark.parametrize("notebook", sorted(NOTEBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_chapters_show_and_check_their_exercises_in_order(notebook):
    text = notebook.read_text()
    shown = re.findall(r"^exercise\(\s*\"(\w+)\"\s*\)", text, re.M)
    checked = re.findall(r"^check\(\s*\"(\w+)\"", text, re.M)
    assert shown == checked
    assert [exercise(name).number for name in shown] == list(range(1, len(shown) + 1))
    if shown:
        assert {get_exercise(name).kind for name in shown} == {"a number", "write code", "find out", "put in order"}


# ---- Judging ----------------------------------------------------------------------------------------------------


#: A text, its unit, and what it can mean; the page has to read the same.
READ = [
    *((text, "", (number,)) for text, number in (("7", 7), ("-7.5", -7.5), ("−2", -2), ("+3", 3), (".5", 0.5))),
    *((text, "", (number,)) for text, number in (("5.", 5), ("1/8", 0.125), ("3 / 4", 0.75), ("1600/89", 1600 / 89))),
    *((text, "", (132_160,)) for text in ("132'160", "132’160", "132 160", "132_160", "132\u202f160", "132\u2009160")),
    *((text, "", (132_160, 132.16)) for text in ("132,160", "≈ 132,160")),
    ("1,234", "", (1234, 1.234)),
    *((text, "", (1234567.25,)) for text in ("1,234,567.25", "1.234.567,25", "1 234 567,25", "1'234'567.25")),
    *((text, "", (17.98,)) for text in ("≈ 17.98", "~17.98", "about 17.98", "= 17.98", "17,98", "ca. 17.98")),
    *((text, "times", (17.98,)) for text in ("17.98x", "17.98×", "17.98 x", "17.98 times", "17,98×")),
    *((text, "", (0.8,)) for text in ("0,8", "0.8", "0,800", "4/5")),
    *((text, "", (81,)) for text in ("9*9", "9·9", "9×9", "9 x 9", "9x9", "9²", "9^2", "9**2", "(9)*9")),
    *((text, "MACs", (19600,)) for text in ("28^2*25", "28**2 * 25", "28²·25", "25 × 28 × 28 MACs", "(20 + 8)^2*25")),
    *((text, "", (number,)) for text, number in (("2 + 3 * 4", 14), ("(2 + 3) * 4", 20), ("-3^2", -9), ("2^-1", 0.5))),
    *((text, "", (number,)) for text, number in (("2^3^2", 512), ("7 // 2", 3), ("8 / 2 / 2", 2), ("sqrt(16)", 4))),
    *((text, "", (5_200_000,)) for text in ("5.2e6", "5.2×10^6", "5.2 · 10**6", "5.2*10⁶", "5.2 million", "5,2 M")),
    *((text, "", (1_460_000,)) for text in ("1.46 M", "1.46M", "1.46m", "1,46 M")),
    ("0.1 K", "", (100,)),
    ("1.2 G / 600 M", "", (2,)),
    ("1e5 M", "", (1e11,)),
    ("569 M MACs", "MACs", (569e6,)),
    ("569 MMACs", "MACs", (569e6,)),
    ("1 MAC", "MACs", (1,)),
    ("12.5 %", "%", (12.5,)),
    ("12.5per cent", "%", (12.5,)),
    ("5.4 GB", "GB", (5.4,)),
    ("5400 MB", "GB", (5.4,)),
    ("70 µs", "µs", (70,)),
    ("70 μs", "ms", (0.07,)),
    ("ln(1 + 99/e)", "", (math.log(1 + 99 / math.e),)),
]
#: A text, its unit, and why it is no answer.
NOT_READ = [
    *((text, "MACs", "unreadable") for text in ("5.2 E6", "abc", "1.2.3", "nan", "inf", "٣", "M", "1,2345,6", "")),
    *((text, "MACs", "unreadable") for text in ("12 34", "(1", "1)", "2 +", "* 2", "3 4", "1;2", "__import__('os')")),
    *((text, "MACs", "unreadable") for text in ("9" * 201, "(" * 199, "min(1)", "sqrt(1, 2)", "5 < 6", "x" * 30)),
    *((text, "MACs", "no_value") for text in ("1/0", "1e999", "9^9^9^9", "(-8)^(1/3)", "sqrt(-1)", "1/exp(1e4)")),
    *((text, "MACs", "unit") for text in ("12 apples", "12 %", "3 ms", "17.98x", "5.4 GB")),
    ("3 MACs", "%", "unit"),
    ("12 %", "times", "unit"),
    ("12 %", "", "no_unit"),
]


@pytest.mark.parametrize(("text", "unit", "numbers"), READ)
def test_reading_numbers(text, unit, numbers):
    assert read_text(text, unit) == pytest.approx(numbers, rel=1e-15)
    if text.strip("≈~ ") == text:
        exact = NumberExercise(name="a", answer=lambda: 8, unit=unit, **TEXTS)
        assert "read" not in judge(exact, text).said and "fit" not in judge(exact, text).said


@pytest.mark.parametrize(("text", "unit", "kind"), NOT_READ)
def test_what_is_no_number(text, unit, kind):
    with pytest.raises(NotReadError) as caught:
        read_text(text, unit)
    assert caught.value.kind == kind


def test_a_comma_is_read_as_it_fits():
    for right in (1234, 1.234):
        one = NumberExercise(name="a", answer=lambda right=right: right, digits=4, **TEXTS)
        assert judge(one, "1,234").status == "passed"
    neither = judge(NumberExercise(name="a", answer=lambda: 5000, **TEXTS), "1,234")
    assert neither.said == "Not yet: your number, 1,234, is too small by a factor of about 4."


def test_units_may_be_written_or_left_out():
    assert read_answer("569 M MACs", "MACs") == ((569e6,), "569 M MACs")
    assert read_answer("569 m", "MACs") == ((569e6,), "569 m MACs")
    assert read_answer(" 12.5% ", "%") == ((12.5,), "12.5%")
    assert read_answer(1234567, "MACs") == ((1234567,), "1,234,567 MACs")
    for value in (np.int64(12), np.float32(12), torch.tensor(12), Fraction(24, 2), 12.0, torch.tensor([12.0])):
        assert read_answer(value) == ((12,), "12")
    assert judge(COUNT, "5 ms").said == "“ms” does not fit: the answer is wanted in MACs."


@pytest.mark.parametrize(
    ("number", "digits", "inside", "outside"),
    [
        (17.978, 2, (18, 17.98, 17.978, 17.5), (17, 18.5)),
        (32 / 3, 3, (10.7, 10.67, 10.66, 10.65), (10.6, 10.72, 11)),
        (0.8, 3, (0.8, 0.8004), (0.801, 0.79)),
        (99.96, 3, (100, 99.92, 99.96), (99.8, 100.1)),
        (72_543_412, 2, (73e6, 72_543_412, 72.1e6), (72e6, 73.1e6)),
        (12, 0, (12,), (12.0001, 11)),
    ],
)
def test_half_a_unit_of_the_last_digit(number, digits, inside, outside):
    assert all(abs(one - number) <= half_unit(number, digits) for one in inside)
    assert not any(abs(one - number) <= half_unit(number, digits) for one in outside)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        *(("a + b * c", 14), ("(a + b) * c", 20), ("a^2", 4), ("a**b", 8), ("c // b", 1), ("-a", -2), ("a²·b", 12)),
        *(("min(a, b)", 2), ("max(0, a - b)", 0), ("ceil(c / b)", 2), ("exp(0)", 1), ("log(e)", 1), ("3", 3)),
        *(
            ("a < b", 1),
            ("a ≥ b", 0),
            ("a <= b and b < c", 1),
            ("a > b or c == 4", 1),
            ("a != 2", 0),
            ("1e3 * a", 2e3),
        ),
    ],
)
def test_formulas(expression, value):
    assert read_formula(expression, {"a": 2, "b": 3, "c": 4}) == value


@pytest.mark.parametrize("expression", ["d", "2 a", "a b", "a.real", "a[0]", "f(a)", "1,5 * a", "3 M", "a ="])
def test_what_is_no_formula(expression):
    with pytest.raises(NotReadError):
        read_formula(expression, {"a": 2, "b": 3, "c": 4})


def test_numbers_are_shown_without_exponents():
    shown = {3: "3", 1e9: "1,000,000,000", 0.125: "0.125", 1234.5678: "1,235", 2 / 3: "0.666667"}
    assert {number: show_number(number) for number in shown} == shown
    assert show_number(72_543_412, digits=4) == "72,540,000"


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        (1.001, 1, "large by less than 1 %"),
        (95, 100, "small by less than 10 %"),
        (150, 100, "large by less than a factor of 2"),
        (200, 100, "large by a factor of about 2"),
        (1, 7.4, "small by a factor of about 7"),
        (44, 1, "large by a factor of about 40"),
        (1, 812, "small by a factor of about 800"),
        (1e9, 1, "large by a factor of 1,000 or more"),
        *((0, 5, "small"), (-3, 5, "small"), (5, -3, "large"), (-5, -10, "large by a factor of about 2")),
    ],
)
def test_how_far(got, expected, words):
    assert how_far(got, expected) == f"too {words}"


def test_a_wrong_number():
    assert COUNT.precision == "exactly" and SHARE.precision == "to three digits"
    verdict = Verdict(judge(COUNT, 2e6), COUNT.shown)
    sentence = "✗ Not yet: your number, 2,000,000 MACs, is too large by a factor of about 2. You counted FLOPs."
    assert str(verdict) == sentence
    before, folded = verdict.html().split("<details>")
    assert "1,000,000" not in before and "1,000,000 MACs" in folded, "the right number waits until it is asked for"
    assert judge(COUNT, 3).hint == COUNT.hint
    assert judge(COUNT, "1.001 M").hint == SENTENCES["rounded"]
    assert judge(COUNT, "1 M").status == "passed"
    assert judge(SHARE, 11.1).said == "Passed: close enough to 11.11 %."
    assert judge(SHARE, "1/9").hint == "Per cent."
    assert judge(SHARE, 11).hint == "Nearly, but three digits are asked for: work it out more exactly, or round less."


@pytest.mark.parametrize(
    "answer", [True, "seven", [1, 2], {}, print, torch.zeros(3), float("nan"), math.inf, 10**400, 1j, object()]
)
def test_bad_numbers_are_explained(answer):
    found = judge(COUNT, answer)
    assert found.status == "failed" and "cannot be read as a number" in found.said and len(found.said) < 400


def test_code_is_compared_case_by_case():
    assert judge(CODE, lambda n: n + n).said == "Passed: all 3 cases agree."
    squared = Verdict(judge(CODE, lambda n: n**2))
    assert squared.judgement.hint == "You squared it." and squared.judgement.said == "Not yet: 1 of 3 cases differ."
    assert "double(5): expected 10, got 25: differs" in str(squared)
    assert "<td>double(5)</td><td>10</td><td>25</td><td>differs</td>" in squared.html()
    assert "| double(5) | 10 | 25 | differs |" in squared.markdown()
    assert judge(CODE, lambda n: 7).hint == "Look again."
    assert judge(CODE, lambda n: None).status == "waiting"


def test_a_blank_is_tried_on_every_setting():
    assert judge(CODE, "n + n").said == "Passed: it agrees in all 3 settings."
    squared = judge(CODE, "n * n")
    assert squared.said == "Not yet: for n = 1, m = 5 it is too small by a factor of about 2."
    assert squared.hint == "You squared it."
    assert judge(CODE, "k + 1").said == "“k” is not one of the names: n, m."
    assert judge(CODE, "1 / (n - 2)").said.startswith("Not yet: for n = 2, m = 7 it has no value")
    assert judge(CODE, "2 n").said.startswith("“2 n” cannot be read as a formula.")
    assert judge(CODE, "n / (n - n)").said == "Not yet: for n = 1, m = 5 it has no value, or one that is too large."


def test_a_ranking_says_which_neighbours_are_wrong():
    assert judge(RANKING, ["c", "a", "b"]).said == "Passed: every neighbour stands in its place."
    assert judge(RANKING, "c b a").said == "Not yet: the wrong way round are b and a."
    assert judge(RANKING, "b, a, c").said == "Not yet: the wrong way round are b and a; a and c."
    assert "- **c** one, $x_1$: 1 MACs\n- **a** two <i>: 2 MACs" in ShownExercise(RANKING, 1).solution


def test_errors_in_a_readers_code_are_results():
    def broken(n):
        return n / 0

    found = judge(CODE, broken)
    line = broken.__code__.co_firstlineno + 1
    assert (
        found.said == f"Not yet: your code stopped with “ZeroDivisionError: division by zero” (line {line}, in broken)."
    )
    assert "takes 0 positional arguments but 1 was given" in judge(CODE, lambda: 1).said
    assert "'int' object is not callable" in judge(CODE, 3).said

    class Rude:
        def __eq__(self, other):
            raise RuntimeError

        def __repr__(self):
            raise RuntimeError

    assert "a Rude" in str(Verdict(judge(CODE, lambda n: Rude())))


@pytest.mark.parametrize(
    ("expected", "got", "equal"),
    [
        *((1, 1.0, True), (1.0, 1 + 1e-9, True), (1.0, 1.01, False), (0.0, 1e-12, True), (1e-6, 2e-6, False)),
        *((10**12, 10**12 + 1, False), (10**12, 10**12 + 1.0, True), ("a", "a", True), (float("nan"), 1.0, False)),
        *(((1, 2), [1, 2], True), ((1, 2), (1, 2, 3), False), (np.ones(2), [1.0, 1.0], True)),
        *((torch.ones(2), torch.ones(2), True), (torch.ones(2), torch.ones(1, 2), False), (torch.ones(2), None, False)),
    ],
)
def test_equality(expected, got, equal):
    assert Comparison("", expected, got).equal is equal


def test_unknown_names_get_the_nearest():
    verdict = check("conv_mac", 3)
    assert not verdict.passed and str(verdict).endswith("There is no exercise 'conv_mac'; did you mean 'conv_macs'?")
    for strict in (exercise, get_exercise):
        with pytest.raises(ValueError, match="did you mean 'conv_macs'"):
            strict("conv_mac")


@pytest.mark.parametrize(
    ("declare", "sentence"),
    [
        (lambda: NumberExercise(name="a b", answer=lambda: 1, **TEXTS), "snake_case instead of 'a b'"),
        (lambda: NumberExercise(name="a", answer=lambda: 1, **TEXTS | {"hint": " "}), "needs a hint"),
        (lambda: NumberExercise(name="a", answer=lambda: 0.5, **TEXTS).expected, r"below 2\*\*53, but .* is 0.5"),
        (lambda: NumberExercise(name="a", answer=lambda: 1, digits=7, **TEXTS), "to 6 instead of 7"),
        (lambda: replace(RANKING, items=RANKING.items[:2]), "at least three items instead of 2"),
        (lambda: replace(RANKING, items=RANKING.items[:1] * 3).order, "have the same number"),
        (lambda: replace(RANKING, items=(RANKING.items[2], *RANKING.items[:2])).order, "in the right order"),
        (lambda: replace(BLANK, line="n = 2"), "one blank, ____, instead of 'n = 2'"),
        (lambda: replace(BLANK, settings=settings("n", (1,))), "at least two settings"),
        (lambda: ChoiceExercise(name="a", options=OPTIONS * 2, **TEXTS), "exactly one right option"),
        (lambda: ChoiceExercise(name="a", options=OPTIONS[1:], **TEXTS), "at least one that is not"),
        (lambda: ChoiceExercise(name="a", options=(Option("", " "), OPTIONS[1]), **TEXTS), "'a' .* needs feedback"),
    ],
)
def test_bad_declarations_are_refused(declare, sentence):
    with pytest.raises(ValueError, match=sentence):
        declare()


# ---- Showing ----------------------------------------------------------------------------------------------------


def test_markdown():
    assert inline_html("2 * 3 * 4 < 5 & `a*b` *so* **very** $a_1 < b$") == (
        "2 * 3 * 4 &lt; 5 &amp; <code>a*b</code> <em>so</em> <strong>very</strong> "
        r'<span class="math mathjax_process">\(a_1 &lt; b\)</span>'
    )
    text = "One\nline.\n\n- a\n- `b`\n  more\n\n```python\nif a < b:\n\n    pass\n```\nAfter.\n\n$$\nx = 1\n$$"
    assert to_html(text) == (
        "<p>One line.</p><ul><li>a</li><li><code>b</code> more</li></ul>"
        '<pre tabindex="0"><code>if a &lt; b:\n\n    pass</code></pre><p>After.</p>'
        r'<div class="math mathjax_process">\[x = 1\]</div>'
    )


def test_html_for_jupyter_and_the_book_markdown_for_colab(monkeypatch):
    shown, verdict = ShownExercise(COUNT, 1), Verdict(judge(COUNT, 5), COUNT.shown)
    for one in (shown, verdict):
        assert one._repr_html_() == one.html() and one._repr_markdown_() is None
    monkeypatch.setitem(sys.modules, "google.colab", None)
    for one in (shown, verdict):
        assert one._repr_markdown_() == one.markdown() and one._repr_html_() is None
    assert "How *many* `<b>` are $a < b$?" in shown.markdown()
    assert "It is 1,000,000 MACs, as ${x}^2$." in shown.markdown()
    asked = 'Answer with check("count", 1234), exactly'
    assert repr(shown).splitlines() == ["Exercise 1: a number", COUNT.question, asked]


# ---- The page ---------------------------------------------------------------------------------------------------


def mount(page, *exercises: ShownExercise) -> None:
    script = exercise_script().replace("</", "<\\/")
    body = "".join(one.html() for one in exercises)
    page.set_content(f"<!doctype html><main>{body}</main><script>{script}</script>")
    page.wait_for_function("() => !document.querySelector('[data-exercise]:not([data-ready])')")


def answer_all(page, name: str, answers: list[str]) -> list[str]:
    """The sentence, as HTML, that the page says to each answer."""
    return page.evaluate(
        """([name, answers]) => {
          const host = document.querySelector(`[data-exercise="${name}"]`);
          const form = host.querySelector("form");
          return answers.map((answer) => {
            const radio = form.querySelector(`[value="${CSS.escape(answer)}"]`);
            const rows = form.querySelector(".ln-ranks");
            if (radio) radio.checked = true;
            else if (rows) for (const key of answer.split(" ")) rows.append(rows.querySelector(`[data-key=${key}]`));
            else form.querySelector("[name=answer]").value = answer;
            form.requestSubmit();
            return host.querySelector(".ln-sentence").innerHTML;
          });
        }""",
        [name, answers],
    )


def normal(page, markup: str) -> str:
    """HTML as a browser writes it."""
    return page.evaluate("html => Object.assign(document.createElement('div'), { innerHTML: html }).innerHTML", markup)


def texts_to_try(one: Exercise, rng: random.Random) -> list[str]:
    if isinstance(one, ChoiceExercise):
        return list(one.by_letter)
    if isinstance(one, RankingExercise):
        letters = list(one.by_letter)
        return [" ".join(one.order), *(" ".join(rng.sample(letters, len(letters))) for _ in range(6))]
    if isinstance(one, CodeExercise):
        wrong = [expression for expression, _ in one.blank.mistakes]
        first = one.blank.names[0]
        others = (
            "",
            "2 +",
            "unknown * 2",
            "1 / 0",
            f"2 {first}",
            f"1 / ({first} - {first})",
            f"{first} <b>",
            "0",
            "-1",
        )
        return [one.blank.solution, *wrong, f"({one.blank.solution}) * 1.5", f"-({one.blank.solution})", *others]
    exact = float(one.answer())
    wrong = [float(mistake.wrong()) for mistake in one.mistakes]
    random_ones = [exact * 10 ** rng.uniform(-4, 4) for _ in range(8)] + [exact * rng.uniform(0.97, 1.03)]
    texts = [f"{number:.17g}" for number in (exact, *wrong, *random_ones, 0, -exact)]
    others = ("", "seven <b>", "12,34", "1,234", "5.2e6 ", "569 M", "1/3", f"3 k {one.unit}", "x" * 500)
    return [*texts, one.shown, *others]


@pytest.mark.parametrize("kind", [NumberExercise, ChoiceExercise, CodeExercise, RankingExercise])
def test_the_page_says_what_python_says(page, kind):
    rng = random.Random(kind.kind)
    shown = [exercise(name) for name in OF_KIND[kind]]
    truth = replace(CODE, name="truth", blank=TRUTH)
    shown += [ShownExercise(one, 9) for one in (COUNT, SHARE, CHOICE, CODE, truth, RANKING) if isinstance(one, kind)]
    mount(page, *shown)
    for one in (s.exercise for s in shown):
        tried = texts_to_try(one, rng)
        expected = [normal(page, Verdict(judge(one, text)).sentence_html()) for text in tried]
        assert answer_all(page, one.name, tried) == expected, one.name


def test_the_page_reads_what_python_reads(page):
    """The same table of texts, as answers to an exercise whose right number each of them means, and to others."""
    units = sorted({unit for _, unit, _ in READ + NOT_READ})
    tables = {unit: [text for text, other, _ in READ + NOT_READ if other == unit] for unit in units}
    asked = [
        NumberExercise(name=f"{kind}_{index}", answer=lambda answer=answer: answer, unit=unit, digits=digits, **TEXTS)
        for index, unit in enumerate(units)
        for kind, answer, digits in (("whole", 19600, 0), ("part", 17.98, 3))
    ]
    mount(page, *(ShownExercise(one, 1) for one in asked))
    for one in asked:
        texts = [text for text in tables[one.unit] if text]
        expected = [normal(page, Verdict(judge(one, text)).sentence_html()) for text in texts]
        assert answer_all(page, one.name, texts) == expected, one.unit


def test_a_ranking_by_keyboard_and_buttons(page):
    mount(page, ShownExercise(RANKING, 1))
    host = page.get_by_role("group", name="Exercise 1: put in order")
    keys = "() => [...document.querySelectorAll('.ln-ranks > li')].map((row) => row.dataset.key).join('')"
    assert page.evaluate(keys) == "abc"
    assert host.get_by_role("button", name="Move a up").is_disabled()
    assert host.get_by_role("button", name="Move c down").is_disabled()
    host.get_by_role("button", name="Move c up").click()
    assert host.get_by_role("status").text_content() == "c now stands in place 2 of 3."
    page.keyboard.press("ArrowUp")
    assert page.evaluate(keys) == "cab"
    focus = "() => document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focus) == "Move c down", "the upper button has no more to do"
    page.keyboard.press("ArrowUp")
    assert page.evaluate(keys) == "cab"
    page.keyboard.press("Enter")
    assert page.evaluate(keys) == "acb" and page.evaluate(focus) == "Move c down"
    host.get_by_role("button", name="Check").click()
    assert host.get_by_role("status").text_content().startswith("✗ Not yet: the wrong way round are a and c.")
    host.get_by_role("button", name="Move a down").click()
    host.get_by_role("button", name="Check").click()
    assert host.get_by_role("status").text_content() == "✓ Passed: every neighbour stands in its place."
    assert host.locator(".ln-solved").count() == 1


def test_form_verdict_and_progress(page):
    page.route("http://exercises.test/", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page.goto("http://exercises.test/")  # storage needs an address
    mount(page, ShownExercise(COUNT, 1), ShownExercise(CODE, 2), ShownExercise(CHOICE, 3))
    field = page.get_by_label("Your answer (MACs, exactly)")
    status = page.get_by_role("group", name="Exercise 1: a number").get_by_role("status")
    field.fill("2 M")
    field.press("Enter")
    assert status.text_content().startswith("✗ Not yet: your number, 2 M MACs, is too large")
    assert page.locator(".ln-solved").count() == 0
    field.fill("1,000,000")
    page.get_by_role("button", name="Check").first.click()
    assert status.text_content() == "✓ Passed: the answer is 1,000,000 MACs."
    progress = "Solved: 1 of the 3 exercises that this page can check."
    assert page.locator(".ln-progress").text_content().startswith(progress)
    folds = "() => [...document.querySelectorAll('.ln-exercise-fold')].map((one) => one.open)"
    assert page.evaluate(folds) == [True, True, False], "one after the other"
    choice = page.get_by_role("group", name="Exercise 3: find out")
    choice.locator("summary").first.click()
    choice.get_by_role("button", name="Check").click()
    assert choice.get_by_role("status").text_content() == "Waiting for your answer."
    choice.get_by_label("a yes <i>").check()
    choice.get_by_label("b no").press("Enter")  # Enter in a radio button sends the form
    code = page.get_by_role("group", name="Exercise 2: write code")
    assert code.get_by_text("twice = ____").is_visible(), "the page shows what a notebook does not ask for"
    code.get_by_label("Your answer: the blank is").fill("2 * n")
    code.get_by_role("button", name="Check").click()
    assert code.get_by_role("status").text_content().startswith("✓ Passed: it agrees in all 3 settings.")
    assert page.locator("details.ln-solution[open]").count() == 0

    mount(page, ShownExercise(COUNT, 1), ShownExercise(CHOICE, 2))  # the next visit
    assert page.locator("[data-exercise=count] .ln-solved").text_content() == " ✓ solved"
    page.get_by_role("button", name="Forget").click()
    assert page.locator(".ln-solved").count() == 0
    assert page.locator(".ln-progress").text_content().startswith("Solved: 0 of the 2 exercises")
    assert page.evaluate("() => localStorage.length") == 0


def test_without_storage_and_with_foreign_storage(page):
    page.route("http://exercises.test/", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    for spoil in (
        "() => Object.defineProperty(window, 'localStorage', { get() { throw new Error(); } })",
        "() => localStorage.setItem('lightnets.solved', '{broken')",
    ):
        page.goto("http://exercises.test/")
        page.evaluate(spoil)
        mount(page, ShownExercise(COUNT, 1))
        answer_all(page, "count", ["1000000"])
        assert page.locator(".ln-solved").count() == 1


def test_without_scripts_question_options_and_solution_are_there(browser):
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.set_content(ShownExercise(CODE, 1).html())
    assert not plain.get_by_text("twice = ____").is_visible() and plain.get_by_text("your_answer").is_visible()
    plain.set_content(ShownExercise(CHOICE, 1).html())
    assert plain.get_by_text("yes <i>").is_visible() and plain.get_by_text('check("choice", "a")').is_visible()
    assert plain.locator("form, input, button").count() == 0
    plain.get_by_text("Solution").click()
    assert plain.get_by_text("s", exact=True).is_visible()
    context.close()


def test_no_answer_ends_the_script_element():
    hostile = ChoiceExercise(name="h", options=(Option("x", "</script><b>"), Option("y", "z", right=True)), **TEXTS)
    content = re.search(r'json">(.*?)</script>', ShownExercise(hostile, 1).html())[1]
    assert json.loads(content)["options"]["a"][1] == "&lt;/script&gt;&lt;b&gt;"
