"""A chapter explains its words: where a glossary's term first stands in a chapter's text, it leads to its definition.

The definition also appears under the word as long as the pointer is on it or the keyboard's focus.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from docutils import nodes
from sphinx.addnodes import glossary
from sphinx.application import Sphinx

from lightnets_edu.pages.site.folding import FOLD

PAGE = "book/glossary"
CHAPTERS = "notebooks/"
# No place for another link.
ELSEWHERE = (nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.raw, nodes.container)


class Term(NamedTuple):
    """Where a term is defined, and how."""

    anchor: str
    definition: str


def link_terms(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link the first use of each term in a chapter."""
    if app.builder.format != "html" or not page.startswith(CHAPTERS) or PAGE not in app.env.found_docs:
        return
    terms = read_terms(app.env.get_doctree(PAGE))
    address = app.builder.get_relative_uri(page, PAGE)
    names = "|".join(re.escape(name) for name in sorted(terms, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w-])({names})(?:s|es)?(?![\w-])", re.IGNORECASE)
    # First what is open as the chapter opens: a word's first use in sight is the one that a reader meets.
    for text in sorted(filter(_is_prose, doctree.findall(nodes.Text)), key=_is_folded):
        _link_in(text, pattern, terms, address)


def read_terms(page: nodes.document) -> dict[str, Term]:
    """Each term of the glossary by its name in small letters."""
    items = [item for one in page.findall(glossary) for item in one.findall(nodes.definition_list_item)]
    return {
        term.astext().lower(): Term(term["ids"][0], " ".join(item.children[-1].astext().split()))
        for item in items
        for term in item.findall(nodes.term)
    }


def _is_prose(text: nodes.Text) -> bool:
    above, node = [], text.parent
    while node is not None:
        above.append(node)
        node = node.parent
    return any(isinstance(one, nodes.paragraph) for one in above) and not any(
        isinstance(one, ELSEWHERE) for one in above
    )


def _is_folded(text: nodes.Text) -> bool:
    """Whether it lies in the folded part of a section, see `lightnets_edu.pages.site.folding`."""
    node = text
    while node.parent is not None:
        before = node.parent.children[: node.parent.index(node)]
        if any(isinstance(one, nodes.raw) and FOLD in one.astext() for one in before):
            return True
        node = node.parent
    return False


def _link_in(text: nodes.Text, pattern: re.Pattern[str], terms: dict[str, Term], address: str) -> None:
    """Link what one piece of text is the first to name; `terms` loses it."""
    words, parts, end = text.astext(), [], 0
    for found in pattern.finditer(words):
        term = terms.pop(found[1].lower(), None)
        if term is None:
            continue
        link = (
            f'<a class="ln-term" href="{address}#{term.anchor}" aria-description="{html.escape(term.definition)}">'
            f"{html.escape(found[0])}</a>"
        )
        parts += [nodes.Text(words[end : found.start()]), nodes.raw("", link, format="html")]
        end = found.end()
    if parts:
        text.parent.replace(text, [*parts, nodes.Text(words[end:])])
