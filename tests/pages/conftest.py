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


def _inline(script: str) -> str:
    return script.replace("</", "<\\/")
