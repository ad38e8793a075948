"""The book's Sphinx extension: widgets without a kernel, mathematics without a network, never a stale number.

In the order of a build it keys the cache of executed notebooks on this package's sources; refuses outputs that a reader
could not see; makes figures a part of their page; folds code; links the glossary's terms; adds the palette to all pages
and the scripts of widgets, exercises and studies to those that have them, and lays that of the engine beside them;
copies MathJax beside the pages; and keeps only the icons in use.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from lightnets_edu.pages.board.explore import static_script as explore_script
from lightnets_edu.pages.exercise.shown import exercise_script
from lightnets_edu.pages.figure import MARK, described
from lightnets_edu.pages.live.look.shown import look_scripts
from lightnets_edu.pages.live.shown import graphics_script, live_script, time_here
from lightnets_edu.pages.live.train.shown import train_scripts
from lightnets_edu.pages.palette import style_sheet
from lightnets_edu.pages.site.build import code_digest
from lightnets_edu.pages.site.cards import ChapterCardsDirective
from lightnets_edu.pages.site.folding import fold
from lightnets_edu.pages.site.glossary import link_terms
from lightnets_edu.pages.site.icons import shrink_fonts
from lightnets_edu.pages.study.switches import study_script
from lightnets_edu.pages.widget.widgets import static_script

LOGGER = logging.getLogger(__name__)
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# Each script's name, the mark of the pages that need it, and what writes it.
SCRIPTS = (
    ("lightnets-widgets.js", "data-widget=", static_script),
    ("lightnets-explore.js", "data-explore=", explore_script),
    ("lightnets-exercises.js", "data-exercise=", exercise_script),
    ("lightnets-studies.js", "data-switches=", study_script),
)
ICON_SCRIPT = re.compile(r"\s*<(?:script|link)[^>]*scripts/fontawesome\.js[^>]*>(?:</script>)?")
# tex-chtml.js needs its fonts, and loads extensions when a formula uses one: 2 of the package's 24 MB.
MATHJAX_PARTS = ("tex-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions")


def key_cache(app: Sphinx, config: Config) -> None:
    """Execute notebooks again when code that they import changed; jupyter-cache looks at their cells only."""
    caches = Path(app.outdir).parent / ".jupyter_cache"
    current = caches / code_digest(Path(app.srcdir))
    config.nb_execution_cache_path = str(current)
    for old in caches.glob("*"):
        if old != current:
            shutil.rmtree(old, ignore_errors=True)


def serve_mathjax_locally(app: Sphinx, config: Config) -> None:
    """Point pages at the copy that `copy_mathjax` makes."""
    config.mathjax_path = "mathjax/tex-chtml.js"


def refuse_blank_outputs(app: Sphinx, doctree: nodes.document) -> None:
    """Warn of widgets that need a kernel, and of images without a description (warnings fail the build)."""
    for bundle in doctree.findall(nodes.container):
        if bundle.get("nb_element") == "mime_bundle":
            kinds = {part.get("mime_type") for part in bundle.children if isinstance(part, nodes.container)}
            if WIDGET_VIEW in kinds and "text/html" not in kinds:
                LOGGER.warning("an output is a widget without HTML, blank without a kernel", location=bundle)
    for image in doctree.findall(nodes.image):
        if "alt" not in image:
            message = "the image %s has no alt text: say what it shows (cell metadata mystnb.image.alt)"
            LOGGER.warning(message, image["uri"], location=image)


def put_drawings_into_pages(app: Sphinx, doctree: nodes.document) -> None:
    """Make each of our figures a part of its page, where it follows the theme; their bitmaps are not needed there."""
    for image in list(doctree.findall(nodes.image)):
        if not image["uri"].endswith(".svg"):
            continue
        _, path = app.env.relfn2path(image["uri"], app.env.docname)
        drawing = Path(path).read_text(encoding="utf-8")
        if MARK not in drawing[:200]:
            continue
        output = image.parent
        image.replace_self(nodes.raw("", described(drawing, image.get("alt", "")), format="html"))
        if output.get("mime_type") == "image/svg+xml":
            for other in [part for part in output.parent.children if part is not output]:
                if str(other.get("mime_type", "")).startswith("image/"):
                    output.parent.remove(other)


def write_scripts(app: Sphinx) -> None:
    """Make the scripts that pages with a widget, an exercise or a study load, and those that a press loads."""
    folder = Path(app.outdir).parent / "lightnets_static"
    folder.mkdir(parents=True, exist_ok=True)
    loaded = [(name, source()) for name, _, source in SCRIPTS]
    # No page loads the latter before its reader asks for them.
    timed = [("lightnets-live.js", live_script()), ("lightnets-graphics.js", graphics_script())]
    for name, text in (*loaded, *timed, *look_scripts(), *train_scripts()):
        (folder / name).write_text(text, encoding="utf-8")
    # Here, and not in the configuration: Jupyter Book would load the scripts on every page.
    app.config.html_static_path.append(str(folder))


def add_scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load them on pages that need them, and keep ipywidgets' own loader and state off every page."""
    loaders = getattr(app.env, "nb_metadata", {}).get(page, {}).get("js_files", {})
    for name in [name for name in loaders if name.startswith("ipywidgets_")]:
        del loaders[name]
    body = context.get("body", "")
    for name, mark, _ in SCRIPTS:
        if mark in body:
            app.add_js_file(name, loading_method="defer")
    # Sphinx loads MathJax on pages whose formulas it has seen itself; those of exercises are in outputs.
    if "mathjax_process" in body:
        app.env.get_domain("math").data["has_equations"][page] = True


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Put the needed part of MathJax beside the pages."""
    if error or app.builder.format != "html":
        return
    # The folder's name has hyphens, so it can be found but not imported.
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("sphinx-mathjax-offline is not installed: pip install lightnets-edu[book]")
    source = Path(package.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in MATHJAX_PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / part, target / part)


def lighten_icons(app: Sphinx, error: Exception | None) -> None:
    """Keep only the icons in use, and leave out the theme's 1.6 MB icon script, which draws the same ones again."""
    if error or app.builder.format != "html":
        return
    html = Path(app.outdir)
    (html / "_static" / "scripts" / "fontawesome.js").unlink(missing_ok=True)
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if (lighter := ICON_SCRIPT.sub("", text)) != text:
            page.write_text(lighter, encoding="utf-8")
    shrink_fonts(html)


def mend_body(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Change what other extensions write.

    A figure is fetched when the reader comes near it: a long chapter opens quickly on a phone. The line above folded
    code is its own label. And the palette is a part of the page: half a kilobyte is not worth a file.
    """
    if "body" in context:
        context["metatags"] = f"{context.get('metatags', '')}\n    <style>{style_sheet().strip()}</style>"
        body = context["body"].replace("<img ", '<img loading="lazy" ')
        context["body"] = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")


class TimeHereDirective(SphinxDirective):
    """``{time-here}``: on a page without cells, what `time_here` shows."""

    def run(self) -> list[nodes.Node]:
        """The element as it stands in a page."""
        return [nodes.raw("", time_here(layer=False).static_html(), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything with Sphinx."""
    app.add_directive("time-here", TimeHereDirective)
    app.add_directive("chapter-cards", ChapterCardsDirective)
    app.connect("config-inited", key_cache)
    app.connect("config-inited", serve_mathjax_locally)
    app.connect("builder-inited", write_scripts)
    app.connect("doctree-read", refuse_blank_outputs, priority=100)
    app.connect("doctree-read", put_drawings_into_pages, priority=200)  # before Sphinx collects the images
    app.connect("doctree-read", fold)
    app.connect("doctree-resolved", link_terms)
    app.connect("html-page-context", add_scripts, priority=100)
    app.connect("html-page-context", mend_body)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", lighten_icons)
    app.setup_extension("lightnets_edu.pages.site.publish")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
