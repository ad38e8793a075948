"""A term of the glossary is linked where a chapter first uses it, and its definition is at hand."""

from __future__ import annotations

import re

import pytest

from .conftest import CHAPTERS, fits

DEFINITIONS = """() => Object.fromEntries([...document.querySelectorAll("dl.glossary dt[id]")].map((term) => {
  let place = term;
  while (place.tagName !== "DD") place = place.nextElementSibling;
  const name = term.firstChild.textContent.toLowerCase();
  return [`#${term.id}`, { name, text: place.innerText.trim().replace(/\\s+/g, " ") }];
}))"""
LINKS = """() => [...document.querySelectorAll("a.ln-term")].map((link) => [
  link.hash, link.textContent, link.getAttribute("aria-description"), link.parentElement.closest("h1, h2, h3, code, a")
])"""


@pytest.fixture(scope="module")
def definitions(browser, html):
    page = browser.new_page()
    page.goto((html / "book/glossary.html").as_uri())
    yield page.evaluate(DEFINITIONS)
    page.close()


FOLDED = """() => [...document.querySelectorAll("a.ln-term")].filter((link) => link.closest("details.ln-fold"))
  .map((link) => link.textContent.toLowerCase())"""
OPEN = """() => [...document.querySelectorAll("section > p")].filter((one) => !one.closest("details.ln-fold"))
  .flatMap((one) => [...one.childNodes]).filter((one) => one.nodeType === Node.TEXT_NODE)
  .map((one) => one.textContent.toLowerCase()).join(" ")"""


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_word_in_sight_is_linked_there(visit, html, definitions, chapter):
    """Only a term that no open paragraph has is linked where it is folded; a batch norm is no batch."""
    page = visit((html / chapter).as_uri()).page
    longer = "|".join(one["name"] for one in definitions.values() if " " in one["name"])
    words = set(re.findall(r"[\w-]+", re.sub(longer, "", page.evaluate(OPEN))))
    assert not [one for one in page.evaluate(FOLDED) if one in words]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_first_uses_are_linked(visit, html, definitions, chapter):
    links = visit((html / chapter).as_uri()).page.evaluate(LINKS)
    assert len(links) >= 15
    assert len({anchor for anchor, *_ in links}) == len(links), "a term is linked twice"
    for anchor, words, description, inside in links:
        name = definitions[anchor]["name"]
        assert description == definitions[anchor]["text"]
        assert words.lower() in (name, f"{name}s", f"{name}es")
        assert inside is None


def test_the_definition_appears_with_the_focus(visit, html):
    page = visit((html / CHAPTERS[6]).as_uri(), viewport={"width": 390, "height": 800}).page
    shown = """() => getComputedStyle(document.activeElement, "::after").content"""
    link = page.locator("a.ln-term").first
    assert link.evaluate("""link => getComputedStyle(link, "::after").content""") == "none"
    page.keyboard.press("Tab")
    link.focus()
    assert page.evaluate(shown) == f'"{link.get_attribute("aria-description")}"'
    assert fits(page)
