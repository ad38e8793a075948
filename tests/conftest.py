"""Shared by all tests: one thread (two cores are shared with the browser), hypothesis without a clock, the browsers."""

from __future__ import annotations

from collections.abc import Iterator

import browsers
import pytest
import torch
from hypothesis import settings
from playwright.sync_api import Browser, Playwright, sync_playwright

settings.register_profile("lightnets", deadline=None, max_examples=60)
settings.load_profile("lightnets")


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright allows one session a process."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """See browsers.py."""
    browser = browsers.launch(playwright, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def firefox(playwright: Playwright) -> Iterator[Browser]:
    """See browsers.py."""
    browser = browsers.launch_firefox(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def browser(chromium: Browser) -> Browser:
    """The browser of a test; a module whose tests are for both takes `both_browsers` under this name."""
    return chromium


@pytest.fixture(scope="session", params=["chromium", "firefox"])
def both_browsers(request: pytest.FixtureRequest) -> Browser:
    """One after the other."""
    return request.getfixturevalue(request.param)
