"""Shared by all tests: one thread (two cores are shared with the browser), hypothesis without a clock, one browser."""

from __future__ import annotations

from collections.abc import Iterator

import browsers
import pytest
import torch
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

settings.register_profile("lightnets", deadline=None, max_examples=60)
settings.load_profile("lightnets")


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """See browsers.py (Playwright allows one session a process)."""
    with sync_playwright() as playwright:
        browser = browsers.launch(playwright, tmp_path_factory.mktemp("browser"))
        yield browser
        browser.close()
