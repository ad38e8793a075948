"""What the documentation shows works: examples in docstrings of what chapters import, and Python in Markdown files."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = ("formulas", "counting", "models", "training", "timing", "recording", "features", "pages")
# At least these show how they are used.
SHOWN = {"conv2d", "count", "get_model", "predict", "train", "Ledger"}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
MARKDOWN = ["README.md", "CONTRIBUTING.md", *sorted(f"book/{path.name}" for path in (ROOT / "book").glob("*.md"))]
CELL = re.compile(r"^```\{code-cell\} ipython3\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> dict[str, doctest.DocTest]:
    """The examples of every public name, with the names of the module that defines it."""
    found = {}
    for room in PUBLIC:
        package = importlib.import_module(f"lightnets_edu.{room}")
        for name in package.__all__:
            value = getattr(package, name)
            home = importlib.import_module(getattr(value, "__module__", package.__name__))
            names = {**vars(home), name: value}
            if inspect.ismodule(value) or not getattr(value, "__doc__", None):
                continue
            test = doctest.DocTestParser().get_doctest(value.__doc__, names, f"{room}.{name}", None, None)
            if test.examples:
                found[name] = test
    return found


EXAMPLES = examples()


def test_the_front_doors_show_how_they_are_used():
    assert set(EXAMPLES) >= SHOWN


@pytest.mark.parametrize("name", EXAMPLES)
def test_docstring(name):
    reports: list[str] = []
    failed, _ = doctest.DocTestRunner(optionflags=FLAGS).run(EXAMPLES[name], out=reports.append)
    assert failed == 0, "".join(reports)


@pytest.mark.parametrize("file", MARKDOWN)
def test_markdown(file, tmp_path, monkeypatch):
    """Each fenced piece of Python runs; a comment that is a number says what the line before it gives."""
    monkeypatch.chdir(tmp_path)
    for block in PYTHON.findall((ROOT / file).read_text(encoding="utf-8")):
        names: dict[str, object] = {}
        exec(compile(block, file, "exec"), names)
        for line, claimed in re.findall(r"^(\S.*?)\s+# ([\d_,]+)$", block, re.MULTILINE):
            assert eval(line, names) == int(claimed.replace(",", "")), line


def shown_cells(text: str) -> list[str]:
    """The cells whose code a reader of a page sees."""
    return [cell for cell in CELL.findall(text) if not cell.startswith(":tags: [remove-input]")]


def test_what_is_shown_of_counting_can_be_pasted():
    """The first cell, then those of a section: nothing that a reader does not see is needed. One network is shared."""
    first, *sections = (ROOT / "book" / "count_your_own.md").read_text(encoding="utf-8").split("\n## ")[1:]
    (imports,) = shown_cells(first)
    two_inputs = next(cells for cells in map(shown_cells, sections) if "class Fusion" in cells[0])
    pasted = 0
    for section in sections:
        cells = shown_cells(section)
        needed = two_inputs if "fusion" in "".join(cells) and cells != two_inputs else []
        names: dict[str, object] = {}
        for cell in [imports, *needed, *cells]:
            exec(compile(cell, section.partition("\n")[0], "exec"), names)
            pasted += 1
    assert pasted > 2 * len(sections)
