"""Widgets on a page of their own, and modules of the pages' scripts called from Python."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from lightnets_edu import pages
from lightnets_edu.pages.widget.widgets import static_script

SCRIPTS = Path(pages.__file__).parent
# A name of this machine's, since pages from elsewhere without encryption are given no WebGPU; nothing listens there.
ADDRESS = "http://localhost/"


@pytest.fixture(scope="module")
def page(browser):
    context = browser.new_context()
    context.route(f"{ADDRESS}**", _serve)
    yield context.new_page()
    context.close()


def _serve(route: Route) -> None:
    if route.request.url == ADDRESS:
        route.fulfill(body="<!doctype html>", content_type="text/html")
        return
    path = SCRIPTS / route.request.url.removeprefix(ADDRESS)
    anyone = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}
    route.fulfill(body=path.read_bytes(), headers=anyone)


def show(page: Page, *widgets):
    """A page with these widgets."""
    content = "".join(widget.static_html() for widget in widgets)
    script = static_script().replace("</", "<\\/")
    page.set_content(f"<!doctype html><main>{content}</main><script>{script}</script>")
    page.wait_for_function("() => !document.querySelector('[data-widget]:not([data-ready])')")
    return page


def call(page: Page, module: str, function: str, *arguments):
    """Call a JavaScript function with a module, such as ``widget/formulas.js``, and arguments."""
    page.goto(ADDRESS)
    body = f"async ([module, args]) => ({function})(await import(module), ...args)"
    return page.evaluate(body, [ADDRESS + module, arguments])


def png_size(figure) -> int:
    """Bytes of a matplotlib figure as a notebook saves it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return len(buffer.getvalue())


def timing(seconds: float | None, predicted: dict | None, batch: int = 1, **changes) -> dict:
    """A row of a record; without seconds the measurement was refused."""
    percentiles = dict.fromkeys(("median", "p10", "p90"), seconds)
    measured = {"samples": [seconds], **percentiles, "spread": 0.0, "repeats": 1} if seconds is not None else None
    setting = {"step": "forward", "options": {}, "amp": "off", "channels_last": False, "runtime": "eager", "threads": 2}
    timed = {"keeps_memory": True, "measured": measured, "refused": None if measured else "noise"}
    memory = {"peak_bytes": None, "predicted_peak_bytes": None}
    size = {"input_size": [batch, 3, 224, 224], "macs": 10**9}
    return setting | size | timed | memory | {"predicted_seconds": predicted} | changes
