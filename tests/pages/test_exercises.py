"""Exercises: what is declared holds together, Python judges kindly, and the page says the same as Python."""

from __future__ import annotations

import json
import math
import random
import re
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from lightnets_edu.pages import check, exercise
from lightnets_edu.pages.exercise import get_exercise, list_exercises
from lightnets_edu.pages.exercise.judging import SENTENCES, judge
from lightnets_edu.pages.exercise.kinds import ChoiceExercise, CodeExercise, Comparison, Mistake, NumberExercise, Option
from lightnets_edu.pages.exercise.markdown import inline_html, to_html
from lightnets_edu.pages.exercise.reading import how_far, read_answer, read_text, show_number
from lightnets_edu.pages.exercise.shown import ShownExercise, Verdict, exercise_script

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = list_exercises()
OF_KIND = {
    kind: [n for n in NAMES if isinstance(get_exercise(n), kind)]
    for kind in (NumberExercise, CodeExercise, ChoiceExercise)
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
SHARE = NumberExercise(
    name="share", answer=lambda: Fraction(100, 9), unit="%", tolerance=0.01, mistakes=(PER_CENT,), **TEXTS
)
OPTIONS = (Option("yes <i>", "Why $x_1$ not."), Option("no", "Right, `x`.", right=True))
CHOICE = ChoiceExercise(name="choice", options=OPTIONS, **TEXTS)
CODE = CodeExercise(
    name="code",
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
        assert {get_exercise(name).kind for name in shown} == {"a number", "write code", "find out"}


# ---- Judging ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("7", 7), ("-7.5", -7.5), ("−2", -2), ("+3", 3), (".5", 0.5), ("5.", 5), ("1/8", 0.125), ("3 / 4", 0.75)),
        *((text, 1234) for text in ("1,234", "1 234", "1_234", "1\u202f234")),
        *(("1,234,567.25", 1234567.25), ("5.2e6", 5_200_000), ("5.2×10^6", 5_200_000), ("5 · 10**3", 5000)),
        *(("569 M", 569_000_000), ("569m", 569_000_000), ("0.1 K", 100), ("1.2 G", 1_200_000_000)),
        *(("3 million", 3e6), ("1e5 M", 1e11)),
    ],
)
def test_reading_numbers(text, number):
    assert read_text(text) == number


@pytest.mark.parametrize("text", "5.2 E6|1/0||abc|1,23|1,2345|5,2|1e999|1.2.3|nan|inf|12 apples|M|12 %|٣".split("|"))
def test_what_is_no_number(text):
    with pytest.raises(ValueError):
        read_text(text)


def test_units_may_be_written_or_left_out():
    assert read_answer("569 M MACs", "MACs") == (569e6, "569 M MACs")
    assert read_answer("569 m", "MACs") == (569e6, "569 m MACs")
    assert read_answer(" 12.5% ", "%") == (12.5, "12.5%")
    assert read_answer(1234567, "MACs") == (1234567, "1,234,567 MACs")
    for value in (np.int64(12), np.float32(12), torch.tensor(12), Fraction(24, 2), 12.0, torch.tensor([12.0])):
        assert read_answer(value) == (12, "12")


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
    assert repr(shown).splitlines() == ["Exercise 1: a number", COUNT.question, 'Answer with check("count", 1234)']


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
            if (radio) radio.checked = true;
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


def texts_to_try(one: NumberExercise | ChoiceExercise, rng: random.Random) -> list[str]:
    if isinstance(one, ChoiceExercise):
        return list(one.by_letter)
    exact = float(one.answer())
    wrong = [float(mistake.wrong()) for mistake in one.mistakes]
    random_ones = [exact * 10 ** rng.uniform(-4, 4) for _ in range(8)] + [exact * rng.uniform(0.97, 1.03)]
    texts = [f"{number:.17g}" for number in (exact, *wrong, *random_ones, 0, -exact)]
    others = ("", "seven <b>", "12,34", "1,234", "5.2e6 ", "569 M", "1/3", f"3 k {one.unit}", "x" * 500)
    return [*texts, one.shown, *others]


@pytest.mark.parametrize("kind", [NumberExercise, ChoiceExercise])
def test_the_page_says_what_python_says(page, kind):
    rng = random.Random(kind.kind)
    shown = [exercise(name) for name in OF_KIND[kind]]
    shown += [ShownExercise(one, 9) for one in (COUNT, SHARE, CHOICE) if isinstance(one, kind)]
    mount(page, *shown)
    for one in (s.exercise for s in shown):
        tried = texts_to_try(one, rng)
        expected = [normal(page, Verdict(judge(one, text)).sentence_html()) for text in tried]
        assert answer_all(page, one.name, tried) == expected, one.name


def test_form_verdict_and_progress(page):
    page.route("http://exercises.test/", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page.goto("http://exercises.test/")  # storage needs an address
    mount(page, ShownExercise(COUNT, 1), ShownExercise(CODE, 2), ShownExercise(CHOICE, 3))
    field = page.get_by_label("Your answer (MACs)")
    status = page.get_by_role("group", name="Exercise 1: a number").get_by_role("status")
    field.fill("2 M")
    field.press("Enter")
    assert status.text_content().startswith("✗ Not yet: your number, 2 M MACs, is too large")
    assert page.locator(".ln-solved").count() == 0
    field.fill("1,000,000")
    page.get_by_role("button", name="Check").first.click()
    assert status.text_content() == "✓ Passed: the answer is 1,000,000 MACs."
    progress = "Solved: 1 of the 2 exercises that this page can check."
    assert page.locator(".ln-progress").text_content().startswith(progress)
    choice = page.get_by_role("group", name="Exercise 3: find out")
    choice.get_by_role("button", name="Check").click()
    assert choice.get_by_role("status").text_content() == "Waiting for your answer."
    choice.get_by_label("a yes <i>").check()
    choice.get_by_label("b no").press("Enter")  # Enter in a radio button sends the form
    assert page.locator("[data-exercise=code] form").count() == 0
    assert 'check("code", your_answer)' in page.text_content("[data-exercise=code]")
    assert page.locator("details[open]").count() == 0

    mount(page, ShownExercise(COUNT, 1), ShownExercise(CHOICE, 2))  # the next visit
    assert page.locator("[data-exercise=count] .ln-solved").text_content() == " ✓ solved"
    page.get_by_role("button", name="Forget").click()
    assert page.locator(".ln-solved").count() == 0
    assert page.locator(".ln-progress").text_content().startswith("Solved: 0 of the 2 exercises")
    assert page.evaluate("() => localStorage.length") == 0


def test_without_storage_and_with_foreign_storage(page):
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
