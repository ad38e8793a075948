"""The words of a study on a page."""

from __future__ import annotations

import html
import re

# A number (or the place of one in a template) stays on the line of its unit, and "r = 16" on one line.
_TOGETHER = re.compile(r"(?<=[\d}]) (?=%|points|ms)|(?<=\b[A-Za-z]) (?==)|(?<==) ")


def kept(words: str | None) -> str:
    """Words whose spaces break no line inside ``90.3 %`` or ``r = 16``."""
    return _TOGETHER.sub("\N{NO-BREAK SPACE}", words or "")


def text(words: str | None) -> str:
    """The same as HTML."""
    return html.escape(kept(words))
