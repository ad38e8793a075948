"""What of a chapter is open, and what lies under a line that says what it is.

A notebook keeps all of its code in sight; a page keeps what teaches. Cells that only install, check or assert are not
on the page at all. Code of more than `OPEN_LINES` lines is folded, as is the code of what is shown as a picture or a
table (its cell has the tag ``hide-input``). The line above it is the cell's first comment. A section whose first words
are ``<!-- folded: what is in it -->`` opens at a press.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx

OPEN_LINES = 12
FOLDED = re.compile(r"<!--\s*folded:\s*(?P<line>.+?)\s*-->", re.DOTALL)
# What a cell's code does, where it begins without a comment.
LINES = {"image": "The code of this figure", "output": "The code of what follows", "nothing": "Code"}
# A link into a closed section opens it, and paper shows everything. Browsers that do so themselves find nothing to do.
SCRIPT = """<script>
(() => {
  const open = (one) => { while ((one = one?.parentElement?.closest("details"))) one.open = true; };
  const reveal = () => open(document.getElementById(decodeURIComponent(location.hash.slice(1))));
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => document.querySelectorAll("details.ln-fold").forEach((one) => one.open = true));
  reveal();
})();
</script>"""


def fold(app: Sphinx, doctree: nodes.document) -> None:
    """Fold one page."""
    for cell in list(doctree.findall(nodes.container)):
        if cell.get("nb_element") == "cell_code":
            _fold_cell(cell)
    sections = [*_marked_sections(doctree)]
    for section, mark, line in sections:
        _fold_section(section, mark, line)
    if sections:
        doctree.append(_html(SCRIPT))


# --- Cells ----------------------------------------------------------------------------------------------------------


def _fold_cell(cell: nodes.container) -> None:
    source, output = _part(cell, "cell_code_source"), _part(cell, "cell_code_output")
    if source is None:
        return
    code = source.astext()
    if is_upkeep(code) and output is None:
        cell.parent.remove(cell)
        return
    if "hide_mode" not in cell and len(code.strip().splitlines()) > OPEN_LINES:
        cell["hide_mode"] = "input"
    if "hide_mode" in cell:
        metadata = cell.get("cell_metadata", {}).get("mystnb", {})
        line = metadata.get("code_prompt_show") or first_comment(code) or LINES[_kind(output)]
        cell["prompt_show"] = cell["prompt_hide"] = line


def _part(cell: nodes.container, name: str) -> nodes.container | None:
    parts = (part for part in cell.children if isinstance(part, nodes.container) and part.get("nb_element") == name)
    return next(parts, None)


def _kind(output: nodes.container | None) -> str:
    if output is None:
        return "nothing"
    return "image" if next(output.findall(nodes.image), None) else "output"


def is_upkeep(code: str) -> bool:
    """Whether all that a cell does is to install, to import or to assert: readers of the page miss nothing."""
    if "%pip" in code:
        return True
    try:
        statements = ast.parse(code).body
    except SyntaxError:  # a command of IPython's
        return False
    return bool(statements) and all(isinstance(one, ast.Assert | ast.Import | ast.ImportFrom) for one in statements)


def first_comment(code: str) -> str:
    """The comment that a cell begins with, as a sentence without its stop; empty if there is none."""
    lines = []
    for line in code.strip().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").strip())
    return " ".join(lines).rstrip(".:")


# --- Sections -------------------------------------------------------------------------------------------------------


def _marked_sections(doctree: nodes.document) -> Iterator[tuple[nodes.section, nodes.Node, str]]:
    for section in doctree.findall(nodes.section):
        for child in section.children[1:2]:
            if isinstance(child, nodes.raw) and (found := FOLDED.fullmatch(child.astext().strip())):
                yield section, child, found["line"]


def _fold_section(section: nodes.section, mark: nodes.Node, line: str) -> None:
    summary = f'<details class="ln-fold"><summary>{html.escape(line)}</summary>'
    section.replace(mark, _html(summary))
    section.append(_html("</details>"))


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")
