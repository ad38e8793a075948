"""A trained network in a page computes what PyTorch computes of a picture, and everything in it can be changed."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page
from torch import nn

from lightnets_edu.models import get_model
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation
from lightnets_edu.pages.live.look import look_at_photos, look_here
from lightnets_edu.pages.live.look import shown as shown_module
from lightnets_edu.pages.live.look.photo_network import LARGEST, quantised
from lightnets_edu.pages.live.look.shown import PHOTO_NAME, look_scripts, photo_network
from lightnets_edu.pages.live.look.trained import LOOKED_INTO, describe, fold, image_of, load
from lightnets_edu.pages.live.rows import network_rows
from lightnets_edu.recording.studies import get_study
from lightnets_edu.recording.studies.runs import image_sets
from lightnets_edu.training import evaluate
from lightnets_edu.training.data import Normalisation

from .conftest import call

POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'"
FIRST = {"ghostnet": "filters", "senet": "gates", "mobilenet_v1": "filters", "squeezenet": "maps"}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(both_browsers: Browser) -> Browser:
    return both_browsers


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("look")
    (folder / "_static").mkdir()
    for name, text in look_scripts():
        (folder / "_static" / name).write_text(text, encoding="utf-8")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}; worker-src blob:; img-src \'self\' blob:">'
    shown = {name: look_here(name, first) for name, first in FIRST.items()}
    for name, widget in {**shown, PHOTO_NAME: look_at_photos()}.items():
        body = f"<main><h1>Look</h1>{widget.static_html()}</main>"
        page = f'<!doctype html><html lang="en"><meta charset="utf-8">{policy}<title>Look</title>{body}'
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser: Browser, folder: Path) -> Iterator[Open]:
    """Open a page from the disk and press; nothing may go wrong on it."""
    contexts, problems = [], []

    def open_page(name: str, **options) -> Page:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((folder / f"{name}.html").as_uri())
        page.locator("[data-action=start]").click()
        page.locator("[role=status]", has_text="The network's answer").wait_for(timeout=60_000)
        settled(page)
        assert page.locator("[data-channel]").count() >= 4
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def rebuilt(name: str) -> nn.Module:
    """The study's network in PyTorch, with the numbers that the page has."""
    trained = load(name)
    study = get_study(name)
    model = fold(study.variant(LOOKED_INTO[name]).build())
    numbers = torch.from_numpy(np.frombuffer(base64.b64decode(trained.weights), np.float16).astype(np.float32))
    named, place = dict(model.named_parameters()), 0
    with torch.no_grad():
        for row in network_rows(model, (1, 28, 28)):
            for key in filter(None, row.parameters):
                named[key].copy_(numbers[place : place + named[key].numel()].view_as(named[key]))
                place += named[key].numel()
    assert place == len(numbers) and place == sum(one.numel() for one in named.values())
    return model.eval()


def normalisation(name: str) -> Normalisation:
    trained = load(name)
    return Normalisation(tuple(trained.mean), tuple(trained.std))


def samples(name: str) -> torch.Tensor:
    """The pictures that the page has, as the network takes them."""
    pixels = np.frombuffer(base64.b64decode(load(name).samples), np.uint8).reshape(-1, 1, 28, 28)
    return image_of(normalisation(name), torch.from_numpy(pixels.copy()))


def settled(page: Page) -> None:
    """Wait until the network has run on all that was pressed, and all is painted."""
    page.locator("[data-live=look][aria-busy=false]").wait_for()


def shares(page: Page) -> np.ndarray:
    settled(page)
    rows = page.locator("[data-live-row] [data-output=probability]")
    return np.array(rows.evaluate_all("all => all.map((one) => Number(one.dataset.value))"))


def wait_until(page: Page, before: np.ndarray) -> np.ndarray:
    """The shares, when they are no longer what they were."""
    page.wait_for_function(
        "(before) => Math.abs(document.querySelector('[data-output=probability]').dataset.value - before) > 1e-9",
        arg=float(before[0]),
    )
    return shares(page)


@pytest.mark.parametrize("name", LOOKED_INTO)
def test_accuracy_is_that_of_the_stored_numbers(name):
    _, test_set = image_sets(get_study(name))
    found = evaluate(
        rebuilt(name), test_set, device="cpu", image_size=28, channels=1, normalisation=normalisation(name)
    )
    assert found[1] == pytest.approx(load(name).accuracy, abs=1.5 / len(test_set))  # one image may be on the edge
    assert load(name).accuracy > 0.85


@pytest.mark.parametrize("name", LOOKED_INTO)
@torch.inference_mode()
def test_answers_are_pytorchs(opened, name):
    page = opened(name)
    wanted = rebuilt(name)(samples(name)).softmax(1).numpy()
    np.testing.assert_allclose(shares(page), wanted[0], atol=1e-4)
    for place in (1, 7):
        before = shares(page)
        page.locator(".ln-look-shelf button").nth(place).click()
        np.testing.assert_allclose(wait_until(page, before), wanted[place], atol=1e-4)
    best = load(name).classes[int(wanted[7].argmax())]
    assert best in page.locator("[role=status]").text_content()


@torch.inference_mode()
def test_a_map_is_switched_off(opened):
    """The ghost of channel 3 is zero for all that reads it; pressing again brings it back."""
    page = opened("ghostnet")
    before = shares(page)
    page.locator("button[data-channel='3']").click()
    model = rebuilt("ghostnet")
    ghosts = model.features[2].cheap_operation

    def silence(module, inputs, output):
        output[:, 3] = 0
        return output

    hook = ghosts.register_forward_hook(silence)
    wanted = model(samples("ghostnet")[:1]).softmax(1)[0].numpy()
    hook.remove()
    np.testing.assert_allclose(wait_until(page, before), wanted, atol=1e-4)
    assert page.locator("button[data-channel='3']").get_attribute("aria-pressed") == "true"
    assert "1 channel is held by you" in page.locator("[role=status]").text_content()
    changed = shares(page)
    page.locator("[data-action=reset]").click()
    np.testing.assert_allclose(wait_until(page, changed), before, atol=1e-9)


@torch.inference_mode()
def test_gates_are_dragged(opened):
    """Each slider stands where PyTorch has the gate; one that is dragged holds it for the layers behind."""
    page = opened("senet")
    model, image = rebuilt("senet"), samples("senet")[:1]
    module = next(one for one in model.modules() if isinstance(one, SqueezeExcitation))
    gates = []
    hook = module.register_forward_hook(lambda module, inputs, output: gates.append(output / inputs[0]))
    model(image)
    hook.remove()
    wanted = gates[0].nanmedian(3).values.nanmedian(2).values[0]  # where a map is zero, so is its gated one
    shown = page.locator("[data-output=gate]").evaluate_all("all => all.map((one) => Number(one.dataset.value))")
    seen = ~wanted.isnan()
    np.testing.assert_allclose(np.array(shown)[seen], wanted[seen], atol=1e-3)
    before = shares(page)
    for channel in (0, 5):
        page.locator(f"input[data-channel='{channel}']").fill("1")
        after = wait_until(page, before)
        before = after

    def open_two(module, inputs, output):
        output[:, [0, 5]] = inputs[0][:, [0, 5]]
        return output

    hook = module.register_forward_hook(open_two)
    np.testing.assert_allclose(after, model(image).softmax(1)[0], atol=1e-4)
    hook.remove()


def picture(light: bool) -> bytes:
    """A bright square on dark paper, or the reverse, 60 x 40."""
    pixels = np.full((40, 60, 3), 240 if light else 10, np.uint8)
    pixels[12:28, 22:38] = 20 if light else 250
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


PHOTO_PIXELS = """() => {
  const canvas = document.querySelector(".ln-look-board canvas");
  return [...canvas.getContext("2d").getImageData(0, 0, 224, 224).data];
}"""
PIXELS = """() => {
  const canvas = document.querySelector(".ln-look-drawn");
  return [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0);
}"""


def test_a_picture_is_chosen_dropped_and_drawn(opened):
    page = opened("mobilenet_v1", viewport={"width": 390, "height": 900})
    for light in (False, True):
        before = shares(page)
        file = {"name": "mine.png", "mimeType": "image/png", "buffer": picture(light)}
        page.locator("input[type=file]").set_input_files(file)
        page.locator("[role=status]", has_text="answer").wait_for()
        wait_until(page, before)
        seen = np.array(page.evaluate(PIXELS)).reshape(28, 28)
        assert seen[14, 14] > 200 and seen[1, 1] < 40, "clothes are light on black"
        page.locator("[data-action=clear]").click()
    before = shares(page)
    drop = """(bytes) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
      const event = new DragEvent("drop", { dataTransfer: data, bubbles: true });
      document.querySelector(".ln-look-picture").dispatchEvent(event);
    }"""
    page.evaluate(drop, list(picture(False)))
    dropped = wait_until(page, before)
    page.evaluate(drop, [1, 2, 3])
    page.locator("[role=status]", has_text="dropped.png is no picture that this browser can read").wait_for()
    np.testing.assert_array_equal(shares(page), dropped)
    page.locator("[data-action=clear]").click()
    assert sum(page.evaluate(PIXELS)) == 0
    box = page.locator(".ln-look-drawn").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 20, steps=12)
    page.mouse.up()
    drawn = np.array(page.evaluate(PIXELS)).reshape(28, 28)
    assert (drawn[4:24, 14] > 100).all() and drawn[:, 3].max() == 0
    page.locator("[data-action=clear]").click()
    page.locator(".ln-look-drawn").focus()
    for key in ("ArrowRight", "ArrowRight", "Space", "ArrowDown", "Space"):
        page.keyboard.press(key)
    typed = np.array(page.evaluate(PIXELS)).reshape(28, 28)
    assert typed[14, 16] > 200 and typed[15, 16] > 200 and typed[14, 10] == 0
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []


PIECES = """async ({ makeLayer }, channels) => {
  let now = 0;
  performance.now = () => now += 20;  // so every map takes longer than a piece may
  const layer = { value: 1, kind: "maps", words: "maps", from: 0, row: ["conv", [1], [channels, 2, 2], [3]] };
  const shapes = [[1, 2, 2], [channels, 2, 2]], values = [new Float32Array(4), new Float32Array(4 * channels)];
  const { el, update } = makeLayer(layer, { shapes, filterOf: () => [], hold: () => {} });
  const state = { values, heldAt: () => undefined };
  const counts = [];
  let others = 0;
  const timer = setInterval(() => others++);
  await update(state, () => counts.length < 3 && counts.push(el.children.length) > 0);
  counts.push(el.children.length);
  await update(state, () => true);
  clearInterval(timer);
  return { counts, others, all: el.children.length };
}"""


def test_a_layer_is_painted_in_pieces(page):
    """Others get their turn between two pieces; what nobody wants any more is not painted to its end."""
    found = call(page, "live/look/maps.js", PIECES, 40)
    assert found["counts"] == [0, 1, 2, 3] and found["all"] == 40
    assert found["others"] > 0


FAIL = """() => {
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (order, ...rest) {
    return post.call(this, globalThis.failing ? { ...order, job: "none" } : order, ...rest);
  };
}"""


def test_a_run_that_fails_is_said_and_the_next_one_works(opened):
    page = opened("squeezenet")
    page.evaluate(FAIL)
    page.evaluate("() => { globalThis.failing = true; }")
    page.locator(".ln-look-shelf button").nth(3).click()
    page.locator("[role=status]", has_text="The network was not run").wait_for()
    settled(page)
    page.evaluate("() => { globalThis.failing = false; }")
    page.locator(".ln-look-shelf button").nth(4).click()
    page.locator("[role=status]", has_text="The network's answer").wait_for()


@pytest.mark.parametrize("name", LOOKED_INTO)
def test_every_layer_can_be_seen(opened, name):
    page = opened(name)
    rows = load(name).rows
    options = page.locator("select[name=layer] option").count()
    convolutions = [row for row in rows if row[0] == "conv" and row[2][1] >= 3]
    gates = [row for row in rows if row[0] == "gate"]
    assert options == len(convolutions) + len(gates)
    for place in range(options):
        page.locator("select[name=layer]").select_option(str(place))
        settled(page)
        assert page.locator("[data-live] [data-channel]").count() >= 4
        assert page.locator("[role=group][aria-label] canvas").count() >= 4
    assert Axe().run(page).response["violations"] == []


def test_a_photograph_is_seen_as_in_pytorch(opened):
    """Eight bits a weight, the same pixels: the five best answers are PyTorch's; another photograph has others."""
    page = opened(PHOTO_NAME, viewport={"width": 390, "height": 900})
    network = photo_network()
    model = get_model(PHOTO_NAME, weights="imagenet").eval()
    mean, std = (torch.tensor(network[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    for place in (0, 4):
        page.locator(".ln-look-shelf button").nth(place).click()
        name = network["photos"][place]["name"]
        page.locator(".ln-look-board [role=img]").and_(page.locator(f"[aria-label^='{name}']")).wait_for()
        pixels = np.array(page.evaluate(PHOTO_PIXELS), np.uint8).reshape(1, 224, 224, 4)[..., :3]
        image = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            wanted = model((image - mean) / std).softmax(1)[0]
        best = network["classes"][int(wanted.argmax())]
        page.locator("[role=status]", has_text=f"answer: {best}").wait_for()
        rows = page.locator("[data-live-row] [data-output=probability]")
        assert rows.count() == 5
        # The weights here are the full ones, so the answers differ by what eight bits change.
        assert shares(page)[0] == pytest.approx(float(wanted.max()), abs=0.1)
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []


@torch.inference_mode()
def test_eight_bits_are_what_they_say(opened):
    """Every value of the network is PyTorch's with the same rounded weights, on the hashed image."""
    page = opened(PHOTO_NAME)
    network = photo_network()
    model = fold(get_model(PHOTO_NAME, weights="imagenet"))
    weights, *_ = quantised(model)
    assert weights.min() >= -LARGEST and weights.max() == LARGEST and weights.dtype == np.int8
    assert gzip.decompress(base64.b64decode(network["weights"])) == weights.tobytes()
    pixels = np.array(page.evaluate(PHOTO_PIXELS), np.uint8).reshape(1, 224, 224, 4)[..., :3]
    image = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(network[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    wanted = model((image - mean) / std).softmax(1)[0].numpy()
    np.testing.assert_allclose(shares(page), np.sort(wanted)[::-1][:5], atol=2e-4)


def test_twins_are_those_of_least_squares(page):
    """For each map the best source, its kernel and R2, against NumPy; a map without any change has no twin."""
    draw = np.random.default_rng(0)
    channels, height, width = 7, 9, 12
    maps = draw.standard_normal((channels, height, width)).astype(np.float32)
    kernel = draw.standard_normal((3, 3))
    padded = np.pad(maps[2], 1)
    made = sum(kernel[i, j] * padded[i : i + height, j : j + width] for i in range(3) for j in range(3))
    maps[5] = made + 0.25 + 0.01 * draw.standard_normal((height, width))
    maps[6] = 3.0
    twins = call(page, "live/look/twins.js", FIND, maps.ravel().tolist(), channels, width)
    found = {twin["target"]: twin for twin in twins}
    assert set(found) == set(range(6))
    assert [twin["r2"] for twin in twins] == sorted((twin["r2"] for twin in twins), reverse=True)
    for target, twin in found.items():
        best = max((fit(maps, source, target), source) for source in range(6) if source != target)
        assert twin["source"] == best[1] and twin["r2"] == pytest.approx(best[0], abs=1e-5)
    np.testing.assert_allclose(found[5]["kernel"], kernel.ravel(), atol=0.02)
    assert found[5]["source"] == 2 and found[5]["r2"] > 0.999


FIND = """async ({ findTwins }, maps, channels, width) => {
  const twins = await findTwins(new Float32Array(maps), channels, width, async () => false);
  return twins.map((twin) => ({ ...twin, kernel: [...twin.kernel] }));
}"""


def fit(maps: np.ndarray, source: int, target: int) -> float:
    """R2 of the best 3 x 3 kernel with a constant."""
    _, height, width = maps.shape
    padded = np.pad(maps[source].astype(np.float64), 1)
    columns = [padded[i : i + height, j : j + width].ravel() for i in range(3) for j in range(3)]
    design = np.stack([*columns, np.ones(height * width)], 1)
    wanted = maps[target].astype(np.float64).ravel()
    solution, *_ = np.linalg.lstsq(design, wanted, rcond=None)
    return 1 - ((design @ solution - wanted) ** 2).sum() / ((wanted - wanted.mean()) ** 2).sum()


def test_twins_are_shown(opened):
    page = opened("ghostnet")
    assert page.locator("[data-action=twins]").count() == 0  # its ghosts are made by the network itself
    page = opened(PHOTO_NAME)
    page.locator("select[name=layer]").select_option("0")
    page.locator("[data-action=twins]").click()
    page.locator("[role=status]", has_text="can be made from another one").wait_for(timeout=60_000)
    rows = page.locator(".ln-look-twins [data-live-row]")
    assert 1 <= rows.count() <= 12
    shown = rows.locator("[data-output=r2]").evaluate_all("all => all.map((one) => Number(one.dataset.value))")
    assert shown == sorted(shown, reverse=True) and shown[0] <= 1
    assert rows.first.locator("canvas").count() == 3
    page.locator("select[name=layer]").select_option("3")
    page.locator("[data-action=twins]").click()
    page.locator("[data-action=stop]").click()
    page.locator("[role=status]", has_text="Stopped: the maps were not compared").wait_for()


def test_a_build_without_the_packages_says_so(monkeypatch):
    monkeypatch.setattr(shown_module, "photo_network", lambda: None)
    said = look_at_photos()
    assert "built without the packages" in said._repr_html_() and "<button" not in said._repr_html_()
    assert f"lightnets-look-{PHOTO_NAME}.js" not in dict(look_scripts())


def test_half_numbers_are_read(page):
    halves = np.array([0, 1, -2.5, 6e-8, 65504, 1 / 3, -1e-5], np.float16)
    text = base64.b64encode(halves.tobytes()).decode()
    found = call(page, "live/look/network.js", "({ halvesOf }, text) => [...halvesOf(text)]", text)
    np.testing.assert_array_equal(np.array(found, np.float32), halves.astype(np.float32))


def test_what_loads_on_a_press_is_small():
    scripts = dict(look_scripts())
    assert len(gzip.compress(scripts["lightnets-look.js"].encode())) <= 40_000
    for name in LOOKED_INTO:
        kilobytes = len(scripts[f"lightnets-look-{name}.js"]) / 1000
        assert kilobytes < 250 and f"({kilobytes:.0f} kB)" in look_here(name).static_html()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no trained network 'lenet'"):
        look_here("lenet")
    with pytest.raises(ValueError, match="first"):
        look_here("senet", first="ghosts")


def test_a_norm_that_belongs_elsewhere_is_not_folded():
    """Between the two stands something that the order of the modules does not show."""

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 10, 3), nn.BatchNorm2d(10)
            self.norm.weight.data.fill_(3)

        def forward(self, x):
            return self.norm(self.conv(x).square()).mean((2, 3))

    _, test_set = image_sets(get_study("ghostnet"))
    with pytest.raises(ValueError, match="does not belong to the convolution"):
        describe("odd", "odd", Odd(), normalisation("ghostnet"), test_set)
