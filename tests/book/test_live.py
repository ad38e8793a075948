"""The networks that run inside a page: nothing of them is there before a press, and a press is enough."""

from __future__ import annotations

import gzip

from lightnets_edu.pages.live import time_here

from .conftest import CHAPTERS, PAGES, accessibility_faults, fits

CHAPTER = next(page for page in CHAPTERS if page.startswith("notebooks/02_"))
SCRIPT = "lightnets-live.js"


def test_no_page_loads_the_engine(html):
    for page in PAGES:
        text = (html / page).read_text(encoding="utf-8")
        assert f'src="../_static/{SCRIPT}' not in text, page
        assert (SCRIPT in text) == (page == CHAPTER), page  # there its name is in the words of the button
    assert len(gzip.compress(time_here().static_html().encode())) <= 2500


def test_a_press_is_enough(visit, base):
    size = {"width": 390, "height": 800}
    page = visit(base + CHAPTER, viewport=size, reduced_motion="reduce").page
    loaded = []
    page.on("request", lambda request: loaded.append(request.url.split("?")[0].rpartition("/")[2]))
    host = page.locator("[data-live=time]")
    assert fits(page) and accessibility_faults(page, include="[data-live]") == []
    assert SCRIPT not in page.content().replace(host.inner_html(), "")
    host.locator("[data-action=start]").click()
    host.locator("[data-live-row]").first.wait_for(timeout=60_000)
    host.locator("[data-action=stop]").click()
    host.locator("[role=status]", has_text="Stopped: ").wait_for()
    assert [name for name in loaded if "." in name] == [SCRIPT]
    assert host.get_attribute("aria-busy") == "false"
    assert fits(page), "scrolls sideways"
    assert accessibility_faults(page, include="[data-live]") == []
