"""The little Markdown of exercises as HTML: no dependency, and everything that is not markup is escaped.

Paragraphs, ``-`` lists, fenced code, ``$$`` displays; inside: code, ``**strong**``, ``*emphasis*``, ``$mathematics$``.
"""

from __future__ import annotations

import html
import re

_FENCED = re.compile(r"^```\w*\n(?P<code>.*?)\n```$|^\$\$(?P<math>.+?)\$\$$", re.M | re.S)
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\$(?P<math>[^$]+)\$|\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*\s](?:[^*]*[^*\s])?)\*"
)


def _inline(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""  # one of the named groups matched
    text = html.escape(match[kind], quote=False)
    if kind == "math":
        # The class tells MathJax to look here; these delimiters work in the book and in Jupyter.
        return rf'<span class="math mathjax_process">\({text}\)</span>'
    return f"<{kind}>{text}</{kind}>"


def inline_html(text: str) -> str:
    """One line of Markdown as HTML; line breaks become spaces."""
    parts, end, line = [], 0, " ".join(text.split())
    for match in _INLINE.finditer(line):
        parts += [html.escape(line[end : match.start()], quote=False), _inline(match)]
        end = match.end()
    return "".join([*parts, html.escape(line[end:], quote=False)])


def _fenced(match: re.Match[str]) -> str:
    if match["math"]:
        return rf'<div class="math mathjax_process">\[{html.escape(match["math"].strip(), quote=False)}\]</div>'
    # A keyboard must be able to scroll what is too wide.
    return f'<pre tabindex="0"><code>{html.escape(match["code"], quote=False)}</code></pre>'


def _paragraphs(text: str) -> list[str]:
    return [_paragraph(part.strip()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _paragraph(text: str) -> str:
    if not text.startswith("- "):
        return f"<p>{inline_html(text)}</p>"
    items = re.split(r"^- ", text, flags=re.M)[1:]
    return f"<ul>{''.join(f'<li>{inline_html(item)}</li>' for item in items)}</ul>"


def to_html(text: str) -> str:
    """Markdown as HTML."""
    parts, end = [], 0
    for match in _FENCED.finditer(text):
        parts += [*_paragraphs(text[end : match.start()]), _fenced(match)]
        end = match.end()
    return "".join([*parts, *_paragraphs(text[end:])])
