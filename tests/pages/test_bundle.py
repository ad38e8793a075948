"""The bundler: modules become one text, and what it could get wrong is refused."""

from __future__ import annotations

import pytest

from lightnets_edu.pages.script.bundle import bundle, page_script

PARTS = """// Parts.
/** What is made,
 * by the way. */
export function build() {
  return /** @type {any} */ ("import { a } from nowhere");  // and why
}
"""
COLOURS = """import { build } from "./parts.js";
export const RED = build();
"""
WIDGET = """/** @import { Red } from "../types.js" */
import { RED } from "../colours.js";
import {
  build,
} from "../parts.js";
const widget = { render: () => build(RED) };
export default widget;
"""
BUNDLE = """function build() {
  return ("import { a } from nowhere");
}
const RED = build();
const widget = { render: () => build(RED) };
export default widget;
"""


@pytest.fixture
def entry(tmp_path):
    (tmp_path / "widget").mkdir()
    for name, text in (("parts.js", PARTS), ("colours.js", COLOURS), ("widget/widget.js", WIDGET)):
        (tmp_path / name).write_text(text)
    return tmp_path / "widget" / "widget.js"


def test_imported_modules_come_first_and_once(entry):
    assert bundle(entry) == BUNDLE


def test_a_page_s_script_runs_the_component(entry):
    script = page_script(entry, "thing", "p { color: red }", {"far": 9})
    assert 'mountAll(widget, "thing", "p { color: red }", {"far": 9});' in script
    assert "\nexport" not in script
    assert script.count("function build()") == 1


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ('import parts from "../parts.js";', "widget.js says .import parts from .*, which the bundler does not know"),
        ('import { build as make } from "../parts.js";', "build as make"),
        ('import * as parts from "../parts.js";', "import . as parts"),
        ('import "../parts.js";', "import ../parts.js"),
        ('import { cut } from "sharp";', "sharp"),
        ("export { widget };", "export { widget }"),
        ("export const { a, b } = {};", "const { a, b }"),
        ("export async function load() {}", "export async function"),
        ("var old = 1;", "var old"),
        ("const RED = 1;", "widget.js and colours.js both declare RED"),
        ("function build() {}", "widget.js and parts.js both declare build"),
    ],
)
def test_what_it_does_not_know_is_refused(entry, lines, sentence):
    entry.write_text(f"{lines}\n{WIDGET}")
    with pytest.raises(ValueError, match=sentence.replace("{", r"\{").replace("import ../", "import .../")):
        bundle(entry)


def test_circles_and_missing_components_are_refused(entry):
    parts = entry.parents[1] / "parts.js"
    with pytest.raises(ValueError, match=r"parts\.js has no line 'export default NAME;'"):
        bundle(parts)
    parts.write_text('import { RED } from "./colours.js";\n')
    with pytest.raises(ValueError, match=r"colours\.js imports itself, by way of parts\.js"):
        bundle(entry)
