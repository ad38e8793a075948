"""Every study of every page: the verdict and the sentence are the record's, and the switches work, also from a disk."""

from __future__ import annotations

import re

import pytest

from lightnets_edu.pages.study.words import kept
from lightnets_edu.records import recorded_study, studied_devices
from lightnets_edu.records.verdicts import judged

from .conftest import CHAPTERS, HTML, PAGES, ROOT, accessibility_faults, fits


def studies(page: str) -> list[str]:
    """The studies that a chapter's source shows, in order."""
    return re.findall(r"show_study\(\s*\"(\w+)\"", (ROOT / page.replace(".html", ".md")).read_text(encoding="utf-8"))


WITH_STUDIES = [page for page in CHAPTERS if studies(page)]
RECORDED = {
    page: found
    for page in WITH_STUDIES
    if (found := [name for name in studies(page) if "cpu" in studied_devices(name)])
}


@pytest.mark.parametrize("chapter", WITH_STUDIES)
def test_the_page_says_what_the_record_says(visit, server, chapter):
    page = visit(server + chapter).page
    hosts = page.locator("[data-study]").all()
    assert [host.get_attribute("data-study") for host in hosts] == studies(chapter)
    for host, name in zip(hosts, studies(chapter), strict=True):
        said = host.locator("[data-comparison]").all_text_contents()
        if name not in RECORDED.get(chapter, ()):
            assert "Not recorded yet." in host.text_content() and host.locator("circle").count() == 0
            continue
        record = recorded_study(name)
        assert host.get_attribute("data-verdict") == record["verdict"]
        assert host.locator(".ln-study-verdict strong").text_content() == f"At this size: {record['verdict']}."
        assert said == [kept(one["sentence"]) for one in record["comparisons"]]


@pytest.mark.parametrize("chapter", RECORDED)
def test_seeds_and_variants_are_switched_on_a_phone_in_the_dark(visit, chapter):
    size = {"width": 390, "height": 800}
    page = visit(f"{HTML.as_uri()}/{chapter}", viewport=size, color_scheme="dark", reduced_motion="reduce").page
    page.wait_for_function("() => !document.querySelector('[data-switches]:not([data-ready])')")
    for name in RECORDED[chapter]:
        record, host = recorded_study(name), page.locator(f"[data-study={name}]")
        seeds = sorted({run["seed"] for run in record["runs"]})
        if not host.is_visible():
            page.locator("details.ln-fold", has=host).locator("> summary").click()
        host.locator(f"input[name=seed][value='{seeds[0]}']").uncheck()
        left = judged({**record, "runs": [run for run in record["runs"] if run["seed"] != seeds[0]]})
        sentences = host.locator("[data-comparison]").all_text_contents()
        assert sentences == [kept(one["sentence"]) for one in left["comparisons"]]
        assert host.get_attribute("data-verdict") == left["verdict"]
        host.locator("input[name=variant]").last.uncheck()
        off = record["variants"][-1]
        assert not host.locator(f"[data-variant='{off['name']}']").first.is_visible()
        assert off["description"] not in host.get_by_role("img").first.get_attribute("aria-label")
        assert fits(page), "scrolls sideways"
        assert accessibility_faults(page, include=f"[data-study={name}]") == []


def test_only_pages_with_recorded_studies_load_the_script(html):
    for page in PAGES:
        assert ("lightnets-studies.js" in (html / page).read_text(encoding="utf-8")) == (page in RECORDED), page
