"""The line that says what long work is doing."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lightnets_edu import progress as progress_module
from lightnets_edu.pages.site.build import describe_step
from lightnets_edu.progress import Progress, run

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """As make does it, these tests themselves run beside another program."""
    monkeypatch.delenv("LIGHTNETS_PROGRESS", raising=False)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_that_moves():
    stream = Terminal()
    with Progress("Building", stream) as progress:
        progress.say("chapter 5 of 16")
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().split("\r\033[K")[-1] == "Building: done, 0 s\n"


def test_a_long_line_fits_its_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    with Progress("Building " * 20, stream):
        pass
    lines = stream.getvalue().strip().split("\r\033[K")
    assert all(len(line) < 40 for line in lines) and lines[-1].endswith(", 0 s")


def test_a_log_has_a_line_when_there_is_something_new(monkeypatch):
    monkeypatch.setattr(progress_module, "EVERY", 0.0)
    stream = io.StringIO()
    with Progress("Building", stream) as progress:
        for detail in ("chapter 1", "chapter 1", "chapter 2"):
            progress.say(detail)
            progress._write()
    lines = [re.sub(r", \d+ s$", "", line) for line in stream.getvalue().splitlines()]
    assert lines == ["Building", "Building: chapter 1", "Building: chapter 2", "Building: done"]


def test_a_terminal_that_two_programs_share_has_whole_lines(monkeypatch):
    monkeypatch.setenv("LIGHTNETS_PROGRESS", "lines")
    stream = Terminal()
    with Progress("Building", stream):
        pass
    assert "\r" not in stream.getvalue()


def test_an_error_ends_the_line():
    stream = io.StringIO()
    with pytest.raises(KeyError), Progress("Building", stream) as progress:
        progress.say("chapter 2")
        raise KeyError
    assert stream.getvalue().endswith("Building: chapter 2, 0 s\n")


def test_what_a_command_prints_is_kept_for_the_day_it_fails(tmp_path):
    def command(status: int) -> list[str]:
        return [sys.executable, "-c", f"import sys; print('one'); print('two', file=sys.stderr); sys.exit({status})"]

    for status, shown in ((0, False), (3, True)):
        stream = io.StringIO()
        with Progress("Working", stream) as progress:
            assert run(command(status), progress, lambda line: line, log=tmp_path / "log") == status
        assert ("one\n" in stream.getvalue()) == ("two\n" in stream.getvalue()) == shown
        assert sorted((tmp_path / "log").read_text().split()) == ["one", "two"]


def test_it_runs_before_anything_is_installed(tmp_path):
    """As make does: the file alone, with a Python that has no packages."""
    script = ROOT / "lightnets_edu" / "progress.py"
    quiet = [sys.executable, "-I", "-S", str(script), "Working"]
    done = subprocess.run([*quiet, sys.executable, "-c", "print('hidden')"], capture_output=True, text=True)
    assert done.returncode == 0 and "hidden" not in done.stdout and "Working: done" in done.stderr
    failed = subprocess.run([*quiet, sys.executable, "-c", "raise SystemExit('why')"], capture_output=True, text=True)
    assert failed.returncode == 1 and "why" in failed.stderr and "Working: failed" in failed.stderr
    assert subprocess.run(quiet, capture_output=True).returncode == 2


def test_what_sphinx_says_in_the_words_of_the_book():
    describe = describe_step(ROOT)
    chapters = len(list((ROOT / "notebooks").glob("*.md")))
    line = "\x1b[01mreading sources... \x1b[39;49;00m[ 46%] \x1b[35mnotebooks/03_alexnet\x1b[39;49;00m"
    assert describe(line) == f"running chapter 3 of {chapters} (alexnet)"
    assert describe(line.replace("03_alexnet", "03b_zoo")) == f"running chapter 3b of {chapters} (zoo)"
    assert describe("reading sources... [  4%] book/api") == "reading book/api"
    assert describe("writing output... [100%] notebooks/16_design_your_own") == "writing the pages, 100 %"
    assert describe("pickling environment... done") is None
