"""The search finds pages without a network, also from a disk, where a page may not fetch another."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("words", ["depthwise", "width multiplier"])
def test_search(visit, base, words):
    page = visit(f"{base}search.html?q={words.replace(' ', '+')}").page
    page.wait_for_function("() => /found \\d+ page/.test(document.querySelector('#search-results')?.textContent)")
    results = page.locator("#search-results ul.search li a")
    assert results.count() >= 1
    if base.startswith("http"):  # an excerpt of the page
        page.locator("#search-results p.context").first.wait_for()
    results.first.click()
    page.wait_for_url("**/*.html*")
    assert words.split()[0] in page.inner_text("main").lower()


def test_nothing_is_found_for_nonsense(visit, base):
    page = visit(f"{base}search.html?q=xyzzyplugh").page
    page.wait_for_function("() => /did not match/.test(document.querySelector('#search-results')?.textContent)")
