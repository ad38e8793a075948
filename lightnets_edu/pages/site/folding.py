"""What of a chapter is open, and what lies under a line that says what it is.

A notebook keeps all of its code in sight; a page keeps what teaches. Cells that check an answer, or only install,
import or assert, are not on the page at all, and neither is a call whose result is all there is to see, nor the code
of a sentence: that reads like any other sentence of the page. Folded are code of more than `OPEN_LINES` lines and
code that makes a picture or a table, unless its cell has the tag ``show-input``. The line above is the cell's first
comment. The words ``<!-- folded: what is in it -->`` in a section fold everything from there to the section's end, or
to the next such words.
"""

from __future__ import annotations

import ast
import html
import re

from docutils import nodes
from sphinx.application import Sphinx

OPEN_LINES = 12
FOLDED = re.compile(r"<!--\s*folded:\s*(?P<line>.+?)\s*-->", re.DOTALL)
INSTALLS = "%pip"
EXPECTS = ("expect_verdict", "expect")  # what stops the build if a sentence of the page is no longer true
SENTENCE = '<div class="ln-numbers"><p>'
CHECKS = re.compile(r'^check\("', re.M)  # answers are checked in a notebook; on the page a form does it
# What a cell's code does, where it begins without a comment.
LINES = {
    "figure": "The code of this figure",
    "table": "The code of this table",
    "text": "The code of these lines",
    "nothing": "Code that the next cells need",
}
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
    if any([_fold_section(section) for section in doctree.findall(nodes.section)]):
        doctree.append(_html(SCRIPT))


# --- Cells ----------------------------------------------------------------------------------------------------------


def _fold_cell(cell: nodes.container) -> None:
    source, output = _part(cell, "cell_code_source"), _part(cell, "cell_code_output")
    if source is None:
        return
    code = source.astext()
    if CHECKS.search(code) or (output is None and is_upkeep(code)):
        before = cell.previous_sibling()
        if INSTALLS in code and isinstance(before, nodes.paragraph):
            cell.parent.remove(before)  # which says what the cell installs
        cell.parent.remove(cell)
        return
    kept_open = "tag_show-input" in cell["classes"]
    if output is not None and (is_call(code) or _is_sentence(output)) and not kept_open:
        cell.remove(source)
        cell.attributes.pop("hide_mode", None)
        return
    long = len(code.strip().splitlines()) > OPEN_LINES
    if "hide_mode" not in cell and not kept_open and (long or _kind(output) in ("figure", "table")):
        cell["hide_mode"] = "input"
    if "hide_mode" in cell:
        metadata = cell.get("cell_metadata", {}).get("mystnb", {})
        line = metadata.get("code_prompt_show") or first_comment(code) or LINES[_kind(output)]
        cell["prompt_show"] = cell["prompt_hide"] = line


def _part(cell: nodes.container, name: str) -> nodes.container | None:
    parts = (part for part in cell.children if isinstance(part, nodes.container) and part.get("nb_element") == name)
    return next(parts, None)


def _kind(output: nodes.container | None) -> str:
    """What a reader sees of it."""
    if output is None:
        return "nothing"
    if next(output.findall(nodes.image), None):
        return "figure"
    markup = "".join(one.astext() for one in output.findall(nodes.raw))
    if "<table" in markup:
        return "table"
    return "figure" if "<svg" in markup or "<div" in markup else "text"


def _is_sentence(output: nodes.container) -> bool:
    """Whether all that a reader sees of a cell is a `lightnets_edu.pages.chapter.Note`."""
    markup = [one.astext().strip() for one in output.findall(nodes.raw)]
    return bool(markup) and all(one.startswith(SENTENCE) for one in markup)


def _statements(code: str) -> list[ast.stmt]:
    try:
        return ast.parse(code).body
    except SyntaxError:  # a command of IPython's
        return []


def is_upkeep(code: str) -> bool:
    """Whether all that a cell does is to install, import, assert or expect: readers of the page miss nothing."""
    statements = _statements(code)
    return INSTALLS in code or (bool(statements) and all(map(_keeps_up, statements)))


def _keeps_up(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assert() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(ast.Call(ast.Name(name))) | ast.Expr(ast.Call(ast.Attribute(attr=name))):
            return name in EXPECTS
    return False


def is_call(code: str) -> bool:
    """Whether a cell is a single call, whose result is all there is to see; what is printed is read beside its code."""
    match _statements(code):
        case [ast.Expr(ast.Call(ast.Name(name)))]:
            return name != "print"
        case [ast.Expr(ast.Call())]:
            return True
    return False


def first_comment(code: str) -> str:
    """The comment that a cell begins with, as a sentence without its stop; empty if there is none."""
    lines = []
    for line in code.strip().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").strip())
    return " ".join(lines).rstrip(".:")


# --- Sections -------------------------------------------------------------------------------------------------------


def _fold_section(section: nodes.section) -> bool:
    """Fold what stands after each mark; gives whether there is one."""
    folded = False
    for child in list(section.children):
        found = FOLDED.fullmatch(child.astext().strip()) if isinstance(child, nodes.raw) else None
        if found:
            before = "</details>" if folded else ""
            line = html.escape(" ".join(found["line"].split()))
            section.replace(child, _html(f'{before}<details class="ln-fold"><summary>{line}</summary>'))
            folded = True
    if folded:
        section.append(_html("</details>"))
    return folded


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")
