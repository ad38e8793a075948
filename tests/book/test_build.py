"""The build refuses what a reader could not see, stays red when repeated, and never serves stale numbers."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import yaml

from lightnets_edu.pages.site import build as build_module
from lightnets_edu.pages.site.build import PACKAGE, book_digest, build, code_digest, outdated_notebooks

from .conftest import PAGES, ROOT

PAGE = """---
kernelspec: {name: python3, display_name: Python 3, language: python}
jupytext: {text_representation: {extension: .md, format_name: myst}}
---

# A page

```{code-cell} ipython3
CELL
```
"""


@pytest.fixture
def project(tmp_path):
    """A small book with this book's own settings."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    del config["bibtex_bibfiles"]
    config["sphinx"]["config"]["extensions"].remove("sphinxcontrib.bibtex")
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(config))
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: notebooks/page\n")
    shutil.copy(ROOT / "jupytext.toml", tmp_path)
    (tmp_path / "notebooks").mkdir()
    shutil.copytree(ROOT / "book" / "_static", tmp_path / "book" / "_static")
    return tmp_path


def write(project, cell: str) -> None:
    (project / "notebooks" / "page.md").write_text(PAGE.replace("CELL", cell))


def test_blank_outputs_fail_the_build_and_keep_failing(project, capfd):
    write(project, "import ipywidgets\nipywidgets.IntSlider()")
    assert build(project) != 0
    assert "a widget without HTML" in capfd.readouterr().err
    assert build(project) != 0
    write(project, "from IPython.display import HTML\nHTML('<b>seen</b>')")
    assert build(project) == 0
    capfd.readouterr()
    assert build(project) == 0
    assert "up to date" in capfd.readouterr().out


def test_figures_are_part_of_their_page_with_their_description(project, capfd):
    """A figure without one fails the build; with one it is a drawing in the page, and no bitmap is published."""
    chart = (
        "from lightnets_edu.pages.plots import bar_chart\n"
        "bar_chart(['one'], {'MACs': [2]}, title='A title', unit='MACs')"
    )
    write(project, chart)
    assert build(project) != 0
    assert "has no alt text" in capfd.readouterr().err
    write(project, f'---\nmystnb: {{image: {{alt: "One <bar> of 2"}}}}\n---\n{chart}')
    assert build(project) == 0
    html = project / "_build" / "html"
    page = (html / "notebooks" / "page.html").read_text()
    assert '<svg class="ln-figure" role="img" aria-label="One &lt;bar&gt; of 2"' in page
    assert page.count("<style>:root{--ln-ink:") == 1 and ">A title</text>" in page
    assert "<img" not in page[page.index('id="a-page"') :].partition("</article>")[0]
    assert not list((html / "_images").glob("*"))


def test_images_without_description_fail_the_build(project, capfd):
    write(project, "import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    assert build(project) != 0
    assert "has no alt text" in capfd.readouterr().err


def test_any_source_changes_the_digest(tmp_path):
    package = shutil.copytree(PACKAGE, tmp_path / "lightnets_edu", ignore=shutil.ignore_patterns("__pycache__"))
    before = code_digest(ROOT, package)
    assert before == code_digest(ROOT)
    for name in (
        "formulas/layers.py",
        "pages/widget/formulas.js",
        "pages/widget/widget.css",
        "chapters/convolution_cost/widget.py",
    ):
        original = (package / name).read_text()
        (package / name).write_text(original + "\n")
        assert code_digest(ROOT, package) != before, name
        (package / name).write_text(original)
    assert code_digest(ROOT, package) == before


def test_recorded_results_and_pages_change_the_digest(project):
    write(project, "1")
    before = book_digest(project)
    (project / "results").mkdir()
    (project / "results" / "run.json").write_text("{}")
    recorded = book_digest(project)
    write(project, "2")
    assert len({before, recorded, book_digest(project)}) == 3


def test_outdated_notebooks_are_named(project):
    write(project, "1 + 1")
    assert outdated_notebooks(project) == ["page.ipynb"]
    assert not (project / "notebooks" / "page.ipynb").exists()


def test_the_generated_notebooks_are_up_to_date_and_without_outputs():
    assert outdated_notebooks(ROOT) == []
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert not any(cell.get("outputs") for cell in json.loads(path.read_text())["cells"]), path.name


def test_the_repository_is_named_once():
    url = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    for path in [*(ROOT / "notebooks").glob("*.md"), *(ROOT / "book").glob("*.md"), ROOT / "README.md"]:
        named = re.findall(r"https://github\.com/lightnets/[\w.-]+", path.read_text())
        assert {name.removesuffix(".git") for name in named} <= {url}, path.name


def test_requirements_and_toc_agree_with_the_tree():
    assert "-e .[book]" in (ROOT / "requirements.txt").read_text()
    for page in PAGES[:-1]:  # the last is the search
        assert (ROOT / page).with_suffix(".md").exists(), page


def test_no_gpu_is_seen_unless_asked_for(tmp_path, monkeypatch):
    """Else every chapter would train its network in full."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert build_module._environment(tmp_path)["CUDA_VISIBLE_DEVICES"] == ""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert build_module._environment(tmp_path)["CUDA_VISIBLE_DEVICES"] == "1"
