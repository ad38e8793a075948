"""Fresh environments: what takes too long for every change. `make matrix` runs these tests, `make test` does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROMISED = ("3.11", "3.12", "3.13")
HOURS = 2


def versions() -> list[str]:
    """The Pythons to try: all that are promised, or those that PYTHONS names."""
    return os.environ.get("PYTHONS", "").replace(",", " ").split() or list(PROMISED)


def find_python(version: str) -> Path:
    """An interpreter of this version: on the PATH, or one that pyenv or uv keeps."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(kept.glob(f"{version}.*/bin/python3"), reverse=True)]
    if uv := shutil.which("uv"):
        found = subprocess.run([uv, "python", "find", "--no-project", version], capture_output=True, text=True)
        candidates.append(found.stdout.strip())
    ask = "import sys; print(*sys.version_info[:2], sep='.')"
    for candidate in filter(None, candidates):
        try:
            asked = subprocess.run([candidate, "-c", ask], capture_output=True, text=True)
        except OSError:
            continue
        if asked.stdout.strip() == version:
            return Path(candidate)
    pytest.fail(
        f"there is no Python {version} here (looked for python{version} on the PATH, and in pyenv and uv): install it, "
        f'or say which ones to try: make matrix PYTHONS="3.12"',
        pytrace=False,
    )


def run(command: list[str | Path], folder: Path, **variables: str) -> str:
    """Run a command; if it fails, the test fails with what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = [str(part) for part in command]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(words, cwd=folder, env={**environment, **variables}, timeout=HOURS * 3600, **streams)
    if done.returncode:
        pytest.fail(f"{' '.join(words)}\n{done.stdout[-20_000:]}", pytrace=False)
    return done.stdout


def pip_cache() -> str:
    """The user's own, so that a fresh environment need not download gigabytes again."""
    return run([sys.executable, "-m", "pip", "cache", "dir"], ROOT).strip().splitlines()[-1]


def checkout(folder: Path) -> Path:
    """The project as it would be cloned, changes that are not committed included."""
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty folder that is deleted at once: an environment is several gigabytes."""
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def home(place: Path) -> Path:
    """An empty home."""
    folder = place / "home"
    folder.mkdir()
    return folder
