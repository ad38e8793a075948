"""What the pages say about themselves to the rest of the world, and the last look at them before they go out.

Part of the book's Sphinx extension: a description and Open Graph tags on every page, ``sitemap.xml`` when the
address is known (``html.baseurl`` in ``_config.yml``), a search that works from a disk, the notice of other people's
work, and a check of every internal link. A link that leads nowhere is a warning, and warnings fail the build.
"""

from __future__ import annotations

import html
import shutil
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from lightnets_edu.pages.site.links import broken_links

LOGGER = logging.getLogger(__name__)
DESCRIPTION_LENGTH = 200  # characters; longer ones are cut by those who show them
# From a disk a browser refuses to fetch the pages that a result's excerpt is cut from; titles and links need none.
SEARCH_FROM_DISK = 'if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;'


def complete_base_url(app: Sphinx, config: Config) -> None:
    """An address of a folder ends with a slash; without it the last name would be lost from every page's address."""
    if config.html_baseurl:
        config.html_baseurl = config.html_baseurl.rstrip("/") + "/"


def description(doctree: nodes.document) -> str:
    """A page's first paragraph as plain text, cut at a word; paragraphs with mathematics do not read as text."""
    for paragraph in doctree.findall(nodes.paragraph):
        if not any(paragraph.findall(nodes.math)) and (text := " ".join(paragraph.astext().split())):
            if len(text) <= DESCRIPTION_LENGTH:
                return text
            return text[:DESCRIPTION_LENGTH].rpartition(" ")[0].rstrip(",;:.") + " …"
    return ""


def describe_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the description and the Open Graph tags, which give a link its title and text where people share it."""
    if page == "search":
        app.add_js_file(None, body=SEARCH_FROM_DISK)
    if doctree is None:
        return
    title, about = app.env.titles[page].astext(), description(doctree)
    tags = {"og:type": "website", "og:site_name": app.config.html_title, "og:title": title, "og:description": about}
    if app.config.html_baseurl:
        tags["og:url"] = app.config.html_baseurl + app.builder.get_target_uri(page)
    lines = [_meta("property", name, text) for name, text in tags.items() if text]
    if about:
        lines.insert(0, _meta("name", "description", about))
    context["metatags"] = context.get("metatags", "") + "\n    " + "\n    ".join(lines)


def _meta(kind: str, name: str, text: str) -> str:
    return f'<meta {kind}="{name}" content="{html.escape(text)}" />'


def write_sitemap(app: Sphinx, error: Exception | None) -> None:
    """List the pages for search engines; a sitemap holds whole addresses, so without ``html.baseurl`` there is none."""
    if error or app.builder.format != "html" or not app.config.html_baseurl:
        return
    addresses = [app.config.html_baseurl + app.builder.get_target_uri(page) for page in sorted(app.env.all_docs)]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">']
    lines += [f"  <url><loc>{escape(address)}</loc></url>" for address in addresses]
    (Path(app.outdir) / "sitemap.xml").write_text("\n".join([*lines, "</urlset>\n"]), encoding="utf-8")


def copy_notice(app: Sphinx, error: Exception | None) -> None:
    """The licences of what the pages are made of travel with them."""
    if error or app.builder.format != "html":
        return
    for name in ("LICENSE", "NOTICE"):
        if (source := Path(app.srcdir) / name).is_file():
            shutil.copy(source, Path(app.outdir) / f"{name}.txt")


def check_links(app: Sphinx, error: Exception | None) -> None:
    """Warn of every link between pages that leads nowhere: those in HTML, which Sphinx does not resolve, too."""
    if error or app.builder.format != "html":
        return
    for sentence in broken_links(Path(app.outdir)):
        LOGGER.warning("broken link: %s", sentence)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything with Sphinx."""
    app.connect("config-inited", complete_base_url)
    app.connect("html-page-context", describe_page)
    app.connect("build-finished", write_sitemap)
    app.connect("build-finished", copy_notice)
    app.connect("build-finished", check_links, priority=900)  # when all files are there
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
