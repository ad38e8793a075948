"""How long a chapter is as it opens, and how much of it is code."""

from __future__ import annotations

import pytest

from lightnets_edu.pages.site.folding import OPEN_LINES

from .conftest import CHAPTERS

HEIGHT = 14_000  # pixels at a width of 1400: twenty minutes' reading
CODE_SHARE = 0.12
# Still longer; whoever shortens one takes it off this list.
LONG: set[str] = set()
MEASURE = """() => {
  const open = (element) => element.checkVisibility() && !element.closest("details:not([open])");
  const inputs = [...document.querySelectorAll("article .cell_input")].filter(open);
  return {
    height: document.documentElement.scrollHeight,
    code: inputs.reduce((sum, input) => sum + input.getBoundingClientRect().height, 0),
    hidden: [...document.querySelectorAll("[data-widget], [data-live]")].filter((one) => !open(one)).length,
    lines: Math.max(0, ...inputs.map((input) => input.innerText.trim().split("\\n").length)),
    text: inputs.map((input) => input.innerText).join("\\n"),
  };
}"""


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_as_it_opens(visit, html, page):
    found = visit((html / page).as_uri(), viewport={"width": 1400, "height": 900}).page.evaluate(MEASURE)
    number, _, _ = page.removeprefix("notebooks/").partition("_")
    assert found["code"] / found["height"] <= CODE_SHARE, "too much open code"
    assert found["lines"] <= OPEN_LINES, "code without an end"
    assert "%pip" not in found["text"]
    assert found["hidden"] == 0, "what can be moved lies in a fold"
    assert (found["height"] > HEIGHT) == (number in LONG), f"{found['height']} px"
