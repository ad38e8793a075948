"""The list of all widgets, with the chapters that show them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

from lightnets_edu.pages.site.cards import chapter_picture, chapter_title
from lightnets_edu.pages.widget.widgets import get_widget, list_widgets

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
PICTURES = NOTEBOOKS.parent / "book" / "cards"
SHOWN = re.compile(r"""^\s*(?:widget = )?get_widget\(\s*["'](\w+)["']\s*\)\(""", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """A widget and where it is.

    Attributes:
        name: Its name in Python.
        chapter: The notebook's file name without its ending.
        heading: The chapter's title.
    """

    name: str
    chapter: str
    heading: str


@dataclass(frozen=True)
class WidgetIndex:
    """All widgets in the chapters' order; shown as cards with their chapters' pictures and links."""

    entries: tuple[Entry, ...]
    pictures: Path = PICTURES

    def __str__(self) -> str:
        return "\n".join(f"{e.name}: {get_widget(e.name).title} ({e.heading})" for e in self.entries)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        items = []
        for entry in self.entries:
            widget = get_widget(entry.name)
            link = f'<a href="../notebooks/{entry.chapter}.html">{html.escape(entry.heading)}</a>'
            items.append(
                f"<li>{chapter_picture(self.pictures, entry.chapter)}<strong>{html.escape(widget.title)}</strong>"
                f"<span>{html.escape(widget.description)}</span>"
                f"<span>In {link}. In Python: <code>get_widget({entry.name!r})()</code></span></li>"
            )
        return f'<ul class="ln-cards ln-widget-index">{"".join(items)}</ul>'


def widget_index(notebooks: Path = NOTEBOOKS) -> WidgetIndex:
    """Find every widget's chapter in the notebooks' sources.

    Args:
        notebooks: The folder of the chapters.

    Raises:
        ValueError: If a widget is in no chapter: nobody would ever find it.
    """
    entries = []
    for path in sorted(notebooks.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        title = chapter_title(path.stem, text)
        entries += [Entry(name, path.stem, title) for name in dict.fromkeys(SHOWN.findall(text))]
    if lost := sorted(set(list_widgets()) - {entry.name for entry in entries}):
        raise ValueError(f"the widget {lost[0]!r} is in no chapter of {notebooks}")
    return WidgetIndex(tuple(entries))
