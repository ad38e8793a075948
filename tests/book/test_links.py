"""Links between pages lead somewhere, and the pages say what they are to those who share or index them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import yaml
from docutils import nodes
from fontTools.ttLib import TTFont

from lightnets_edu.pages.site.build import build
from lightnets_edu.pages.site.links import broken_links
from lightnets_edu.pages.site.publish import complete_base_url, description, write_sitemap

from .conftest import CHAPTERS, PAGES, ROOT
from .test_build import project, write  # noqa: F401

BASE = yaml.safe_load((ROOT / "_config.yml").read_text())["html"]["baseurl"]
OWN_PAGES = [page for page in PAGES if page != "search.html"]


def test_no_link_of_the_book_is_broken(html):
    assert broken_links(html) == []


def test_broken_links_are_named(tmp_path):
    (tmp_path / "one.html").write_text(
        '<p id="top"><a href="two.html#a%20b">ok</a> <a href="#top">ok</a> <a href="https://example.org/x">ok</a>'
        '<a href="three.html">no</a> <a href="two.html#c">no</a> <a href="#bottom">no</a> <img src="../x.png">'
        '<img srcset="small.png 1x, two.html 2x">'
    )
    (tmp_path / "two.html").write_text('<a name="a b">anchor</a> <a href=".">no index</a> <a href="#">ok</a>')
    assert broken_links(tmp_path) == [
        "one.html: 'three.html' names a file that is not there",
        "one.html: 'two.html#c' names an anchor that two.html does not have",
        "one.html: '#bottom' names an anchor that one.html does not have",
        "one.html: '../x.png' leads out of the book",
        "one.html: 'small.png' names a file that is not there",
        "two.html: '.' names a file that is not there",
    ]


BROKEN = """1
```

[a page](nowhere.ipynb)

{ref}`nothing`

<a href="#gone">raw</a>

```{code-cell}
1"""


def test_broken_links_and_references_fail_the_build(project, capfd):  # noqa: F811
    write(project, BROKEN)
    assert build(project) != 0
    printed = capfd.readouterr().err
    assert "nowhere.ipynb" in printed and "nothing" in printed
    assert "'#gone' names an anchor that notebooks/page.html does not have" in printed


class Head(HTMLParser):
    """The meta tags, the canonical address, the icon and the title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.meta: dict[str, list[str]] = {}
        self.links: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "meta" and "content" in values:
            self.meta.setdefault(values.get("name") or values.get("property") or "", []).append(values["content"])
        if tag == "link":
            self.links[values["rel"]] = values["href"]


@pytest.mark.parametrize("page", OWN_PAGES)
def test_every_page_says_what_it_is(html, page):
    text = (html / page).read_text(encoding="utf-8")
    head = Head(text)
    for name in ("og:type", "og:site_name", "og:title", "og:url", "og:description", "description"):
        assert len(head.meta.get(name, ())) == 1, name
    (about,) = head.meta["description"]
    assert 20 <= len(about) <= 202 and not re.search(r"[\\$]|\n", about)
    assert head.meta["og:url"] == [head.links["canonical"]] == [BASE + page]
    assert (html / page).parent.joinpath(head.links["icon"]).is_file()
    title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)[1]
    assert len(title.strip()) > len("LightNets")


def test_without_a_base_url_there_is_no_sitemap_and_no_address(tmp_path):
    app = SimpleNamespace(config=SimpleNamespace(html_baseurl=""), outdir=str(tmp_path), builder=SimpleNamespace())
    app.builder.format = "html"
    complete_base_url(app, app.config)
    write_sitemap(app, None)
    assert app.config.html_baseurl == "" and list(tmp_path.iterdir()) == []
    app.config.html_baseurl = "https://example.org/book"
    complete_base_url(app, app.config)
    assert app.config.html_baseurl == "https://example.org/book/"


def test_descriptions_are_plain_text_of_a_length_that_is_shown():
    page = nodes.document(None, None)
    for text in ("", "The cost of ", "Words without a formula. " * 20):
        page += nodes.paragraph("", text)
    page[1] += nodes.math("", "K^2")
    assert description(page).startswith("Words without a formula.")
    assert description(page).endswith(" …") and len(description(page)) <= 202
    assert description(nodes.document(None, None)) == ""


def test_titles_differ(html):
    titles = [Head((html / page).read_text(encoding="utf-8")).meta["og:title"][0] for page in OWN_PAGES]
    assert len(set(titles)) == len(titles)


def test_the_sitemap_lists_every_page(html):
    root = ElementTree.parse(html / "sitemap.xml").getroot()
    listed = {place.text for place in root.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")}
    assert listed == {BASE + page for page in OWN_PAGES}


def test_launch_buttons(html):
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    repository = config["repository"]["url"].removeprefix("https://github.com/")
    for page in CHAPTERS:
        text, notebook = (html / page).read_text(encoding="utf-8"), page.replace(".html", ".ipynb")
        assert f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{notebook}" in text, page
        assert f"https://colab.research.google.com/github/{repository}/blob/main/{notebook}" in text, page


def test_notices_travel_with_the_pages(html):
    """Every file that somebody else wrote is named in NOTICE, and NOTICE names nothing that is not there."""
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert (html / "NOTICE.txt").read_text(encoding="utf-8") == notice
    assert (html / "LICENSE.txt").read_text() == (ROOT / "LICENSE").read_text()
    patterns = [pattern for line in re.findall(r"^Files: (.*)$", notice, re.MULTILINE) for pattern in line.split()]
    files = [path.relative_to(html / "_static").as_posix() for path in (html / "_static").rglob("*") if path.is_file()]
    regexes = {pattern: re.compile(re.escape(pattern).replace(r"\*", ".*")) for pattern in patterns}
    assert [name for name in files if not any(regex.fullmatch(name) for regex in regexes.values())] == []
    assert [pattern for pattern, regex in regexes.items() if not any(map(regex.fullmatch, files))] == []
    for path in (html / "_static/vendor/fontawesome/webfonts").glob("*.woff2"):  # changed: not by their reserved name
        assert not any(
            "Font Awesome" in str(record) for record in TTFont(path)["name"].names if record.nameID in (1, 3, 4, 6)
        )
    assert 'VERSION="3.2.2"' in (html / "_static/mathjax/tex-chtml.js").read_text(encoding="utf-8")
    assert "Font Awesome Free 6.5" in (html / "_static/styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
