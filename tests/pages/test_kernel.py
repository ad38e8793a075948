"""A kernel over a picture: what the page makes of it is PyTorch's convolution, and what is no number is refused."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from lightnets_edu.pages.live.look import kernel_here
from lightnets_edu.pages.live.look.shown import look_scripts

from .conftest import call

RESULT = """() => {
  const canvas = document.querySelector(".ln-look-result canvas");
  return [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0);
}"""


@pytest.fixture(scope="module")
def browser(both_browsers: Browser) -> Browser:
    return both_browsers


@pytest.fixture
def opened(browser: Browser, tmp_path: Path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "lightnets-kernel.js").write_text(dict(look_scripts())["lightnets-kernel.js"])
    body = f"<main><h1>Kernel</h1>{kernel_here().static_html()}</main>"
    (tmp_path / "page.html").write_text(f'<!doctype html><html lang="en"><meta charset="utf-8"><title>K</title>{body}')
    problems = []
    context = browser.new_context(viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    page.locator("[data-action=start]").click()
    page.locator("[data-output=sum]").wait_for()
    yield page
    context.close()
    assert problems == []


def convolved(kernel: list[float], place: int = 0) -> np.ndarray:
    pixels = np.frombuffer(base64.b64decode(kernel_here().spec["samples"]), np.uint8).reshape(-1, 28, 28)[place]
    image = torch.from_numpy(pixels.astype(np.float64))[None, None]
    return F.conv2d(image, torch.tensor(kernel, dtype=torch.float64).view(1, 1, 3, 3), padding=1)[0, 0].numpy()


def sum_of(page: Page) -> float:
    return float(page.locator("[data-output=sum]").get_attribute("data-value"))


def test_random_kernels(page):
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, 784)
    for _ in range(5):
        kernel = draw.normal(size=9)
        found = call(
            page,
            "live/look/kernel.js",
            "({ convolve }, ...both) => convolve(...both)",
            pixels.tolist(),
            kernel.tolist(),
        )
        image = torch.from_numpy(pixels.reshape(1, 1, 28, 28)).double()
        wanted = F.conv2d(image, torch.from_numpy(kernel).view(1, 1, 3, 3), padding=1)
        np.testing.assert_allclose(found, wanted.flatten(), atol=1e-9)


def test_numbers_are_typed_and_the_sum_is_followed(opened):
    page = opened
    kernel = [0.5, 0, 0, 0, -1, 0, 0, 0, 2]
    for cell, number in enumerate(kernel):
        page.locator(f"input[name=k{cell}]").fill(str(number).replace(".", ",").replace("-", "−"))
    assert page.locator("select[name=preset]").input_value() == ""
    wanted = convolved(kernel)
    assert sum_of(page) == pytest.approx(wanted[14, 9])
    page.locator(".ln-look-result canvas").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert sum_of(page) == pytest.approx(wanted[13, 11])
    assert "Pixel in row 14, column 12" in page.locator(".ln-live-words").last.text_content()
    shown = np.array(page.evaluate(RESULT)).reshape(28, 28)
    np.testing.assert_allclose(shown, 127.5 + 127.5 * wanted / np.abs(wanted).max(), atol=1)
    page.locator("input[name=k4]").fill("one")
    assert "“one” is no number" in page.locator("[role=status]").text_content()
    assert page.locator("input[name=k4]").get_attribute("aria-invalid") == "true"
    np.testing.assert_array_equal(np.array(page.evaluate(RESULT)).reshape(28, 28), shown)
    page.locator("input[name=k4]").fill("0")
    assert "is no number" not in page.locator("[role=status]").text_content()
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []


def test_presets_and_another_picture(opened):
    page = opened
    page.locator("select[name=preset]").select_option(label="nothing changed")
    page.locator(".ln-look-shelf button").nth(8).click()
    pixels = convolved([0, 0, 0, 0, 1, 0, 0, 0, 0], 8)
    shown = np.array(page.evaluate(RESULT)).reshape(28, 28)
    np.testing.assert_allclose(shown, 255 * pixels / pixels.max(), atol=1)
    assert "Black is 0" in page.locator("[role=status]").text_content()
