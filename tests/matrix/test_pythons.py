"""Both commands of the README, with every Python that is promised, in a fresh clone and an empty home."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from .conftest import checkout, find_python, pip_cache, run, versions

CACHES = {".cache"}  # what may be written outside the project


def written(home: Path) -> list[str]:
    """What a home holds beside the caches."""
    files = (path.relative_to(home) for path in home.rglob("*") if not path.is_dir())
    return sorted(str(path) for path in files if path.parts[0] not in CACHES)


@pytest.mark.parametrize("version", versions())
def test_both_commands(version, place, home):
    python = find_python(version)
    tree = checkout(place / "lightnets")
    run([python, "-m", "venv", ".venv"], tree)
    assert version in run([".venv/bin/python", "--version"], tree)
    # pip asks for rustc's version, if there is one, and rustup then begins its settings: not in the home.
    variables = {"HOME": str(home), "PIP_CACHE_DIR": pip_cache(), "RUSTUP_HOME": str(place / "rustup")}
    assert "index.html" in run(["make", "book"], tree, **variables)
    assert written(home) == []
    assert "up to date" in run(["make", "book"], tree, **variables)
    tested = run(["make", "test"], tree, **variables)
    assert " passed" in tested and " skipped" not in tested.splitlines()[-1]
    assert written(home) == []


def test_the_book_builds_without_a_network(place, home):
    """Once everything is installed. The proxies that are named do not answer."""
    tree = checkout(place / "lightnets")
    run([find_python(versions()[0]), "-m", "venv", ".venv"], tree)
    variables = {"HOME": str(home), "PIP_CACHE_DIR": pip_cache()}
    run(["make", ".venv/.book-installed"], tree, **variables)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{probe.getsockname()[1]}"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), dead)
    assert "index.html" in run(["make", "book"], tree, **variables, **proxies)
