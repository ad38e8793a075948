"""A press is enough: two networks train in the page, can be stopped, and what is said of them is what was counted."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from lightnets_edu.pages.live.train import train_here, train_pairs_here
from lightnets_edu.pages.live.train.shown import TrainHere, train_scripts

from .conftest import call
from .test_live_page import WATCH

POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'"
PAIR = {"gates": "with gates", "plain": "without gates"}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(both_browsers: Browser) -> Browser:
    return both_browsers


def short() -> TrainHere:
    """The widget with 31 steps."""
    widget = train_here("senet", PAIR)
    recipe = {**widget.spec["recipe"], "epochs": 0.5, "batch": 64, "rise": 6}
    widget.spec = {**widget.spec, "recipe": recipe}
    return widget


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    (folder / "_static").mkdir()
    for name, text in train_scripts():
        (folder / "_static" / name).write_text(text, encoding="utf-8")
    for name, workers in (("page", "worker-src blob:"), ("strict", "worker-src 'none'")):
        policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}; {workers}">'
        head = f'<meta charset="utf-8">{policy}<title>Train</title>'
        body = f"<main><h1>Train</h1>{short().static_html()}</main>"
        (folder / f"{name}.html").write_text(f'<!doctype html><html lang="en">{head}{body}', encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser: Browser, folder: Path) -> Iterator[Open]:
    """Open a page from the disk; nothing may go wrong on it."""
    contexts, problems = [], []

    def open_page(name: str = "page", script: str = "", **options) -> Page:
        contexts.append(browser.new_context(**options))
        contexts[-1].add_init_script(script)
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((folder / f"{name}.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    # Firefox calls a worker that the page's policy refuses an error of the page; the page says so in a sentence.
    assert [one for one in problems if "blocked a worker script (worker-src)" not in one] == []


def says(page: Page, words: str) -> None:
    page.locator("[role=status]", has_text=words).wait_for(timeout=150_000)


def numbers(page: Page) -> dict[str, dict[str, float]]:
    rows = page.evaluate(
        """() => [...document.querySelectorAll("[data-live-row]")].map((row) => [row.dataset.block,
          Object.fromEntries([...row.querySelectorAll("[data-value]")].map((e) =>
            [e.dataset.output, Number(e.dataset.value)]))])"""
    )
    return dict(rows)


def test_two_trainings(opened):
    """The second has another seed; the sentence has the numbers of both, and the page stays alive."""
    page = opened(viewport={"width": 390, "height": 900})
    page.evaluate(WATCH)
    host = page.locator("[data-live=train]")
    page.locator("[data-action=start]").press("Enter")
    says(page, "Training with seed 1.")
    assert host.get_attribute("aria-busy") == "true" and page.locator("progress").is_visible()
    says(page, "Done: 31 steps of each network with seed 1.")
    first = numbers(page)
    assert list(first) == list(PAIR)
    for row in first.values():
        assert 0.2 < row["test_accuracy"] < 1 and 0 < row["loss"] < 2.3 and row["steps_per_second"] > 0
        assert (row["test_accuracy"] * 1024) % 1 == 0
    assert "held_accuracy" in first["gates"] and "held_accuracy" not in first["plain"]
    assert "decides nothing yet" in page.locator(".ln-live-words").first.text_content()
    assert page.locator(".ln-train-filters canvas").count() == 32
    page.locator("[data-action=start]").press("Enter")
    says(page, "Done: 31 steps of each network with seed 2.")
    second = numbers(page)
    assert second["plain"]["loss"] != first["plain"]["loss"]
    said = page.locator(".ln-live-words").first.text_content()
    for name, words in PAIR.items():
        least, most = sorted(run[name]["test_accuracy"] for run in (first, second))
        assert f"{words}: {50 * (least + most):.1f} % ({100 * least:.1f} % to {100 * most:.1f} %)" in said
    points = [100 * (run["gates"]["test_accuracy"] - run["plain"]["test_accuracy"]) for run in (first, second)]
    shown = [float(one.replace("\u2212", "-")) for one in re.findall(r"[+\u2212]\d+\.\d", said)]
    assert shown == pytest.approx([sum(points) / 2, min(points), max(points)], abs=0.051)
    assert ("do not agree on its sign" in said) == (min(points) <= 0 <= max(points))
    assert host.get_attribute("aria-busy") == "false"
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []
    assert sum(page.evaluate("() => globalThis.longTasks ?? []")) < 500  # of a busy machine


def test_it_is_stopped(opened):
    page = opened(color_scheme="dark")
    page.locator("[data-action=start]").click()
    says(page, "Training with seed 1.")
    page.locator("[data-live-row] [data-output=loss][data-value]").first.wait_for()
    page.locator("[data-action=stop]").click()
    says(page, "of 31 steps; this seed does not count.")
    page.locator("[data-live=train][aria-busy=false]").wait_for()
    assert page.locator(".ln-live-words").first.text_content() == ""
    assert page.evaluate("() => document.activeElement.dataset.action") == "start"


def test_a_hidden_page_pauses(opened):
    page = opened()
    page.evaluate(
        """() => {
          let hidden = true;
          Object.defineProperty(document, "hidden", { get: () => hidden });
          window.showAgain = () => { hidden = false; document.dispatchEvent(new Event("visibilitychange")); };
        }"""
    )
    page.locator("[data-action=start]").click()
    says(page, "Training with seed 1.")
    page.wait_for_timeout(1000)
    assert page.locator("[data-output=loss][data-value]").count() == 0
    page.evaluate("() => showAgain()")
    page.locator("[data-output=loss][data-value]").first.wait_for()


@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        ("strict", "", "this browser does not allow it here"),
        ("page", "delete globalThis.WebAssembly;", "This browser runs no WebAssembly"),
        ("page", "delete globalThis.DecompressionStream;", "too old to unpack the engine"),
    ],
    ids=["no worker", "no WebAssembly", "no unpacking"],
)
def test_what_a_browser_lacks_is_said(opened, name, script, words):
    page = opened(name, script)
    page.locator("[data-action=start]").click()
    says(page, words)
    page.locator("[data-live=train][aria-busy=false]").wait_for()
    assert all("test_accuracy" not in row for row in numbers(page).values())


SENTENCES = "({ sentencesOf }, results) => sentencesOf(results)"


@pytest.mark.parametrize(
    ("first", "other", "words"),
    [
        ([], [], []),
        ([0.5], [0.6], ["One: 50.0 %; Two: 60.0 %", "decides nothing yet"]),
        ([0.5, 0.7], [0.4, 0.6], ["One: 60.0 % (50.0 % to 70.0 %)", "+10.0 points", "same sign with each of the 2"]),
        ([0.4, 0.5], [0.5, 0.7], ["\u221215.0 points (\u221220.0 to \u221210.0 points)", "same sign"]),
        ([0.5, 0.6], [0.6, 0.5], ["the 2 seeds do not agree on its sign"]),
        ([0.5, 0.6], [0.5, 0.5], ["the 2 seeds do not agree on its sign"]),
    ],
)
def test_sentences(page, first, other, words):
    results = [{"words": "One", "right": first}, {"words": "Two", "right": other}]
    said = call(page, "live/train/seeds.js", SENTENCES, results)
    assert (said == "") == (not words) and all(one in said for one in words)


def test_only_networks_are_trained():
    with pytest.raises(ValueError, match="kinds"):
        train_pairs_here({}, ("trouser", "boot"))
    with pytest.raises(ValueError, match="'mean' cannot be trained"):
        train_here("senet", {"gates": "gates", "mean": "means"})
    with pytest.raises(ValueError, match="'ghost'"):
        train_here("senet", {"ghost": "ghosts"})


def test_sizes():
    """The engine is small, and the introduction says how large the pictures are."""
    scripts = dict(train_scripts())
    assert len(gzip.compress(scripts["lightnets-train.js"].encode())) <= 40_000
    pictures = len(scripts["lightnets-pictures.js"])
    assert pictures <= 1_400_000
    html = train_here("senet", PAIR).static_html()
    assert f"({pictures / 1e6:.1f} MB)" in html and len(gzip.compress(html.encode())) <= 6000
