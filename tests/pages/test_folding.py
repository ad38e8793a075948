"""What a page keeps open, and what it folds."""

from __future__ import annotations

from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx.application import Sphinx

from lightnets_edu.pages.chapter import Note
from lightnets_edu.pages.site.folding import OPEN_LINES, first_comment, fold, is_call, is_upkeep
from lightnets_edu.tables import NumberTable

LONG = "\n".join(f"x{line} = {line}" for line in range(OPEN_LINES + 1))
PAGE = f"""---
jupytext:
  text_representation: {{extension: .md, format_name: myst}}
kernelspec: {{display_name: Python 3, language: python, name: python3}}
---
# Title

## Layers

Before.

<!-- folded: All "53" layers & more -->

Inside.

### Deeper

Still inside.

## Two

<!-- folded: One -->

First.

<!-- folded: The other,
on two lines -->

Second.

## After

Outside.

The next cell installs the package.

```{{code-cell}} ipython3
%pip install lightnets-edu
```

```{{code-cell}} ipython3
assert 1 + 1 == 2
```

```{{code-cell}} ipython3
# As many numbers
# as it takes.
{LONG}
```

```{{code-cell}} ipython3
:tags: [show-input]
{LONG}
```

```{{code-cell}} ipython3
:tags: [hide-input]
short = 1
```

```{{code-cell}} ipython3
open_line = 1
```
"""


@pytest.fixture(scope="module")
def doctree(tmp_path_factory) -> nodes.document:
    """The page, with its cells as they are: nothing is executed."""
    folder = tmp_path_factory.mktemp("folding")
    (folder / "page.md").write_text(PAGE)
    settings = {"extensions": ["myst_nb"], "nb_execution_mode": "off", "root_doc": "page", "show_warning_types": True}
    places = [str(folder), None, str(folder / "out"), str(folder / "trees"), "html"]
    app = Sphinx(*places, confoverrides=settings, status=None, warning=None)
    found = []
    app.connect("doctree-read", fold)
    app.connect("doctree-read", lambda app, doctree: found.append(doctree.deepcopy()))
    app.build()
    (only,) = found
    html = Path(folder, "out", "page.html").read_text()
    only["html"] = html
    return only


def test_a_section_opens_at_a_press(doctree):
    before, first, second, third = doctree["html"].split('<details class="ln-fold">')
    assert "<h2>Layers" in before and "Before." in before
    assert first.startswith("<summary>All &quot;53&quot; layers &amp; more</summary>")
    inside, _, after = first.partition("</details>")
    assert "Inside." in inside and "Still inside." in inside and "<h2>Two" in after
    assert second.startswith("<summary>One</summary>") and second.endswith("</details>")
    assert third.startswith("<summary>The other, on two lines</summary>")
    inside, _, after = third.partition("</details>")
    assert "Second." in inside and "<h2>After" in after
    assert doctree["html"].count("beforeprint") == 1
    assert "The next cell installs" not in doctree["html"]


def test_cells(doctree):
    cells = [node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"]
    said = [(cell.astext().strip().splitlines()[0], cell.get("hide_mode"), cell.get("prompt_show")) for cell in cells]
    assert said == [
        ("# As many numbers", "input", "As many numbers as it takes"),
        ("x0 = 0", None, None),
        ("short = 1", "input", "Code that the next cells need"),
        ("open_line = 1", None, None),
    ]


@pytest.mark.parametrize(
    ("code", "upkeep"),
    [
        ("try:\n    import lightnets_edu\nexcept ImportError:\n    %pip install lightnets-edu", True),
        ("from torch import nn\nassert nn", True),
        ("assert 1\nx = 1", False),
        ('# Stops.\nexpect_verdict("study", "shown", claim="It")\nrace.expect(adds=("memory",))', True),
        ('expect_verdict("study", "shown")\nprint(1)', False),
        ("%matplotlib inline", False),
        ("", False),
    ],
)
def test_upkeep(code, upkeep):
    assert is_upkeep(code) == upkeep


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ('exercise("1")', True),
        ('get_widget("x")()', True),
        ("layers.to_frame()", True),
        ("print(1)", False),
        ("x = f()", False),
        ("f()\ng()", False),
        ("table", False),
    ],
)
def test_a_call_alone(code, call):
    assert is_call(code) == call


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("# One line.\nx", "One line"),
        ("# Two\n# lines:\n\nx", "Two lines"),
        ("x  # later", ""),
        ("#!python\nx", "!python"),
    ],
)
def test_first_comment(code, line):
    assert first_comment(code) == line


@pytest.mark.parametrize("shown", [Note("Four < five."), NumberTable("Four", ("a", "b"), [("c", 4)])])
def test_a_sentence_stands_without_its_code(shown):
    cell, source = nodes.container(nb_element="cell_code"), nodes.container(nb_element="cell_code_source")
    source += nodes.literal_block("", "number = 4\nshown(number)")
    output = nodes.container(nb_element="cell_code_output")
    output += nodes.raw("", shown._repr_html_(), format="html")
    cell += [source, output]
    cell["classes"] = ["cell", "tag_hide-input"]
    document = new_document("page")
    document += cell
    fold(None, document)
    assert (source in cell.children) == isinstance(shown, NumberTable)
    assert output in cell.children
