"""How the tests find their browsers, on machines that have one, can get one, or cannot."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import browsers
import pytest
from playwright.sync_api import Error


class Playwright:
    """Starts what is in ``working``; None is Playwright's own."""

    def __init__(self, *working: str | None) -> None:
        self.tried: list[str | None] = []
        self.working = working
        self.chromium = self.firefox = self

    def launch(self, executable_path: str | None, **options: object) -> str:
        self.tried.append(executable_path)
        if executable_path not in self.working:
            raise Error(f"{executable_path} does not start")
        return f"browser {executable_path}"


@pytest.fixture
def two_on_the_path(monkeypatch):
    monkeypatch.setattr(browsers, "PLACES", ())
    monkeypatch.setattr(browsers, "FIREFOX_PLACES", ())
    found = {name: f"/bin/{name}" for name in ("chromium", "google-chrome", "firefox-esr")}
    monkeypatch.setattr(browsers.shutil, "which", found.get)


@pytest.mark.parametrize(
    ("working", "taken"),
    [
        (("/bin/chromium", "/bin/google-chrome", None), "browser /bin/chromium"),
        (("/bin/google-chrome", None), "browser /bin/google-chrome"),  # the first is a stub
        ((None,), "browser None"),
    ],
)
def test_the_first_that_starts_is_taken(two_on_the_path, working, taken):
    assert browsers.launch(Playwright(*working), Path("crashes")) == taken


@pytest.mark.parametrize(("working", "channel"), [("/bin/firefox-esr", "moz-firefox"), (None, None)])
def test_a_firefox_of_the_machine_is_driven_as_it_is(two_on_the_path, monkeypatch, working, channel):
    asked = {}
    playwright = Playwright(working)
    monkeypatch.setattr(
        playwright, "launch", lambda **options: asked.update(options) or Playwright.launch(playwright, **options)
    )
    assert browsers.launch_firefox(playwright) == f"browser {working}"
    assert asked == {"executable_path": working, "channel": channel}


def test_none_starts(two_on_the_path):
    playwright = Playwright()
    with pytest.raises(Error, match="None does not start"):
        browsers.launch(playwright, Path("crashes"))
    with pytest.raises(Error, match="None does not start"):
        browsers.launch_firefox(playwright)
    assert playwright.tried == ["/bin/chromium", "/bin/google-chrome", None, "/bin/firefox-esr", None]


@pytest.mark.parametrize(
    ("programs", "sudo_status", "expected"),
    [
        ({"apt-get", "sudo"}, 0, ["playwright", "update", "libatomic1"]),
        ({"apt-get", "sudo"}, 1, ["playwright"]),  # sudo wants a password
        ({"apt-get"}, 0, ["playwright"]),
        ({"sudo"}, 0, ["playwright"]),  # no Debian
    ],
)
def test_ways_to_get_one(monkeypatch, programs, sudo_status, expected):
    monkeypatch.setattr(browsers.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(browsers.shutil, "which", lambda name: name if name in programs else None)
    monkeypatch.setattr(browsers.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=sudo_status))
    commands = [command for _, command in browsers.install_steps()]
    assert all(mark in command for mark, command in zip(expected, commands, strict=True))
    assert all(command[:2] == ["sudo", "-n"] for command in commands[1:])
    monkeypatch.setattr(browsers.os, "geteuid", lambda: 0)
    assert browsers.as_root() == []


@pytest.mark.parametrize(("helps_after", "status"), [(0, 0), (1, 0), (3, 0), (None, 1)])
def test_one_way_after_the_other_until_one_helps(monkeypatch, capsys, helps_after, status):
    """Nothing is installed if a browser starts; if no way helps, the last words say what to do."""
    run: list[str] = []
    monkeypatch.setattr(browsers, "install_steps", lambda: [(f"step {n}", [f"step {n}"]) for n in (1, 2, 3)])
    monkeypatch.setattr(browsers, "starts", lambda: helps_after is not None and len(run) >= helps_after)

    def pretend(command, **options):
        run.append(command[0])
        return subprocess.CompletedProcess(command, 0, stdout=f"output of {command[0]}\n")

    monkeypatch.setattr(browsers.subprocess, "run", pretend)
    assert browsers.main() == status
    assert len(run) == (3 if helps_after is None else helps_after)
    if status:
        assert capsys.readouterr().out.endswith(browsers.ADVICE + "\n")
