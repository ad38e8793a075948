"""Every exercise of every page: its form takes the right answer, explains a wrong one, and can be used by everyone."""

from __future__ import annotations

import re

import pytest

from lightnets_edu.pages.exercise import get_exercise
from lightnets_edu.pages.exercise.judging import SENTENCES, judge
from lightnets_edu.pages.exercise.kinds import ChoiceExercise, CodeExercise, NumberExercise, RankingExercise

from .conftest import CHAPTERS, HTML, PAGES, ROOT, accessibility_faults, fits


def declared(page: str) -> list[str]:
    """The exercises that a chapter's source shows."""
    source = (ROOT / page.replace(".html", ".md")).read_text()
    return re.findall(r"^exercise\(\s*\"(\w+)\"\s*\)", source, re.M)


WITH_EXERCISES = [page for page in CHAPTERS if declared(page)]


def ready(visit, address: str, **options):
    page = visit(address, **options).page
    page.wait_for_function("() => !document.querySelector('[data-exercise]:not([data-ready])')")
    return page


def answer(page, name: str, text: str) -> str:
    """Give an answer as a reader would; what the live region says then."""
    host = page.locator(f"[data-exercise={name}]")
    if host.locator(".ln-exercise-fold:not([open])").count():
        host.locator("summary").first.click()
    if (field := host.get_by_label("Your answer", exact=False).and_(host.get_by_role("textbox"))).count():
        field.fill(text)
        field.press("Enter")
    elif host.locator(".ln-ranks").count():
        for place, key in enumerate(text.split()):
            row = host.locator(f"[data-key={key}]")
            for _ in range(row.evaluate("row => [...row.parentElement.children].indexOf(row)") - place):
                host.get_by_role("button", name=f"Move {key} up").click()
        host.get_by_role("button", name="Check").click()
    else:
        host.locator(f"input[value='{text}']").check()
        host.get_by_role("button", name="Check").click()
    return host.get_by_role("status").text_content()


def right_and_wrong(name: str) -> tuple[str, str]:
    one = get_exercise(name)
    if isinstance(one, CodeExercise):
        return one.blank.solution, one.blank.mistakes[0][0]
    if isinstance(one, RankingExercise):
        return " ".join(one.order), " ".join(one.order[::-1])
    if isinstance(one, ChoiceExercise):
        return tuple(next(k for k, option in one.by_letter.items() if option.right == right) for right in (True, False))
    assert isinstance(one, NumberExercise)
    wrong = one.mistakes[0].wrong() if one.mistakes else 2 * one.answer()
    return f"{float(one.answer()):.17g}", f"{float(wrong):.17g}"


@pytest.mark.parametrize("chapter", WITH_EXERCISES)
def test_forms_judge_remember_and_are_accessible(visit, server, chapter):
    """On a phone in dark mode, where room and contrast are scarcest."""
    size = {"width": 390, "height": 800}
    page = ready(visit, server + chapter, viewport=size, color_scheme="dark", reduced_motion="reduce")
    names = declared(chapter)
    assert (
        page.evaluate("() => [...document.querySelectorAll('[data-exercise]')].map(e => e.dataset.exercise)") == names
    )
    assert page.locator("[data-exercise] form").count() == len(names)
    body = page.locator("article").first.text_content()
    assert SENTENCES["waiting"] not in body and 'check("' not in body, "a notebook's cell stands on the page"
    for name in names:
        right, wrong = right_and_wrong(name)
        assert SENTENCES["waiting"] not in answer(page, name, wrong)
        found = judge(get_exercise(name), wrong)
        assert page.locator(f"[data-exercise={name}] [role=status]").text_content().startswith(f"✗ {found.said}")
        assert answer(page, name, right).startswith("✓ Passed"), name
    count = f"Solved: {len(names)} of the {len(names)} exercises that this page can check."
    assert page.locator(".ln-progress").text_content().startswith(count)
    closed = page.locator("[data-exercise] details:not([open]) > summary:visible")
    while closed.count():  # an opened one is no longer among them
        closed.first.click()
    page.wait_for_function("() => [...document.querySelectorAll('.math')].every(e => e.querySelector('mjx-container'))")
    assert fits(page), "scrolls sideways"
    assert accessibility_faults(page, include="[data-exercise]") == []
    page.reload()
    page.wait_for_function("() => document.querySelector('.ln-progress')")
    assert page.locator(".ln-progress").text_content().startswith(count)


@pytest.mark.parametrize("chapter", WITH_EXERCISES[:1])
def test_keyboard_alone_from_a_disk(visit, chapter):
    page = ready(visit, f"{HTML.as_uri()}/{chapter}")
    for name in declared(chapter):
        right, _ = right_and_wrong(name)
        host = page.locator(f"[data-exercise={name}]")
        assert host.locator(".ln-exercise-fold[open]").count() == 1, "the one before, solved, opens the next"
        field = host.locator("input, .ln-ranks button:enabled").first
        host.evaluate("host => { host.tabIndex = -1; host.focus(); }")
        for _ in range(20):  # formulas on the way take the focus, too
            page.keyboard.press("Tab")
            if field.evaluate("field => field === document.activeElement"):
                break
        assert field.evaluate("field => getComputedStyle(field).outlineStyle") != "none", "shows no focus"
        if isinstance(get_exercise(name), NumberExercise | CodeExercise):
            page.keyboard.type(right)
        elif isinstance(get_exercise(name), RankingExercise):
            for key in reversed(right.split()):
                button = host.get_by_role("button", name=f"Move {key} ")
                button.and_(page.locator(":enabled")).first.focus()
                for _ in right:
                    page.keyboard.press("ArrowUp")
            host.get_by_role("button", name="Check").focus()
        else:
            page.keyboard.press("Space")
            for _ in range(list(get_exercise(name).by_letter).index(right)):
                page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert host.get_by_role("status").text_content().startswith("✓ Passed")


def test_only_pages_with_exercises_load_the_script(html):
    for page in PAGES:
        assert ("lightnets-exercises.js" in (html / page).read_text()) == (page in WITH_EXERCISES), page
