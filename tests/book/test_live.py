"""The networks that run inside a page: nothing of them is there before a press, and a press is enough."""

from __future__ import annotations

import gzip
import json

import pytest

from lightnets_edu.pages.live import time_here

from .conftest import CHAPTERS, PAGES, accessibility_faults, fits

CHAPTER = next(page for page in CHAPTERS if page.startswith("notebooks/02_"))
# Where the reader can ask the device at hand.
TIMED = ["book/index.html", *(page for page in CHAPTERS if page[10:12] in "02 05 07 08 10 12 13 14 16".split())]
SCRIPT = "lightnets-live.js"
# Where networks learn in front of the reader.
TRAINED = [page for page in CHAPTERS if page[10:12] in "07 08 09 12".split()]


def test_no_page_loads_the_engine(html):
    for page in PAGES:
        text = (html / page).read_text(encoding="utf-8")
        assert f'src="../_static/{SCRIPT}' not in text, page
        assert (SCRIPT in text) == (page in TIMED), page  # there its name is in the words of the button
        assert ("lightnets-train.js" in text) == (page in TRAINED), page
    assert len(gzip.compress(time_here().static_html().encode())) <= 2500


def test_a_press_is_enough(visit, base):
    size = {"width": 390, "height": 800}
    page = visit(base + CHAPTER, viewport=size, reduced_motion="reduce").page
    loaded = []
    page.on("request", lambda request: loaded.append(request.url.split("?")[0].rpartition("/")[2]))
    host = page.locator("[data-live=time]")
    assert fits(page) and accessibility_faults(page, include="[data-live]") == []
    assert SCRIPT not in page.content().replace(host.evaluate("host => host.outerHTML"), "")
    host.locator("[data-action=start]").click()
    host.locator("[data-live-row]").first.wait_for(timeout=60_000)
    host.locator("[data-action=stop]").click()
    host.locator("[role=status]", has_text="Stopped: ").wait_for()
    assert [name for name in loaded if "." in name] == [SCRIPT]
    assert host.get_attribute("aria-busy") == "false"
    assert fits(page), "scrolls sideways"
    assert accessibility_faults(page, include="[data-live]") == []


@pytest.mark.parametrize("chapter", TIMED)
def test_each_page_times_what_it_is_about(visit, html, chapter):
    """All that it checks at first is run once, and what it compares is among that."""
    page = visit((html / chapter).as_uri(), viewport={"width": 1400, "height": 900}).page
    host = page.locator("[data-live=time]")
    spec = json.loads(host.locator("script[type='application/json']").text_content())["spec"]
    assert {name for pair in spec["pairs"] for name in pair} <= set(spec["chosen"])
    host.locator("[data-action=choose]").click()
    host.locator("details fieldset").wait_for()
    checked = host.locator("input[name=network]:checked")
    assert set(checked.evaluate_all("inputs => inputs.map((input) => input.value)")) == set(spec["chosen"])
    heavy = [name for name in spec["chosen"] if name.startswith(("resnet", "wide_resnet"))]
    for name in heavy:
        host.locator(f"input[value={name}]").uncheck()
    light = len(spec["chosen"]) - len(heavy)
    host.locator("[data-action=start]").click()
    if light:
        host.locator("[data-live-row]").nth(light - 1).wait_for(timeout=60_000)
        host.locator("[data-action=stop]").click()
        host.locator("[role=status]", has_text=f"Stopped: {light} of {light}").wait_for()
    else:
        host.locator("[role=status]", has_text="No network is chosen").wait_for()


@pytest.mark.parametrize("chapter", TRAINED)
def test_networks_train_in_the_page(visit, html, chapter):
    """From a disk, on a phone: a press loads pictures and engine, both networks learn, and can be stopped."""
    page = visit((html / chapter).as_uri(), viewport={"width": 390, "height": 800}).page
    host = page.locator("[data-live=train]")
    host.locator("[data-action=start]").click()
    host.locator("[data-output=test_accuracy][data-value]").nth(1).wait_for(timeout=120_000)
    host.locator("[data-action=stop]").click()
    host.locator("[role=status]", has_text="this seed does not count").wait_for()
    assert host.get_attribute("aria-busy") == "false" and host.locator("[data-live-row]").count() == 2
    assert fits(page), "scrolls sideways"
    assert accessibility_faults(page, include="[data-live=train]") == []
