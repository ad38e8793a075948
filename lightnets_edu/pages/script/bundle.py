"""JavaScript modules become one text, for a widget in Jupyter and for the script of a built page; no Node, no Deno.

The modules are written for a bundler that only strips: they import names as they are declared, from files beside
them, and export what they declare. So a bundle is the modules' texts, the imported first, without those lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["bundle", "page_script", "shelf_script"]

_MOUNT = Path(__file__).with_name("mount.js")
# A comment on lines of its own; most of them are types, which readers' browsers need not load.
_COMMENT = re.compile(r"^ *(?://[^\n]*|/\*\*(?:(?!\*/).)*\*/)\n", re.M | re.S)
# Types within a line, and what stands behind code; a text in quotes may look like the latter, so these stay.
_ASIDE = re.compile(r"/\*\* @\w+ \{[^\n]*?\} \*/ ?| +// [^\"'`\n]*$", re.M)
_IMPORT = re.compile(r'^import \{\s*\w+(?:,\s*\w+)*,?\s*\} from "(\.\.?/[\w./]+)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:const|let|function|class) )", re.M)
_DEFAULT = re.compile(r"^export default (\w+);\n", re.M)
_DECLARED = re.compile(r"^(?:const|let|function|class) (\w+)", re.M)
# What starts a line of a module's own level; all else there is indented or closes a bracket.
_UNKNOWN = re.compile(r"^(?:import|export|var|async|(?:const|let) *[\[{]).*", re.M)


def _collect(path: Path, texts: dict[Path, str], trail: tuple[Path, ...] = ()) -> None:
    """Add a module and before it, each once, all that it imports."""
    if path in trail:
        way = ", ".join(other.name for other in trail[trail.index(path) + 1 :])
        raise ValueError(f"{path.name} imports itself, by way of {way}")
    if path not in texts:
        text = _ASIDE.sub("", _COMMENT.sub("", path.read_text(encoding="utf-8")))
        for name in _IMPORT.findall(text):
            _collect((path.parent / name).resolve(), texts, (*trail, path))
        texts[path] = _EXPORT.sub("", _IMPORT.sub("", text))


def _join(*entries: Path) -> str:
    """The modules that these need, as one text without imports and exports."""
    texts: dict[Path, str] = {}
    for entry in entries:
        _collect(entry.resolve(), texts)
    owners: dict[str, str] = {}
    for path, text in texts.items():
        texts[path] = text = _DEFAULT.sub("", text)
        if unknown := _UNKNOWN.search(text):
            raise ValueError(f"{path.name} says {unknown[0]!r}, which the bundler does not know")
        for name in _DECLARED.findall(text):
            if name in owners:
                raise ValueError(f"{path.name} and {owners[name]} both declare {name}")
            owners[name] = path.name
    return "".join(texts.values())


def _component(entry: Path) -> str:
    """The name of what a module exports as its default."""
    if not (found := _DEFAULT.search(entry.read_text(encoding="utf-8"))):
        raise ValueError(f"{entry.name} has no line 'export default NAME;'")
    return found[1]


def bundle(entry: Path) -> str:
    """A component as one module, for anywidget.

    Args:
        entry: The component's file, which exports it as its default.

    Raises:
        ValueError: If a module has a form that the bundler does not know, imports itself, or declares a name twice.
    """
    return f"{_join(entry)}export default {_component(entry)};\n"


def page_script(entry: Path, kind: str, style: str = "", shared: Mapping[str, Any] | None = None) -> str:
    """A component as a script that runs it in every element ``[data-KIND]`` of a built page.

    It is no module: browsers load none from a page's neighbour on a disk.

    Args:
        entry: The component's file, which exports it as its default.
        kind: The elements' attribute without ``data-``.
        style: CSS that the elements need.
        shared: What the model of each has beside what its own JSON says.

    Raises:
        ValueError: As `bundle`.
    """
    arguments = ", ".join(json.dumps(argument) for argument in (kind, style, shared or {}))
    call = f"mountAll({_component(entry)}, {arguments});"
    return f'(() => {{\n"use strict";\n{_join(_MOUNT, entry)}{call}\n}})();\n'


def shelf_script(entry: Path, name: str) -> str:
    """A module as a script that only lays its default export where other scripts find it.

    Args:
        entry: The module's file.
        name: Of the property of ``globalThis``.

    Raises:
        ValueError: As `bundle`.
    """
    return f'(() => {{\n"use strict";\n{_join(entry)}globalThis.{name} = {_component(entry)};\n}})();\n'
