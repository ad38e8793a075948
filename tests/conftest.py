"""Shared by all tests: one thread (two cores are shared with the browser), hypothesis without a clock, one browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

settings.register_profile("lightnets", deadline=None, max_examples=60)
settings.load_profile("lightnets")

BROWSER_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The system's Chromium, else Playwright's own (Playwright allows one session a process).

    Its crash reports go into a temporary folder, not into the home.
    """
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("browser"))}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=BROWSER_ARGUMENTS, env=environment
        )
        yield browser
        browser.close()
