"""Which links of the built pages lead nowhere? Files and anchors are looked up on the disk; nothing is fetched."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ADDRESSES = ("href", "src", "poster", "data")


class _Page(HTMLParser):
    """The anchors of one page, and the addresses that it names."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element's name and what it points at."""
        values = {name: value for name, value in attrs if value is not None}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        self.addresses += [values[name] for name in ADDRESSES if name in values]
        self.addresses += [part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()]
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            self.addresses += [values["content"].partition("url=")[2]]


def broken_links(html: Path) -> list[str]:
    """Every link from a page to a file or an anchor of the same book that is not there.

    Args:
        html: The folder of the built book.

    Returns:
        One sentence a broken link, in the order of pages; none for a sound book. Addresses on other machines are
        not looked at.
    """
    html = html.resolve()
    # Themes leave templates of theirs among the static files; they are no pages.
    files = [path for path in sorted(html.rglob("*.html")) if "_static" not in path.relative_to(html).parts]
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in files}
    found = []
    for path, page in pages.items():
        for address in dict.fromkeys(page.addresses):
            if fault := _fault(address, path, html, pages):
                found.append(f"{path.relative_to(html)}: {address!r} {fault}")
    return found


def _fault(address: str, path: Path, html: Path, pages: dict[Path, _Page]) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or address == "#":
        return ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(html):
        return "leads out of the book"
    if not target.is_file():
        return "names a file that is not there"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return f"names an anchor that {target.relative_to(html)} does not have"
    return ""
