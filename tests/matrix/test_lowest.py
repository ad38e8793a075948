"""The lowest versions that ``pyproject.toml`` allows (``lowest.txt``), with the lowest Python: the whole test suite."""

from __future__ import annotations

from .conftest import PROMISED, checkout, find_python, pip_cache, run


def test_lowest_versions(place, home):
    tree = checkout(place / "lightnets")
    variables = {"HOME": str(home), "PIP_CACHE_DIR": pip_cache()}
    run([find_python(PROMISED[0]), "-m", "venv", ".venv"], tree)
    python = tree / ".venv" / "bin" / "python"
    run([python, "-m", "pip", "install", "-q", "-c", "tests/matrix/lowest.txt", "-e", ".[test]"], tree, **variables)
    (tree / ".venv" / ".book-installed").touch()  # make installs nothing newer
    (tree / ".venv" / ".test-installed").touch()
    run(["make", "book"], tree, **variables)
    tested = run([python, "-m", "pytest"], tree, **variables)
    assert " passed" in tested and " skipped" not in tested.splitlines()[-1]
