"""The networks of a page are timed on a press, in words and numbers that can be trusted, and refused in sentences."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, TimeoutError
from torch import nn

from lightnets_edu.formulas import conv2d
from lightnets_edu.pages.clocks import costs_of, recorded_milliseconds
from lightnets_edu.pages.live import time_here
from lightnets_edu.pages.live.shown import CHOSEN, graphics_script, live_script
from lightnets_edu.statistics import spearman
from lightnets_edu.timing.clock import NOISE_LIMIT

from .conftest import call

FEW = ("mnasnet_small", "shufflenet_v2_x0_5", "ghostnet", "mobilenet_v1")
# Wasm may be compiled, and a worker made from a blob; no text becomes code, and nothing can be asked for.
POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'"
# Tasks of the page's own above 50 ms, as every run of a network in it would be one. Firefox does not tell of them.
WATCH = """() => {
  window.longTasks = [];
  const add = (list) => window.longTasks.push(...list.getEntries().map((task) => task.duration));
  new PerformanceObserver(add).observe({ type: "longtask" });
}"""
TRIES = 4
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(both_browsers: Browser) -> Browser:
    return both_browsers


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Pages beside the script, as the built book has them."""
    folder = tmp_path_factory.mktemp("live")
    (folder / "_static").mkdir()
    (folder / "_static" / "lightnets-live.js").write_text(live_script(), encoding="utf-8")
    (folder / "_static" / "lightnets-graphics.js").write_text(graphics_script(), encoding="utf-8")
    body = f'<!doctype html><html lang="en"><title>Live</title><main><h1>Live</h1>{time_here().static_html()}</main>'
    for name, policy in (("strict", f"{POLICY}; worker-src blob:"), ("no_worker", f"{POLICY}; worker-src 'none'")):
        meta = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        (folder / f"{name}.html").write_text(body.replace("<title>", f"{meta}<title>"), encoding="utf-8")
    (folder / "alone").mkdir()
    (folder / "alone" / "page.html").write_text(body, encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser: Browser, folder: Path) -> Iterator[Open]:
    """Open a page from the disk; nothing may go wrong on it and nothing else may be loaded than the one script."""
    contexts, problems, loaded = [], [], []

    def open_page(name: str = "strict.html", script: str = "", **options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: loaded.append(request.url))
        page.goto((folder / name).as_uri())
        assert loaded == ([page.url] if browser.browser_type.name == "chromium" else [])  # Firefox tells of no files
        return page

    yield open_page
    for context in contexts:
        context.close()
    # Firefox calls a worker that the page's policy refuses an error of the page; the page says so in a sentence.
    assert [one for one in problems if "blocked a worker script (worker-src)" not in one] == []
    ours = (".html", "_static/lightnets-live.js")
    assert [url for url in loaded if not url.startswith("blob:") and not url.endswith(ours)] == []


def status(page: Page) -> str:
    return page.locator("[data-live] [role=status]").text_content()


def wait_for_status(page: Page, words: str) -> None:
    """Until the page says so; one that another tab has pushed aside pauses, so it is put in front now and then."""
    for _ in range(5):
        try:
            return page.locator("[data-live] [role=status]", has_text=words).wait_for(timeout=30_000)
        except TimeoutError:
            page.bring_to_front()
    shown = page.locator("[data-live]").inner_text()
    raise AssertionError(f"not {words!r}, but {shown!r}; {page.evaluate('document.visibilityState')}")


def choose(page: Page, names: tuple[str, ...]) -> None:
    """Load the engine and check just these networks."""
    page.locator("[data-action=choose]").click()
    page.locator("[data-live] details fieldset").wait_for()
    for name in {*CHOSEN, *names}:
        page.locator(f"input[name=network][value={name}]").set_checked(name in names)


def read_rows(page: Page, kind: str = "network") -> dict[str, dict[str, float]]:
    """The numbers of each row, by network or block."""
    return page.evaluate(
        """(kind) => Object.fromEntries([...document.querySelectorAll(`[data-live-row][data-${kind}]`)].map((row) => [
          row.dataset[kind],
          Object.fromEntries([...row.querySelectorAll("[data-output]")].map((e) =>
            [e.dataset.output, Number(e.dataset.value)])),
        ]))""",
        kind,
    )


def time_chosen(page: Page, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    page.locator("[data-action=start]").click()
    page.locator("[data-live][aria-busy=false]").wait_for(timeout=150_000)
    wait_for_status(page, f"Done: {len(names)} of {len(names)} networks")
    return read_rows(page)


def test_times_are_shown_with_what_they_say(opened):
    page = opened(viewport={"width": 390, "height": 800}, color_scheme="dark")
    choose(page, FEW)
    page.evaluate(WATCH)
    rows = time_chosen(page, FEW)
    assert page.locator("[data-live]").get_attribute("aria-busy") == "false"
    assert set(rows) == set(FEW)
    quiet = [name for name in rows if rows[name]["spread"] <= NOISE_LIMIT]
    for name, row in rows.items():
        if name not in quiet:
            assert set(row) == {"spread"} and name in page.locator("div.ln-live-words").text_content()
            continue
        assert row["milliseconds"] > 0
        assert row["macs_per_second"] == pytest.approx(costs_of(name).macs / row["milliseconds"] * 1000)
        recorded = recorded_milliseconds("cpu")[name]
        cells = page.locator(f"[data-network={name}] td").all_text_contents()
        assert float(cells[3]) == pytest.approx(recorded, rel=0.01)
    if len(quiet) == len(FEW):
        seconds = [rows[name]["milliseconds"] for name in FEW]
        said = page.locator("div.ln-live-words").text_content()
        for proxy in ("macs", "activations", "layers"):
            rank = spearman([getattr(costs_of(name), proxy) for name in FEW], seconds)
            assert f"{rank:.2f}".replace("-", "−") in said
    # A busy machine can make any task long; a network that ran in the page would make dozens long, each time.
    tries = [page.evaluate("() => longTasks.splice(0)")]
    while tries[-1] and len(tries) < TRIES:
        time_chosen(page, FEW)
        tries.append(page.evaluate("() => longTasks.splice(0)"))
    assert min(map(len, tries)) <= 2, tries
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []


def test_keyboard_stop_and_what_the_browser_keeps(opened):
    page = opened()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("[data-live][aria-busy=true]").wait_for()
    assert page.evaluate("() => document.activeElement.dataset.action") == "stop"
    page.locator("[data-live-row]").first.wait_for(timeout=60_000)
    page.keyboard.press("Enter")
    wait_for_status(page, "Stopped: ")
    assert page.locator("[data-live]").get_attribute("aria-busy") == "false"
    assert page.evaluate("() => document.activeElement.dataset.action") == "start"
    rows = read_rows(page)
    assert 0 < len(rows) < len(CHOSEN)
    page.reload()
    page.locator("[data-action=choose]").click()
    wait_for_status(page, "from this browser")
    assert read_rows(page) == rows
    page.locator("[data-action=forget]").click()
    assert read_rows(page) == {} and page.evaluate("() => localStorage.length") == 0


def test_a_file_and_back(opened, tmp_path):
    page = opened()
    choose(page, FEW[:2])
    rows = time_chosen(page, FEW[:2])
    with page.expect_download() as download:
        page.locator("[data-action=save]").click()
    saved = tmp_path / "times.json"
    download.value.save_as(saved)
    page.locator("[data-action=forget]").click()
    page.locator("input[type=file]").first.set_input_files(saved)
    wait_for_status(page, "from a file")
    assert read_rows(page) == rows
    good = json.loads(saved.read_text())
    name = FEW[0]
    broken = {
        "not JSON": "{",
        "format should be": json.dumps({**good, "format": "times"}),
        "a network unknown here": json.dumps({**good, "times": {"lenet": good["times"][name]}}),
        f"entry of {name} is no timing": json.dumps({**good, "times": {name: {"milliseconds": -1}}}),
        "date cannot be read": json.dumps({**good, "date": "yesterday"}),
    }
    for words, text in broken.items():
        saved.write_text(text)
        page.locator("input[type=file]").first.set_input_files(saved)
        wait_for_status(page, words)
        assert read_rows(page) == rows


@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        ("no_worker.html", "", "in a worker, beside the page, and this browser does not allow it here"),
        ("strict.html", "delete window.WebAssembly;", "This browser runs no WebAssembly"),
        ("strict.html", "window.Worker = class { constructor() { throw Error('none') } };", "not allow it here (none)"),
        ("strict.html", "delete window.DecompressionStream;", "has no DecompressionStream"),
        ("alone/page.html", "", "the file lightnets-live.js is not beside this page"),
    ],
)
def test_what_cannot_be_is_said(opened, name, script, words):
    page = opened(name, script)
    page.locator("[data-action=start]").click()
    wait_for_status(page, words)
    assert page.locator("[data-live]").get_attribute("aria-busy") != "true"


def test_a_network_without_memory_is_skipped(opened):
    """Its name is said, and the others are timed."""
    refuse = """
      const url = URL.createObjectURL;
      const grow = `{
        const { grow } = WebAssembly.Memory.prototype;
        WebAssembly.Memory.prototype.grow = function (pages) {
          if (pages > 230) throw RangeError();
          return grow.call(this, pages);
        };
      }`;
      URL.createObjectURL = (blob) => url(new Blob([grow, blob]));
    """
    page = opened(script=refuse)
    small, large = FEW[0], "mobilenet_v1"  # with weights of 16 MB, and a page of memory has 64 kB
    choose(page, (small, large))
    page.locator("[data-action=start]").click()
    wait_for_status(page, "Done: 1 of 2 networks were timed.")
    wait_for_status(page, f"{large} was not timed: this browser does not give so much memory: it needs about")
    assert set(read_rows(page)) == {small}


def test_a_network_that_does_not_fit_cannot_be_chosen(opened):
    page = opened(script="Object.defineProperty(navigator, 'deviceMemory', { get: () => 0.5 });")
    page.locator("[data-action=choose]").click()
    page.locator("[data-live] details fieldset").wait_for()
    boxes = {box.get_attribute("value"): box.is_enabled() for box in page.locator("input[name=network]").all()}
    for name, enabled in boxes.items():
        weights = 4 * costs_of(name).params / 2**20
        assert not (enabled and weights > 128), name
    assert all(boxes[name] for name in CHOSEN) and not boxes["alexnet"]


def test_a_hidden_page_pauses(opened):
    """A block during which the page was hidden does not count, and none begins while it is."""
    page = opened()
    choose(page, FEW[:1])
    page.evaluate(
        """() => {
          let hidden = true;
          Object.defineProperty(document, "hidden", { get: () => hidden });
          window.showAgain = () => { hidden = false; document.dispatchEvent(new Event("visibilitychange")); };
        }"""
    )
    page.locator("[data-action=start]").click()
    wait_for_status(page, "Round 1 of 3.")
    page.wait_for_timeout(1000)  # longer than the first round takes
    assert read_rows(page) == {}
    page.evaluate("() => showAgain()")
    wait_for_status(page, "Done: 1 of 1")


def test_the_summary_of_samples(page):
    samples = np.random.default_rng(0).lognormal(size=9)
    found = call(page, "live/clock.js", "({ summary }, samples) => summary(samples, 90)", samples.tolist())
    low, median, high = np.percentile(samples, [25, 50, 75])
    assert found == pytest.approx({"milliseconds": median, "spread": (high - low) / median, "runs": 90})


def test_one_layer_four_ways(opened):
    """The speeds are those of the formulas' MACs, and the sentence is made from them."""
    page = opened(viewport={"width": 390, "height": 800})
    choose(page, ())
    for name, value in (("channels", "64"), ("map", "14"), ("kernel", "5"), ("groups", "8")):
        page.locator(f"select[name={name}]").select_option(value)
    page.locator("[data-action=start-convolutions]").click()
    wait_for_status(page, "Done: 4 of 4 convolutions were timed.")
    layer = {"in_channels": 64, "out_channels": 64, "out_height": 14, "out_width": 14}
    wanted = {
        "standard": conv2d(**layer, kernel_size=5).macs,
        "grouped": conv2d(**layer, kernel_size=5, groups=8).macs,
        "depthwise": conv2d(**layer, kernel_size=5, groups=64).macs,
        "pointwise": conv2d(**layer, kernel_size=1).macs,
    }
    rows = read_rows(page, "block")
    assert list(rows) == list(wanted)
    for name, row in rows.items():
        if row["spread"] <= NOISE_LIMIT:
            assert row["macs_per_second"] * row["milliseconds"] / 1000 == pytest.approx(wanted[name])
    if all(rows[name]["spread"] <= NOISE_LIMIT for name in ("standard", "depthwise")):
        cost = {name: rows[name]["milliseconds"] / wanted[name] for name in ("standard", "depthwise")}
        said = page.locator(".ln-live-words", has_text="A MAC of the depthwise").text_content()
        assert f"takes {cost['depthwise'] / cost['standard']:.3g} times" in said
    assert Axe().run(page).response["violations"] == []


def test_noise_is_refused_in_a_sentence(page):
    said = call(
        page,
        "live/results.js",
        "({ sentences }, times, networks) => sentences({ times }, networks, 0.1, [['ghostnet', 'mobilenet_v1']])",
        {
            "ghostnet": {"milliseconds": 6, "spread": 0.05},
            "mobilenet_v1": {"milliseconds": 8, "spread": 0.01},
            "alexnet": {"milliseconds": 9, "spread": 0.2},
        },
        {name: {"macs": macs} for name, macs in (("ghostnet", 100), ("mobilenet_v1", 400), ("alexnet", 700))},
    )
    assert said == [
        "Here ghostnet takes 0.75 times as long as mobilenet_v1, with 0.25 times as many MACs: a MAC of it takes "
        "3 times as long.",
        "The time of alexnet was refused: the middle half of the samples spans more than 10 % of the median. "
        "Something else was running.",
    ]


def test_a_pair_is_told_with_its_ratio_elsewhere(page):
    said = call(
        page,
        "live/results.js",
        """({ sentences }, times, networks, beside) =>
          sentences({ times }, networks, 0.1, [["a", "none"], ["a", "b"]], beside)""",
        {"a": {"milliseconds": 6, "spread": 0}, "b": {"milliseconds": 8, "spread": 0}},
        {"a": {"macs": 100}, "b": {"macs": 400}},
        [{"of a pair that was not timed": 5}, {"one clock": 1.25, "another": 0.5}],
    )
    assert said == [
        "Here a takes 0.75 times as long as b, with 0.25 times as many MACs: a MAC of it takes 3 times as long. "
        "Elsewhere it took 1.25 times (one clock) and 0.5 times (another) as long.",
    ]


def test_recorded_ratios_stand_beside_pairs():
    pair, own = ("ghostnet", "mobilenet_v1"), {name: (nn.Conv2d(4, 4, 1), (4, 7, 7)) for name in "ab"}
    first, second = time_here([], [pair, ("a", "b")], own, beside={("a", "b"): {"the paper's": 2.0}}).spec["beside"]
    wanted = [recorded_milliseconds(device) for device in ("cpu", "cpu-onnxruntime")]
    assert list(first.values()) == pytest.approx([one[pair[0]] / one[pair[1]] for one in wanted], rel=1e-3)
    assert second == {"the paper's": 2.0}
    with pytest.raises(ValueError, match="not among the pairs"):
        time_here(beside={("a", "b"): {"the paper's": 2.0}})


def test_another_devices_file_is_compared(opened, tmp_path):
    """Chosen or dropped: its times are one more column, its device has a name, and the reader's own times stay."""
    page = opened(viewport={"width": 390, "height": 800})
    choose(page, FEW[:2])
    rows = time_chosen(page, FEW[:2])
    timing = {"milliseconds": 12.5, "spread": 0.01, "runs": 9}
    browser = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Safari/604"
    file = {"format": "lightnets-live-times", "date": "2026-05-01T10:00:00.000Z", "browser": browser}
    text = json.dumps({**file, "times": {FEW[0]: timing}})
    saved = tmp_path / "phone.json"
    saved.write_text(text)
    page.locator("input[type=file]").nth(1).set_input_files(saved)
    wait_for_status(page, "Compared with Safari 19 on iPhone, 1 May 2026: 1 network.")
    drop = """(text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], "other.json"));
      document.querySelector("[data-live]").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    }"""
    page.evaluate(drop, text.replace("iPhone;", "Android;").replace("12.5", "25"))
    wait_for_status(page, "Compared with Safari 19 on Android, 1 May 2026")
    heads = page.locator("[data-live] table").first.locator("thead th").all_text_contents()
    cells = page.locator(f"[data-network={FEW[0]}]").locator("th, td").all_text_contents()
    found = dict(zip(heads, cells, strict=False))
    assert found["Safari 19 on iPhone, 1 May 2026, ms"] == "12.5"
    assert found["Safari 19 on Android, 1 May 2026, ms"] == "25"
    assert read_rows(page) == rows
    legend = page.locator(".ln-live-legend li").all_text_contents()
    if all("milliseconds" in row for row in rows.values()):  # else the chart has too few dots to be drawn
        assert legend[0] == "this device" and legend[-2:] == [head.removesuffix(", ms") for head in heads[-2:]]
    page.evaluate(drop, "{}")
    wait_for_status(page, "This file holds no times of networks")
    assert page.locator("[data-live] table").first.locator("thead th").all_text_contents() == heads
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Remove Safari 19 on iPhone, 1 May 2026").press("Enter")
    wait_for_status(page, "Safari 19 on iPhone, 1 May 2026 is no longer compared.")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "Remove Safari 19 on Android, 1 May 2026"
    left = page.locator("[data-live] table").first.locator("thead th").all_text_contents()
    assert left == [head for head in heads if "iPhone" not in head]
    assert read_rows(page) == rows


def test_a_file_is_shown_without_times_of_ones_own(opened):
    """And the reader's own can be forgotten without it."""
    page = opened()
    choose(page, ())
    timing = {"milliseconds": 12.5, "spread": 0.01, "runs": 9}
    noisy = {**timing, "spread": NOISE_LIMIT + 0.01}
    file = {"format": "lightnets-live-times", "date": "2026-05-01T10:00:00.000Z", "browser": "Firefox/200 (Windows)"}
    text = json.dumps({**file, "times": {FEW[0]: timing, FEW[1]: noisy}}).encode()
    chosen = {"name": "other.json", "mimeType": "application/json", "buffer": text}
    page.locator("input[type=file]").nth(1).set_input_files(chosen)
    wait_for_status(page, "Compared with Firefox 200 on Windows, 1 May 2026: 1 network.")
    assert read_rows(page) == {FEW[0]: {}}  # no number of the reader's own, and no noise
    assert page.locator(f"[data-network={FEW[0]}] td").last.text_content() == "12.5"
    page.locator("[data-action=remove]").click()
    assert read_rows(page) == {} and not page.locator(".ln-live-others").is_visible()
    assert (
        page.evaluate("() => document.activeElement.parentElement.textContent") == "Compare with another device's file"
    )


def test_the_chart_has_a_dot_for_each_time(opened):
    page = opened()
    choose(page, ())
    times = {name: {"milliseconds": 3 + i, "spread": 0.01, "runs": 9} for i, name in enumerate(FEW)}
    noisy = {"squeezenet1_1": {"milliseconds": 5, "spread": NOISE_LIMIT + 0.01, "runs": 9}}
    file = {"format": "lightnets-live-times", "date": "2026-05-01T10:00:00.000Z", "browser": "Firefox/200"}
    text = json.dumps({**file, "times": {**times, **noisy}}).encode()
    chosen = {"name": "times.json", "mimeType": "application/json", "buffer": text}
    page.locator("input[type=file]").first.set_input_files(chosen)
    wait_for_status(page, "from a file")
    titles = page.locator(".ln-live-mark-0 title").all_text_contents()
    assert sorted(titles) == sorted(f"{name}, this device: {3 + i} ms" for i, name in enumerate(FEW))
    quiet = list(FEW)
    for cost in ("activations", "layers", "macs"):
        page.locator(f".ln-live-chart input[value={cost}]").check()
        places = page.evaluate(
            """() => [...document.querySelectorAll(".ln-live-mark-0")].filter((one) => one.querySelector("title"))
              .map((one) => [one.textContent.split(",")[0], one.getBoundingClientRect().x])"""
        )
        in_order = [name for name, _ in sorted(places, key=lambda place: place[1])]
        wanted = sorted(quiet, key=lambda name: getattr(costs_of(name), cost))
        assert [getattr(costs_of(name), cost) for name in in_order] == [getattr(costs_of(n), cost) for n in wanted]


def test_a_page_can_bring_its_own_blocks(browser, folder):
    """They are timed with the registry's networks, compared in words, and left out of what is kept."""
    block = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1, groups=2), nn.BatchNorm2d(16), nn.ReLU())
    twin = nn.Conv2d(8, 16, 3, padding=1)
    own = {"grouped block": (block, (8, 14, 14)), "standard layer": (twin, (8, 14, 14))}
    shown = time_here(["mnasnet_small"], [("grouped block", "standard layer")], own, layer=False)
    assert shown.spec["own"]["grouped block"]["macs"] == 16 * 4 * 9 * 14**2
    path = folder / "own.html"
    path.write_text(f'<!doctype html><html lang="en"><title>Own</title>{shown.static_html()}', encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.locator("[data-action=start]").click()
    wait_for_status(page, "Done: 3 of 3 networks were timed.")
    rows = read_rows(page)
    assert list(rows) == ["grouped block", "standard layer", "mnasnet_small"]
    if all("milliseconds" in row for row in rows.values()):
        assert "Here grouped block takes " in page.locator("div.ln-live-words").text_content()
        assert "with 0.5 times as many MACs" in page.locator("div.ln-live-words").text_content()
    kept = json.loads(page.evaluate("() => localStorage.getItem('lightnets.live.time')"))
    assert set(kept["times"]) == {"mnasnet_small"}
    assert page.locator("[data-action=start-convolutions]").count() == 0
    page.close()


@pytest.mark.parametrize("arguments", [{"networks": ["lenet"]}, {"pairs": [("ghostnet", "lenet")]}])
def test_an_unknown_network_is_refused(arguments):
    with pytest.raises(ValueError, match="'lenet' cannot be timed"):
        time_here(**arguments)


def test_the_profile_predicts(opened):
    """Speeds are shown, each chosen network is predicted before it is timed, and then the prediction is judged."""
    page = opened()
    choose(page, FEW[:2])
    page.locator("[data-action=start-profile]").click()
    wait_for_status(page, "layers were timed.")
    rows = read_rows(page, "block")
    assert {"pointwise", "standard", "depthwise", "linear", "bandwidth", "start"} <= set(rows)
    assert rows["standard"]["macs_per_second"] > rows["depthwise"]["macs_per_second"] > 1e8
    predicted = {name: row["predicted"] for name, row in read_rows(page).items()}
    assert set(predicted) == set(FEW[:2])
    timed = time_chosen(page, FEW[:2])
    for name, row in timed.items():
        assert row["predicted"] == predicted[name]
        if "milliseconds" in row:
            assert 0.4 < row["predicted"] / row["milliseconds"] < 2.5  # the machine is shared
    errors = [abs(row["predicted"] / row["milliseconds"] - 1) for row in timed.values() if "milliseconds" in row]
    said = page.locator("div.ln-live-words").text_content()
    assert f"over {len(errors)} network" in said if errors else "The networks can be timed now" in said


def test_the_prediction_is_judged_by_quiet_times(page):
    """Mean and largest relative error of what was timed without being disturbed."""
    costs = {"linear": [0.01, 0.2]}
    sizes = {"a": (8, 4), "b": (100, 12), "disturbed": (16, 16), "not timed": (4, 4)}
    times = {"a": 0.6, "b": 9.9, "disturbed": 50.0}
    networks = {
        name: {"rows": [["linear", [1], [outs, 1, 1], [0]]], "shape": [ins, 1, 1]}
        for name, (ins, outs) in sizes.items()
    }
    timings = {name: {"milliseconds": ms, "spread": 0.5 * (name == "disturbed")} for name, ms in times.items()}
    said = call(
        page,
        "live/device.js",
        "({ judge }, costs, networks, times) => judge({ costs }, networks, { times }, 0.1)",
        costs,
        networks,
        timings,
    )
    errors = [abs((0.01 * ins * outs + 0.2) / times[name] - 1) for name, (ins, outs) in sizes.items() if name in "ab"]
    mean, most = (f"{100 * error:.2g} %" for error in (sum(errors) / 2, max(errors)))
    assert said == (
        f"The prediction is off by {mean} on average, and by {most} at most, over 2 networks, none of which was timed "
        "for it."
    )


def test_costs_are_found_again(page):
    """Times that are sums of known costs: the fit finds these, and none below zero."""
    draw = np.random.default_rng(0)
    costs = np.array([2e-8, 0.0, 3e-6, 1e-4])
    amounts = draw.uniform(1, 10, (14, 4)) * np.array([1e7, 1e6, 1e4, 10])
    times = amounts @ costs
    found = call(
        page, "live/profile.js", "({ fitCosts }, ...two) => fitCosts(...two)", amounts.tolist(), times.tolist()
    )
    np.testing.assert_allclose(found, costs, rtol=1e-3, atol=1e-12)
    assert min(found) >= 0


def test_the_engine_is_small():
    """Component, engine, kernels and all networks, as they are sent."""
    assert len(gzip.compress(live_script().encode())) <= 40_000
