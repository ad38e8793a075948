"""The chapters as cards on the book's first page: a small picture, the title, and the question in one sentence.

The directive ``{chapter-cards}`` has a line for each chapter, ``notebook: question``. The title is the notebook's, the
picture ``book/cards/<notebook>.svg``, drawn in the palette's colours; a new chapter has a card without them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def read_cards(lines: Iterable[str], root: Path) -> list[tuple[str, str, str, str]]:
    """Notebook, title, question and picture (SVG, or empty) of each chapter; one without a line comes last.

    Raises:
        ValueError: If a line is no ``notebook: question``, or names no notebook.
    """
    chapters = {path.stem: path for path in sorted((root / "notebooks").glob("*.md"))}
    questions = {}
    for line in filter(None, map(str.strip, lines)):
        name, found, question = (part.strip() for part in line.partition(":"))
        if not found or not question or name not in chapters:
            raise ValueError(f"{line!r} is no card: write 'notebook: question', with the name of a file in notebooks/")
        questions[name] = question
    cards = []
    for name in dict.fromkeys((*questions, *chapters)):
        title = chapter_title(name, chapters[name].read_text(encoding="utf-8"))
        picture = chapter_picture(root / "book" / "cards", name)
        cards.append((name, title, questions.get(name, ""), picture))
    return cards


def chapter_title(notebook: str, source: str) -> str:
    """A chapter's first heading; its file's name if it has none."""
    found = TITLE.search(source)
    return found[1] if found else notebook


def chapter_picture(folder: Path, notebook: str) -> str:
    """The small picture of a chapter as SVG; empty if it has none."""
    path = folder / f"{notebook}.svg"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def cards_html(cards: Iterable[tuple[str, str, str, str]], address: Callable[[str], str]) -> str:
    """A list of links.

    Args:
        cards: As `read_cards` gives them.
        address: Gives a notebook's address as the page has to write it.
    """
    items = "".join(
        f'<li>{picture}<a href="{html.escape(address(name))}">{html.escape(title)}</a>'
        f"<span>{html.escape(question)}</span></li>"
        for name, title, question, picture in cards
    )
    return f'<ul class="ln-cards">{items}</ul>'


class ChapterCardsDirective(SphinxDirective):
    """``{chapter-cards}``: see the module."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The list, which is read anew when a chapter's title changes."""
        root = Path(self.env.srcdir)
        try:
            cards = read_cards(self.content, root)
        except ValueError as error:
            raise self.error(str(error)) from None
        for name, *_ in cards:
            self.env.note_dependency(f"notebooks/{name}.md")
            self.env.note_dependency(f"book/cards/{name}.svg")
        uri = self.env.app.builder.get_relative_uri
        shown = cards_html(cards, lambda name: uri(self.env.docname, f"notebooks/{name}"))
        return [nodes.raw("", shown, format="html")]
