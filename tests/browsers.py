"""The tests' browsers: which, and how they are started. ``python tests/browsers.py`` makes sure that they are there.

All that needs a browser is tested in Chromium or Chrome, and what runs networks inside a page in Firefox too. In this
order: a browser of the machine; Playwright's own, downloaded if it can be; the system's package, where the user may
install it (Debian and its kin).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

# On the PATH, and where macOS and Windows put them.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
)
OFF = ("gpu", "quic", "background-networking", "component-update", "sync")
# WebGPU by SwiftShader, a program of Chromium's that stands in for a graphics chip: no test needs a chip.
SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"]
ARGUMENTS = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in OFF), *SOFTWARE_GPU]
FIREFOX_NAMES = ("firefox", "firefox-esr")
FIREFOX_PLACES = (
    "/Applications/Firefox.app/Contents/MacOS/firefox",
    r"C:\Program Files\Mozilla Firefox\firefox.exe",
)
FIREFOX_CHANNEL = "moz-firefox"  # a Firefox as it is delivered, which Playwright drives by the standard protocol
DRIVER_NEEDS = "libatomic1"  # Playwright's driver is a Node.js, which no bare Debian can start
PACKAGES = ("chromium", "firefox-esr")
ADVICE = (
    "The tests need Chromium or Chrome, and Firefox. One of them is not here or does not start, could not be "
    "downloaded, and this user cannot install the system's package: install both, or run "
    "`playwright install --with-deps chromium firefox` on a network."
)


def _found(names: Sequence[str], places: Sequence[str]) -> list[str]:
    on_the_path = [shutil.which(name) for name in names]
    return [*filter(None, on_the_path), *(place for place in places if os.path.isfile(place))]


def launch(playwright: Playwright, crashes: Path) -> Browser:
    """Start the machine's Chromium or Chrome, else Playwright's own.

    Args:
        playwright: Playwright allows one session a process.
        crashes: A folder for crash reports, which else go into the home.

    Raises:
        Error: If none starts.
    """
    for path in [*_found(NAMES, PLACES), None]:  # None is Playwright's own
        try:
            return playwright.chromium.launch(
                executable_path=path, args=ARGUMENTS, env={**os.environ, "XDG_CONFIG_HOME": str(crashes)}
            )
        except Error as error:  # a stub that tells to install a snap, a missing library
            problem = error
    raise problem


def launch_firefox(playwright: Playwright) -> Browser:
    """Start the machine's Firefox, else Playwright's own.

    Raises:
        Error: If none starts.
    """
    for path in [*_found(FIREFOX_NAMES, FIREFOX_PLACES), None]:
        try:
            channel = FIREFOX_CHANNEL if path else None
            return playwright.firefox.launch(executable_path=path, channel=channel)
        except Error as error:
            problem = error
    raise problem


def starts() -> bool:
    """Whether there are browsers that start, and Playwright's driver, which starts them."""
    try:
        with tempfile.TemporaryDirectory() as crashes, sync_playwright() as playwright:
            launch(playwright, Path(crashes)).close()
            launch_firefox(playwright).close()
    except Exception as error:  # a driver that lacks a library of the system's raises this very class
        print(error)
        return False
    return True


def as_root() -> list[str] | None:
    """What to put before a command to run it as root; None if this user cannot without a password."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def install_steps() -> list[tuple[str, list[str]]]:
    """Ways to get the browsers: what is said, and the command; the later ones only if those before did not help."""
    download = [sys.executable, "-m", "playwright", "install", "chromium", "firefox"]
    steps = [("downloading Playwright's browsers", download)]
    root = as_root()
    if root is not None and shutil.which("apt-get"):
        apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]
        steps.append(("looking for the system's packages", [*apt, "update"]))
        install = [*apt, "install", "--yes", "--no-install-recommends", *PACKAGES, DRIVER_NEEDS]
        steps.append(("installing the system's browsers", install))
    return steps


def main() -> int:
    """Make sure that there are browsers; the exit status is 1 if there is none, and a sentence says what to do."""
    if starts():
        return 0
    output = []
    for text, command in install_steps():
        print(text, flush=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        output.append(done.stdout)
        if done.returncode == 0 and starts():
            return 0
    print(*(text.strip() for text in output), ADVICE, sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
