"""The engine on the graphics chip computes what PyTorch computes, keeps time, and says what it lacks.

No test needs a chip: Chromium brings a program that stands in for one. Without that program these tests fail.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from lightnets_edu.formulas import conv2d
from lightnets_edu.pages.live import time_here
from lightnets_edu.pages.live.rows import compact, network_rows
from lightnets_edu.pages.live.shown import graphics_script
from lightnets_edu.timing.clock import NOISE_LIMIT

from .conftest import ADDRESS, call
from .live_outputs import GRAPHICS, assert_random_convolutions, network_error, odd_error, small_network
from .test_live_page import WATCH, choose, folder, wait_for_status  # noqa: F401 (one is a fixture)

NETWORK = "mnasnet_small"
SCRIPT = "lightnets-graphics.js"
Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, folder: Path) -> Iterator[Open]:  # noqa: F811
    """Open a page from the disk with one network chosen to run on the graphics chip."""
    contexts, problems = [], []

    def open_page(place: str = "graphics", script: str = "", names: tuple[str, ...] = (NETWORK,), **options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.add_init_script(script)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((folder / "strict.html").as_uri())
        choose(page, names)
        if place:
            page.locator(f"input[name=place][value={place}]").check()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def read_placed(page: Page, kind: str) -> dict[tuple[str, str], dict[str, float]]:
    """The numbers of each row, by network or block and by place."""
    rows = page.evaluate(
        """(kind) => [...document.querySelectorAll(`[data-live-row][data-${kind}]`)].map((row) => [
          row.dataset[kind],
          row.dataset.place,
          Object.fromEntries([...row.querySelectorAll("[data-output]")].map((e) =>
            [e.dataset.output, Number(e.dataset.value)])),
        ])""",
        kind,
    )
    return {(name, place): numbers for name, place, numbers in rows}


def test_random_convolutions(page):
    assert_random_convolutions(page, GRAPHICS, 60)


@pytest.mark.parametrize("name", ["ghostnet", "shufflenet_v1", "efficientnet_lite0"])
def test_networks(page, name):
    assert network_error(page, name, GRAPHICS) < 1e-4


def test_what_the_three_networks_do_not_have(page):
    assert odd_error(page, GRAPHICS) < 1e-5


@pytest.mark.parametrize("clock", ["the chip's clock", "the page's clock"])
def test_a_submission_is_long_enough_for_the_clock(page, clock):
    """Runs are added until one submission takes 30 ms; what is told is the time of as many as were asked for."""
    timed = """async ({ GpuEngine }, own, rows, shape) => {
      if (!own) Object.defineProperty(GPUAdapter.prototype, "features", { get: () => new Set() });
      const engine = new GpuEngine({ EngineError: Error, StoppedError: Error });
      await engine.start();
      const longest = [];
      const submit = engine.submit.bind(engine);
      engine.submit = async (runs) => (longest[0] = { runs, milliseconds: await submit(runs) }).milliseconds;
      await engine.ask("build", { rows, shape });
      const told = await engine.ask("run", { times: 2 });
      engine.stop();
      return { told, least: engine.least, clock: Boolean(engine.clock), ...longest[0] };
    }"""
    model, shape = small_network()
    own = clock == "the chip's clock"
    found = call(page, "live/gpu.js", timed, own, compact(network_rows(model, shape)), shape)
    assert found["clock"] == own
    assert found["least"] >= 30 and found["milliseconds"] >= found["least"] and found["runs"] > 2
    assert found["told"] == pytest.approx(2 * found["milliseconds"] / found["runs"])


def test_one_layer_in_both_places(opened):
    """The page stays alive; the speeds are those of the formulas' MACs."""
    page = opened("both", viewport={"width": 390, "height": 800}, color_scheme="dark")
    loaded = []
    page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    for name, value in (("channels", "32"), ("map", "7")):
        page.locator(f"select[name={name}]").select_option(value)
    page.evaluate(WATCH)
    page.locator("[data-action=start-convolutions]").click()
    wait_for_status(page, "Done: 4 of 4 convolutions were timed on the processor and 4 of 4 on the graphics chip.")
    assert [name for name in loaded if name.endswith(".js")] == [SCRIPT]
    # Chromium's stand-in computes beside the page; what the page itself does stays short, but for a busy machine.
    assert sum(page.evaluate("() => longTasks")) < 500
    layer = {"in_channels": 32, "out_channels": 32, "out_height": 7, "out_width": 7}
    wanted = {
        "standard": conv2d(**layer, kernel_size=3).macs,
        "grouped": conv2d(**layer, kernel_size=3, groups=4).macs,
        "depthwise": conv2d(**layer, kernel_size=3, groups=32).macs,
        "pointwise": conv2d(**layer, kernel_size=1).macs,
    }
    rows = read_placed(page, "block")
    assert list(rows) == [(name, place) for name in wanted for place in ("processor", "graphics")]
    for (name, _), row in rows.items():
        if row["spread"] <= NOISE_LIMIT:
            assert row["macs_per_second"] * row["milliseconds"] / 1000 == pytest.approx(wanted[name])
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []


def test_a_network_until_it_is_stopped(opened):
    page = opened()
    page.locator("[data-action=start]").click()
    page.locator("[data-live-row]").wait_for(timeout=60_000)
    page.locator("[data-action=stop]").click()
    wait_for_status(page, "Stopped: 1 of 1 networks were timed on the graphics chip.")
    rows = read_placed(page, "network")
    assert set(rows) == {(NETWORK, "graphics")}
    assert "swiftshader) is software: a program that runs" in page.locator("div.ln-live-words").text_content()
    page.reload()
    page.locator("[data-action=choose]").click()
    wait_for_status(page, "from this browser")
    assert read_placed(page, "network") == rows


# Each is what a browser without it would be, or a chip that is less than it should be.
WRONG = """
  const dispatch = GPUComputePassEncoder.prototype.dispatchWorkgroups;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (x, y, z) {
    if (z === 1) dispatch.call(this, x, y, z);
  };
"""
SMALL = """
  Object.defineProperty(GPUDevice.prototype, "limits", {
    get: () => ({ maxStorageBufferBindingSize: 2 ** 20, maxBufferSize: 2 ** 20 }),
  });
"""
REFUSED = "GPUAdapter.prototype.requestDevice = async () => { throw new Error('too many') };"
LOST = """
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...wanted) {
    const device = await request.apply(this, wanted);
    setTimeout(() => device.destroy(), 1000);
    return device;
  };
"""
MEMORY = "GPUDevice.prototype.popErrorScope = async () => ({ message: 'none left' });"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (WRONG, f"{NETWORK} was not timed on the graphics chip: its result there is not the processor's."),
        (
            SMALL,
            f"{NETWORK} was not timed on the graphics chip: it needs 5 MB in one piece, and the graphics chip gives",
        ),
        (MEMORY, f"{NETWORK} was not timed on the graphics chip: there is not enough memory."),
        (REFUSED, "The browser refused the graphics chip (too many), so nothing was timed on it."),
        (LOST, "The browser lost the graphics chip"),
    ],
    ids=["wrong", "small", "memory", "refused", "lost"],
)
def test_what_a_chip_lacks_is_said(opened, script, words):
    page = opened(script=script)
    page.locator("[data-action=start]").click()
    wait_for_status(page, words)
    page.locator("[data-live][aria-busy=false]").wait_for()
    assert read_placed(page, "network") == {}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("delete Navigator.prototype.gpu;", "This browser offers no WebGPU here"),
        ("GPU.prototype.requestAdapter = async () => null;", "This browser gives pages no graphics chip"),
    ],
)
def test_no_choice_where_there_is_no_chip(opened, script, words):
    page = opened("", script)
    page.locator(".ln-live-places", has_text=words).wait_for()
    assert not page.locator("input[name=place]").first.is_visible()


def test_the_script_is_missing(opened, folder):  # noqa: F811
    script = folder / "_static" / SCRIPT
    text = script.read_text()
    script.unlink()
    page = opened()
    page.locator("[data-action=start]").click()
    wait_for_status(page, f"the file {SCRIPT} is not there")
    script.write_text(text)


def test_a_notebook_has_both_scripts_in_one(browser):
    """There is no file beside a notebook's output: the widget's own module brings the engine."""
    widget = time_here()
    context = browser.new_context()
    context.route(f"{ADDRESS}**", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page = context.new_page()
    page.goto(ADDRESS)
    page.evaluate(
        """async ([text, state]) => {
          const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
          const { default: component } = await import(url);
          component.render({ model: { get: (name) => state[name] }, el: document.body });
        }""",
        [str(widget._esm), {"shared": widget.shared, "spec": widget.spec}],
    )
    page.locator("input[name=place][value=graphics]").check()
    page.locator("[data-action=start-convolutions]").click()
    wait_for_status(page, "Round 1 of 3.")
    page.locator("[data-action=stop]").click()
    wait_for_status(page, "Stopped: ")
    context.close()


def test_the_difference_of_two_outputs(page):
    wanted = np.random.default_rng(0).normal(size=100)
    found = wanted + np.random.default_rng(1).normal(size=100) / 1000
    compare = "({ differenceOf }, found, wanted) => differenceOf(new Float32Array(found), new Float32Array(wanted))"
    difference = call(page, "live/gpu_check.js", compare, found.tolist(), wanted.tolist())
    assert difference == pytest.approx(np.abs(found - wanted).max() / wanted.std(), rel=1e-3)


def test_a_file_keeps_the_times_of_a_chip(page):
    timing = {"milliseconds": 2, "spread": 0.01, "runs": 9}
    chip = {"chip": "X", "software": False, "times": {"ghostnet": timing}}
    results = {"date": "2026-01-02", "browser": "B", "times": {"ghostnet": timing}, "graphics": chip}
    networks = {"ghostnet": {}}
    again = "({ toText, fromText }, results, networks) => fromText(toText(results, networks), networks)"
    assert call(page, "live/results.js", again, results, networks) == results
    broken = {**results, "graphics": {**chip, "software": "no"}}
    message = """({ toText, fromText }, results, networks) => {
      try { fromText(toText(results, networks), networks); } catch (error) { return error.message; }
    }"""
    assert "graphics chip cannot be read" in call(page, "live/results.js", message, broken, networks)


def test_the_second_script_is_small():
    assert len(gzip.compress(graphics_script().encode())) <= 12_000
