"""The built pages in a browser, from a disk and from a local server, with every other request refused and recorded."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route

from lightnets_edu.pages.site.serve import make_server

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"


def toc_pages() -> list[str]:
    """Every page of the table of contents, and the search page, relative to the HTML folder."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    return [f"{file}.html" for file in files] + ["search.html"]


PAGES = toc_pages()
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]


@dataclass
class Visit:
    """An open page, and what went wrong on it."""

    page: Page
    address: str
    problems: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def widgets(self) -> list[Widget]:
        return [Widget(self.page, index) for index in range(self.page.locator("[data-widget]").count())]


@dataclass
class Widget:
    """One widget of an open page."""

    page: Page
    index: int

    @property
    def host(self):
        return self.page.locator("[data-widget]").nth(self.index)

    @property
    def name(self) -> str:
        return self.host.get_attribute("data-widget")

    @property
    def state(self) -> dict:
        return json.loads(self.host.locator("script[type='application/json']").text_content())["state"]

    def input(self, name: str):
        return self.host.locator(f"[name='{name}']")

    def set(self, name: str, value: object) -> None:
        """Set one control as a reader would: through its native input."""
        element = self.input(name)
        kind = element.evaluate("element => element.type")
        if kind == "checkbox":
            element.set_checked(value)
        elif kind == "select-one":
            element.select_option(str(value))
        else:
            element.fill(str(value).removesuffix(".0"))  # as the slider itself writes it

    def read(self) -> dict:
        """What the page shows: numbers by name, texts by name, and the status sentence."""
        return self.host.evaluate(
            """host => {
              const elements = [...host.querySelectorAll("[data-output]")];
              return {
                values: elements.map(e => [e.dataset.output, e.dataset.value ?? null]),
                texts: elements.map(e => [e.dataset.output, e.textContent]),
                status: host.querySelector("[role=status]").textContent,
              };
            }"""
        )


def focus_by_tab(page: Page, place: Locator) -> None:
    """Reach an element with the Tab key alone."""
    for _ in range(400):
        page.keyboard.press("Tab")
        if place.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab never reaches {place}")


def fits(page: Page) -> bool:
    """Whether nothing makes the page scroll sideways."""
    return page.evaluate("() => document.scrollingElement.scrollWidth <= window.innerWidth")


def accessibility_faults(page: Page, **options: object) -> list[tuple[str, str]]:
    """What axe finds: the rule, and the element that breaks it.

    Args:
        page: An open page.
        options: Options of axe's run, such as ``runOnly`` (rules); ``include`` is a selector: only what is in it.
    """
    include = options.pop("include", None)
    # Asked for violations only, axe is twice as fast on a long page.
    found = Axe().run(page, context=include, options={"preload": False, "resultTypes": ["violations"], **options})
    return [
        (rule["id"], " ".join(map(str, node["target"])))
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


@pytest.fixture(scope="session")
def html() -> Path:
    if not (HTML / "index.html").exists():
        pytest.fail(f"there is no book in {HTML}: run `make book` first", pytrace=False)
    return HTML


@pytest.fixture(scope="session")
def server(html: Path) -> Iterator[str]:
    httpd = make_server(html, port=0)
    httpd.RequestHandlerClass.func.log_message = lambda *args: None
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/"
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(params=["file", "http"])
def base(request, html: Path, server: str) -> str:
    return html.as_uri() + "/" if request.param == "file" else server


@pytest.fixture
def visit(browser: Browser, server: str) -> Iterator[Callable[..., Visit]]:
    """Open a page; on leaving, nothing may have gone wrong and nothing may have been asked of another machine."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def open_page(address: str, **options) -> Visit:
        context = browser.new_context(**options)
        contexts.append(context)
        visit = Visit(context.new_page(), address)
        visits.append(visit)

        def local_only(route: Route) -> None:
            url = route.request.url
            if url.startswith((HTML.as_uri(), server, "data:", "blob:")):
                route.continue_()
            else:
                visit.refused.append(url)
                route.abort()

        context.route("**/*", local_only)
        page = visit.page
        page.on("console", lambda message: message.type == "error" and visit.problems.append(message.text))
        page.on("pageerror", lambda error: visit.problems.append(str(error)))
        page.goto(address)
        page.wait_for_function("""() => !document.querySelector("[data-widget]:not([data-ready])")""")
        page.wait_for_function(
            """() => !window.MathJax?.startup?.promise || MathJax.startup.promise.then(() => true)"""
        )
        return visit

    yield open_page
    for context in contexts:
        context.close()
    for visit in visits:
        assert visit.problems == [], visit.address
        assert visit.refused == [], visit.address
