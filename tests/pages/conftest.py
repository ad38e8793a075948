"""Widgets on a page of their own, and parts of their engine called from Python."""

from __future__ import annotations

import io
import json

import pytest

from lightnets_edu.pages.widget.widgets import static_script


@pytest.fixture(scope="module")
def page(browser):
    context = browser.new_context()
    yield context.new_page()
    context.close()


def show(page, *widgets):
    """A page with these widgets."""
    content = "".join(widget.static_html() for widget in widgets)
    page.set_content(f"<!doctype html><main>{content}</main><script>{_inline(static_script())}</script>")
    page.wait_for_function("() => !document.querySelector('[data-widget]:not([data-ready])')")
    return page


def in_engine(page, names: str, body: str, *arguments):
    """Run JavaScript with parts of the engine, which need not be exported, in scope."""
    engine = json.loads(static_script().split("const engine = ", 1)[1].split(";\n", 1)[0])
    page.goto("about:blank")
    return page.evaluate(
        f"""async ([engine, ...args]) => {{
          const source = engine + "\\nexport const parts = {{ {names} }};";
          const url = URL.createObjectURL(new Blob([source], {{ type: "text/javascript" }}));
          const {{ parts: {{ {names} }} }} = await import(url);
          {body}
        }}""",
        [engine, *arguments],
    )


def png_size(figure) -> int:
    """Bytes of a matplotlib figure as a notebook saves it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return len(buffer.getvalue())


def timing(seconds: float | None, predicted: dict | None, batch: int = 1, **changes) -> dict:
    """A row of a record; without seconds the measurement was refused."""
    percentiles = dict.fromkeys(("median", "p10", "p90"), seconds)
    measured = {"samples": [seconds], **percentiles, "spread": 0.0, "repeats": 1} if seconds is not None else None
    setting = {"step": "forward", "options": {}, "amp": "off", "channels_last": False, "compile": False}
    timed = {"keeps_memory": True, "measured": measured, "refused": None if measured else "noise"}
    memory = {"peak_bytes": None, "predicted_peak_bytes": None}
    size = {"input_size": [batch, 3, 224, 224], "macs": 10**9}
    return setting | size | timed | memory | {"predicted_seconds": predicted} | changes


def _inline(script: str) -> str:
    return script.replace("</", "<\\/")
