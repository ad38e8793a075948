"""`make chapter`: it adds the files of a chapter and nothing else, and its tests say what is to be done."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lightnets_edu.recording.studies import list_studies
from lightnets_edu.template import main, new_chapter, setup_cell, write_setup_cells

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = {
    "lightnets_edu/models/new_paper.py",
    "lightnets_edu/chapters/new_paper/__init__.py",
    "lightnets_edu/chapters/new_paper/exercises.py",
    "lightnets_edu/chapters/new_paper/study.py",
    "lightnets_edu/chapters/new_paper/widget.py",
    "notebooks/42_new_paper.md",
    "tests/models/test_new_paper.py",
    "tests/chapters/test_new_paper_page.py",
}


def files(root: Path) -> dict[str, bytes]:
    skipped = {"__pycache__", ".pytest_cache", ".ruff_cache"}
    paths = (path for path in root.rglob("*") if path.is_file() and not skipped & set(path.parts))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of what a chapter is made from and added to."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("lightnets_edu", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    for name in ("notebooks", "tests/models", "tests/chapters"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(project), "COLUMNS": "1000"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, timeout=120
    )


def test_a_new_chapter(project):
    before = files(project)
    begun = run(project, "-m", "lightnets_edu.template", "42_new_paper")
    assert begun.returncode == 0, begun.stderr
    after = files(project)
    assert set(after) - set(before) == WRITTEN and all(after[name] == before[name] for name in before)
    for name in WRITTEN:
        text = after[name].decode()
        assert not re.search(r"paper_name|PaperName|NN_|SETUP_CELL|CHAPTER", text), name
    assert setup_cell(project) in after["notebooks/42_new_paper.md"].decode()
    style = run(project, "-m", "ruff", "check", *sorted(name for name in WRITTEN if name.endswith(".py")))
    assert style.returncode == 0, style.stdout

    # Every test fails, for a reason that says what to do; none of them breaks.
    tested = run(project, "-m", "pytest", "-p", "no:cacheprovider", "-rf", "tests/models", "tests/chapters").stdout
    summary = re.search(r"=+ (\d+) failed in", tested)
    assert summary, tested
    reasons = re.findall(r"^FAILED \S+ - (.*)$", tested, re.MULTILINE)
    assert len(reasons) == int(summary[1]) >= 12
    broken = re.compile(r"\w*(Import|Name|Attribute|Type|FileNotFound)\w*Error")
    assert not [reason for reason in reasons if broken.match(reason)]
    assert "FILL IN" in tested and "_toc.yml" in tested and "call `register`" in tested
    assert "declare a Study in chapters/new_paper/study.py" in tested
    chapter = after["notebooks/42_new_paper.md"].decode()
    assert chapter.index("\n## The claim\n") < chapter.index("\n## The study\n") < chapter.index("\n## The answer\n")
    # The blank declares nothing, so that nothing is missed among the records.
    listed = run(project, "-c", "from lightnets_edu.recording.studies import list_studies; print(list_studies())")
    assert listed.stdout == f"{list_studies()}\n", listed.stderr


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("new_paper", "two digits, then words"),
        ("42_New", "two digits, then words"),
        ("42_../evil", "two digits, then words"),
        ("07_mobilenet_v2", "07_mobilenet_v1.md is there already"),
        ("42_ghostnet", "ghostnet/__init__.py is there already"),
    ],
)
def test_names_that_are_refused(project, name, sentence, capsys, monkeypatch):
    (project / "notebooks" / "07_mobilenet_v1.md").write_text("# 7")
    before = files(project)
    with pytest.raises(ValueError, match=sentence):
        new_chapter(project, name)
    monkeypatch.chdir(project)
    assert main([name]) == 2 and sentence in capsys.readouterr().err
    assert files(project) == before


def test_outside_a_checkout(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["42_new_paper"]) == 2
    assert "go to the root of a checkout" in capsys.readouterr().err
    assert main([]) == 2 and "make chapter NAME=" in capsys.readouterr().err


def test_setup_cells_are_written_into_every_notebook(project):
    old = "# A\n\n```{code-cell} ipython3\nold\n```\n\n```{code-cell} ipython3\nsecond\n```\n"
    for name in ("01_a.md", "02_b.md"):
        (project / "notebooks" / name).write_text(old)
    assert [path.name for path in write_setup_cells(project)] == ["01_a.md", "02_b.md"]
    new = (project / "notebooks" / "01_a.md").read_text()
    assert new == old.replace("old", setup_cell(project)) and "second" in new
    assert write_setup_cells(project) == []
