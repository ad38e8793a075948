"""What holds for every page: it works offline, can be read by everyone, and is light."""

from __future__ import annotations

import gzip
import re
from html import unescape

import pytest

from lightnets_edu.pages.site.widget_index import widget_index

from .conftest import CHAPTERS, PAGES, accessibility_faults, fits

# Faults of the theme itself, by rule and selector; anything else fails.
THEME_FAULTS = {
    "label-content-name-mismatch": r"search-button|details\.hide|summary",
    "region": r"^\.sidebar-primary-items__start > \.sidebar-primary-item:nth-child\(1\)$",  # the book's title
    "aria-required-children": r"^\.citation-list$",
    "aria-deprecated-role": r"^#id\d+$",  # the entries of the bibliography
    "aria-allowed-role": r"^#id\d+$",
}
VISIBLE_TEXT = """() => {
  const skipped = "pre, code, script, style, mjx-container, noscript";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(skipped)) texts.push(walker.currentNode.data);
  return texts.join(" ");
}"""


@pytest.mark.parametrize("page", PAGES)
def test_reads_without_network_or_kernel(visit, base, page):
    """Opening it causes no error and no request elsewhere (`visit` looks), and everything on it can be read."""
    opened = visit(base + page).page
    assert opened.title()
    text = opened.evaluate(VISIBLE_TEXT)
    assert not re.search(r"\b(NaN|undefined|Infinity)\b", text)
    assert not re.search(r"\$[^$\n]+\$|\\\(|\\\[|\\frac|\\text", text), "raw TeX is visible"
    sources, typeset = opened.evaluate(
        """() => {
          const all = [...document.querySelectorAll("span.math, div.math")];
          return [all.length, all.filter(e => e.querySelector("mjx-container")).length];
        }"""
    )
    assert typeset == sources
    assert opened.locator("mjx-merror").count() == 0
    described = """() => [
      ...[...document.images].map(image => image.getAttribute("alt")),
      ...[...document.querySelectorAll("svg.ln-figure")].map(drawing => drawing.getAttribute("aria-label") || null),
    ]"""
    for alt in opened.evaluate(described):
        assert alt is not None
        assert not re.search(r"\.(png|svg|jpe?g|gif|webp)$|[/\\]", alt), f"{alt!r} is a path"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
@pytest.mark.parametrize("page", PAGES)
def test_accessible_light_and_dark_wide_and_narrow(visit, server, page, scheme, width):
    size = {"width": width, "height": 800}
    opened = visit(server + page, color_scheme=scheme, viewport=size, reduced_motion="reduce").page
    assert opened.evaluate("() => document.documentElement.dataset.theme") == scheme
    assert fits(opened), "scrolls sideways"
    faults = accessibility_faults(opened)
    ours = [(rule, place) for rule, place in faults if not re.search(THEME_FAULTS.get(rule, "$^"), place)]
    assert ours == []


def test_rows_of_a_wide_table_keep_their_names_on_a_phone(visit, server):
    phone = {"width": 390, "height": 800}
    opened = visit(f"{server}notebooks/12_ghostnet.html", viewport=phone, reduced_motion="reduce").page
    names = opened.evaluate(
        """() => [...document.querySelectorAll(".ln-numbers > div, .ln-count")].filter((frame) => {
          frame.scrollLeft = frame.scrollWidth;
          return frame.scrollLeft > 0;
        }).map((frame) => {
          const name = frame.querySelector("tbody th").getBoundingClientRect();
          return [name.left - frame.getBoundingClientRect().left, name.width / frame.clientWidth];
        })"""
    )
    assert names
    assert all(left == 0 and share < 0.5 for left, share in names)


@pytest.mark.parametrize("page", PAGES)
def test_prints_whole(visit, server, page):
    """On paper nothing can be scrolled: no table is cut, below or at the side, and nothing is pale."""
    a4 = {"width": 718, "height": 1047}  # less the usual margins, in pixels of 1 / 96 inch
    opened = visit(server + page, viewport=a4, reduced_motion="reduce").page
    opened.emulate_media(media="print")
    cut = opened.evaluate(
        """() => [...document.querySelectorAll(".bd-article table")].filter((table) => {
          if (!table.checkVisibility()) return false;
          const box = table.getBoundingClientRect();
          const frames = [];
          for (let frame = table.parentElement; frame; frame = frame.parentElement) {
            if (getComputedStyle(frame).overflowY !== "visible") frames.push(frame.getBoundingClientRect());
          }
          const cuts = (frame) => box.bottom > frame.bottom + 1 || box.right > frame.right + 1;
          return box.right > innerWidth || frames.some(cuts);
        }).map((table) => table.innerText.slice(0, 60))"""
    )
    assert cut == []
    assert accessibility_faults(opened, runOnly=["color-contrast"]) == []


@pytest.mark.parametrize("page", CHAPTERS)
def test_light(html, server, page, browser):
    """A page beside its own figures, which are loaded when they come into sight, and each figure of it."""
    context = browser.new_context()
    opened = context.new_page()
    responses = []
    opened.on("response", lambda response: responses.append(response))
    opened.goto(server + page, wait_until="networkidle")
    images = opened.evaluate("() => [...document.images].map(image => image.src)")
    figures = {url for url in images if url.startswith(f"{server}_images/")}
    drawings = opened.evaluate("[...document.querySelectorAll('svg.ln-figure')].map(one => one.outerHTML)")
    bodies = {r.url: r.body() for r in responses if r.url.startswith(server) and r.url not in figures}
    context.close()
    assert len(bodies) <= 36
    assert sum(len(gzip.compress(body)) for body in bodies.values()) <= 800_000
    sizes = [len(one.encode()) for one in drawings]
    sizes += [(html / url.removeprefix(server)).stat().st_size for url in figures]
    assert sizes and max(sizes) <= 150_000


def test_the_list_of_widgets_is_that_of_the_chapters(html):
    text = unescape((html / "book" / "widgets.html").read_text())
    for entry in widget_index().entries:
        assert f"../notebooks/{entry.chapter}.html" in text and f"get_widget('{entry.name}')" in text, entry
