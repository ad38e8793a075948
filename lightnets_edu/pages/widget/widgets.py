"""Widgets that a chapter declares and one engine runs: with Python in Jupyter and Colab, without in the page.

A widget is a class with attributes only: controls, formulas (SymPy), checks and a layout. Python compiles the
formulas into exact integer functions; the page receives the same formulas as JSON trees, which ``formulas.js``
evaluates. To add one: subclass `Widget` in a module of its chapter's folder.
"""

from __future__ import annotations

import difflib
import html
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import sympy as sp
import traitlets

from lightnets_edu.discovery import chapter_modules
from lightnets_edu.formulas.checks import Check, fill_message
from lightnets_edu.formulas.tree import SharedTrees, compile_trees, to_tree
from lightnets_edu.pages.script.bundle import bundle, page_script
from lightnets_edu.pages.script.component import PageWidget
from lightnets_edu.pages.widget.controls import Choice, Control, Slider, Toggle
from lightnets_edu.pages.widget.declarations import Lookup, Output, Picture, Row, Table, number, real
from lightnets_edu.pages.widget.mistakes import refuse_mistakes

__all__ = [
    "Choice",
    "Lookup",
    "Output",
    "Picture",
    "Row",
    "Slider",
    "Table",
    "Toggle",
    "Widget",
    "get_widget",
    "list_widgets",
    "number",
    "real",
]

_HERE = Path(__file__).parent


class _ControlTrait(traitlets.TraitType):
    """A trait that takes what a control takes, and says why when it does not."""

    def __init__(self, control: Control) -> None:
        super().__init__(default_value=control.default)
        self.control = control

    def validate(self, obj: object, value: object) -> object:
        return self.control.read(value)


@dataclass(frozen=True)
class _Plan:
    """What a widget's class says, translated once: the browser's specification and Python's functions."""

    spec: dict
    definitions: Callable[..., tuple]
    definition_names: tuple[str, ...]
    checks: tuple[tuple[Callable[..., tuple], str], ...]
    outputs: Callable[..., tuple]


@cache
def _plan(widget: type[Widget]) -> _Plan:
    refuse_mistakes(widget)
    inputs = [c.name for c in widget.controls] + [name for lookup in widget.lookups for name in lookup.names]
    definitions, results = SharedTrees(
        {name: to_tree(expr) for name, expr in widget.definitions.items()},
        {output.name: to_tree(output.expr) for output in widget.outputs},
    ).sections
    checks = [(to_tree(check.holds), check.message) for check in widget.checks]
    spec = {
        "name": widget.name,
        "title": widget.title,
        "description": widget.description,
        "controls": [control.spec() for control in widget.controls],
        "lookups": [asdict(lookup) for lookup in widget.lookups],
        "definitions": list(definitions.items()),
        "checks": checks,
        "results": list(results.items()),
        "outputs": [{key: value for key, value in vars(o).items() if key != "expr"} for o in widget.outputs],
        "headline": widget.headline,
        "tables": [asdict(table) for table in widget.tables],
        "pictures": [asdict(picture) for picture in widget.all_pictures()],
    }
    known = [*inputs, *definitions]
    return _Plan(
        spec=json.loads(json.dumps(spec)),
        definitions=compile_trees(inputs, list(definitions), definitions),
        definition_names=tuple(definitions),
        checks=tuple((compile_trees(known, [tree]), message) for tree, message in checks),
        outputs=compile_trees(known, [output.name for output in widget.outputs], results),
    )


class Widget(PageWidget):
    """Controls, formulas and a layout. Subclasses set the attributes below and nothing else.

    Each control is a synced trait: ``widget.groups = 4`` moves the slider, and the slider sets ``widget.groups``.
    A value outside a control's limits is refused; a combination that a check forbids is allowed, and explained
    in the page.

    Attributes:
        name: The widget's name, in snake_case; ``[data-widget]`` in the page.
        title: A short heading.
        description: One sentence: what the reader can find out with it.
        controls: What the reader can set.
        lookups: Numbers taken from `data`.
        definitions: Intermediate values by name, over controls and earlier definitions, for every setting.
        checks: What the settings must meet; the first that fails is shown instead of numbers.
        outputs: The numbers.
        headline: Names of the outputs that are shown large, first.
        tables: Outputs side by side. Outputs in neither place are listed.
        picture: A drawing, or None.
        pictures: More drawings.
        data: Tables for `lookups`; a trait, so that it travels to the page.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    description: ClassVar[str] = ""
    controls: ClassVar[tuple[Control, ...]] = ()
    lookups: ClassVar[tuple[Lookup, ...]] = ()
    definitions: ClassVar[dict[str, sp.Expr]] = {}
    checks: ClassVar[tuple[Check, ...]] = ()
    outputs: ClassVar[tuple[Output, ...]] = ()
    headline: ClassVar[tuple[str, ...]] = ()
    tables: ClassVar[tuple[Table, ...]] = ()
    picture: ClassVar[Picture | None] = None
    pictures: ClassVar[tuple[Picture, ...]] = ()

    _esm = bundle(_HERE / "widget.js")
    _css = _HERE / "widget.css"
    spec = traitlets.Dict().tag(sync=True)
    data = traitlets.Dict().tag(sync=True)

    @classmethod
    def all_pictures(cls) -> tuple[Picture, ...]:
        """`picture`, if there is one, and `pictures`."""
        return (*((cls.picture,) if cls.picture else ()), *cls.pictures)

    def __init__(self, **state: object) -> None:
        """Create the widget, with its controls at ``state`` where given.

        Raises:
            ValueError: If a control cannot take its value.
            TypeError: If a name is not a control's.
        """
        self._refuse_unknown(state, also=("data", "layout"))
        self.add_traits(**{control.name: _ControlTrait(control).tag(sync=True) for control in self.controls})
        if "data" not in state:
            state["data"] = self.default_data()
        super().__init__(**state, spec=self._plan.spec)

    def default_data(self) -> dict[str, Any]:
        """The tables that `lookups` read when none are given."""
        return {}

    @property
    def state(self) -> dict[str, Any]:
        """The present settings, as keywords that make the same widget again."""
        state = {control.name: getattr(self, control.name) for control in self.controls}
        return {**state, "data": self.data} if self.lookups else state

    def evaluate(self, **inputs: object) -> dict[str, int | float]:
        """The numbers that the page shows, keyed as in ``data-output``; settings not given stay as they are.

        Raises:
            ValueError: If a control cannot take its value, or with the page's own sentence if a check fails.
            TypeError: If a name is not a control's.
        """
        self._refuse_unknown(inputs)
        values: dict[str, Any] = {c.name: c.read(inputs.get(c.name, getattr(self, c.name))) for c in self.controls}
        codes = {c.name: c.code(values[c.name]) for c in self.controls}
        for lookup in self.lookups:
            codes |= lookup.find(self.data, values)
        plan = self._plan
        codes |= zip(plan.definition_names, plan.definitions(**codes), strict=True)
        for holds, message in plan.checks:
            if not holds(**codes)[0]:
                shown = {c.name: c.shown(values[c.name]) for c in self.controls}
                raise ValueError(fill_message(message, codes | shown))
        numbers = zip(self.outputs, plan.outputs(**codes), strict=True)
        return {output.name: output.read(value) for output, value in numbers}

    @property
    def _plan(self) -> _Plan:
        # traitlets puts generated classes in front of the one that was written, which is the one to remember.
        return _plan(next(kind for kind in type(self).__mro__ if "controls" in vars(kind)))

    def _refuse_unknown(self, given: Mapping[str, object], also: tuple[str, ...] = ()) -> None:
        known = [control.name for control in self.controls]
        if unknown := [name for name in given if name not in known and name not in also]:
            raise TypeError(f"{self.name} has no control {unknown[0]!r}; it has {', '.join(known)}")

    def static_html(self) -> str:
        """The element for a page without a kernel: specification, state, and a table if no script runs."""
        content = json.dumps({"spec": self.spec, "state": self.state}).replace("<", "\\u003c")
        return (
            f'<div data-widget="{html.escape(self.name)}"><script type="application/json">{content}</script>'
            f"<div data-fallback>{self._fallback()}</div></div>"
        )

    def _fallback(self) -> str:
        """The numbers at the present settings, as plain HTML."""
        where = ", ".join(f"{c.name} = {c.shown(getattr(self, c.name))}" for c in self.controls)
        head = f"<p><strong>{html.escape(self.title)}</strong>: {html.escape(where)}</p>"
        try:
            numbers = self.evaluate()
        except ValueError as error:
            return f"{head}<p>{html.escape(str(error))}</p>"
        rows = "".join(
            f'<tr><th scope="row">{html.escape(o.label)}</th>'
            f'<td data-output="{o.name}" data-value="{numbers[o.name]}">{o.text(numbers[o.name])}</td></tr>'
            for o in self.outputs
        )
        return f"{head}<table><tbody>{rows}</tbody></table>"


def static_script() -> str:
    """The one script that gives a built page its widgets."""
    style = (_HERE / "widget.css").read_text(encoding="utf-8")
    return page_script(_HERE / "widget.js", "widget", style)


@cache
def _modules() -> dict[str, str]:
    """Each widget's module, as the chapters' ``WIDGETS`` say; it is imported when somebody asks for the widget."""
    found: dict[str, str] = {}
    for module in chapter_modules("widget"):
        for name in importlib.import_module(module.rpartition(".")[0]).WIDGETS:
            if name in found:
                raise TypeError(f"two widgets have the name {name!r}, in {found[name]} and {module}")
            found[name] = module
    return found


def list_widgets() -> list[str]:
    """The names of all widgets, in alphabetical order."""
    return sorted(_modules())


def get_widget(name: str) -> type[Widget]:
    """The widget's class, by its name.

    Raises:
        ValueError: If there is no such widget; the sentence names the nearest.
    """
    modules = _modules()
    if name not in modules:
        near = difflib.get_close_matches(str(name), modules, n=1, cutoff=0)
        known = ", ".join(sorted(modules))
        raise ValueError(f"there is no widget {name!r}; did you mean {near[0]!r}? All: {known}")
    module = importlib.import_module(modules[name])
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Widget)]
    return next(kind for kind in kinds if kind.name == name)
