"""Widgets that a chapter declares and one engine runs: with Python in Jupyter and Colab, without in the page.

A widget is a class with attributes only: controls, formulas (SymPy), checks and a layout. Python compiles the
formulas into exact integer functions; the page receives the same formulas as JSON trees, which ``lightnets.js``
evaluates. To add one: subclass `Widget` in a module of this folder and name the module in `WIDGET_MODULES`.
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

import anywidget
import sympy as sp
import traitlets

from lightnets_edu.formulas.checks import Check, fill_message
from lightnets_edu.formulas.tree import Tree, compile_trees, to_tree
from lightnets_edu.pages.controls import Choice, Control, Slider, Toggle

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
]

WIDGET_MODULES = ("convolution", "mobilenet_v1", "which_flop")
_HERE = Path(__file__).parent


def number(name: str) -> sp.Symbol:
    """The symbol of a definition or an output: a positive whole number."""
    return sp.Symbol(name, integer=True, positive=True)


@dataclass(frozen=True)
class Output:
    """A number that the widget shows.

    Attributes:
        name: The key in `Widget.evaluate` and in ``data-output``.
        label: What the reader sees.
        expr: The formula, over controls, definitions and earlier outputs.
        unit: A word after the number.
        digits: Digits after the point; None for whole numbers.
        help: A few words that say how it is counted.
    """

    name: str
    label: str
    expr: sp.Expr
    unit: str = ""
    digits: int | None = None
    help: str = ""

    @property
    def symbol(self) -> sp.Symbol:
        """The symbol under which later outputs can use it."""
        return number(self.name)

    def text(self, value: float) -> str:
        """The number as it is shown."""
        return f"{value:,}" if self.digits is None else f"{value:,.{self.digits}f}"


@dataclass(frozen=True)
class Row:
    """One row of a table: a label, then the names of outputs, one a column."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Outputs side by side, so that they can be compared.

    Attributes:
        caption: What is compared.
        columns: The columns' headings.
        rows: The rows.
        bars: Whether each number has a bar as long as its share of the column's largest.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    bars: bool = True


@dataclass(frozen=True)
class Picture:
    """A drawing that follows the settings.

    Attributes:
        kind: ``connectivity``: which output channel reads which input channel.
        uses: The names of the numbers that it reads; for ``connectivity`` input channels, output channels and
            groups.
    """

    kind: str
    uses: tuple[str, ...]


@dataclass(frozen=True)
class Lookup:
    """Numbers from data instead of a formula: ``data[table][key]...[name]`` gives each symbol ``name``.

    Attributes:
        table: The name of the table in the widget's `Widget.data`.
        keys: The controls whose values lead to a row, outermost first.
        names: The row's numbers; each becomes a symbol.
    """

    table: str
    keys: tuple[str, ...]
    names: tuple[str, ...]

    def find(self, data: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, int]:
        """The numbers at the present settings.

        Raises:
            ValueError: If the data has no such row or number.
        """
        row, path = data, [self.table, *(str(values[key]) for key in self.keys)]
        try:
            for key in path:
                row = row[key]
            return {name: row[name] for name in self.names}
        except KeyError as missing:
            raise ValueError(f"the widget's data has no {missing} in {' > '.join(path)}") from None


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
    steps: tuple[str, ...]
    checks: tuple[tuple[Callable[..., tuple], str], ...]
    definitions: Callable[..., tuple]
    outputs: Callable[..., tuple]


def _steps(widget: type[Widget]) -> dict[str, Tree]:
    """Definitions, then outputs, as trees, in the order in which they are computed."""
    outputs = {output.name: output.expr for output in widget.outputs}
    return {name: to_tree(expr) for name, expr in {**widget.definitions, **outputs}.items()}


def _refuse_mistakes(widget: type[Widget]) -> None:
    """Say what is wrong with a declaration, before a reader meets it."""
    outputs = [output.name for output in widget.outputs]
    looked_up = [name for lookup in widget.lookups for name in lookup.names]
    names = [c.name for c in widget.controls] + looked_up + list(widget.definitions) + outputs
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TypeError(f"widget {widget.name!r} uses the name {twice[0]!r} twice")
    shown = [*widget.headline, *(cell for table in widget.tables for row in table.rows for cell in row.cells)]
    if unknown := [name for name in shown if name not in outputs]:
        raise TypeError(f"widget {widget.name!r} shows {unknown[0]!r}, which is not one of its outputs")
    known = set(names)
    for name, expr in [*widget.definitions.items(), *((o.name, o.expr) for o in widget.outputs)]:
        if unknown := sorted({s.name for s in sp.sympify(expr).free_symbols} - known):
            raise TypeError(f"{name} of widget {widget.name!r} uses {unknown[0]!r}, which nothing defines")


@cache
def _plan(widget: type[Widget]) -> _Plan:
    _refuse_mistakes(widget)
    names = [c.name for c in widget.controls] + [name for lookup in widget.lookups for name in lookup.names]
    steps = _steps(widget)
    definitions = {name: steps[name] for name in widget.definitions}
    checks = [(to_tree(check.holds), check.message) for check in widget.checks]
    spec = {
        "name": widget.name,
        "title": widget.title,
        "description": widget.description,
        "controls": [control.spec() for control in widget.controls],
        "lookups": [asdict(lookup) for lookup in widget.lookups],
        "steps": list(steps.items()),
        "checks": checks,
        "outputs": [{key: value for key, value in vars(o).items() if key != "expr"} for o in widget.outputs],
        "headline": widget.headline,
        "tables": [asdict(table) for table in widget.tables],
        "picture": asdict(widget.picture) if widget.picture else None,
    }
    return _Plan(
        spec=json.loads(json.dumps(spec)),
        steps=tuple(steps),
        checks=tuple((compile_trees(names, [tree], definitions), message) for tree, message in checks),
        definitions=compile_trees(names, list(definitions), definitions),
        outputs=compile_trees(names, list(steps), steps),
    )


class Widget(anywidget.AnyWidget):
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

    _esm = _HERE / "lightnets.js"
    _css = _HERE / "lightnets.css"
    spec = traitlets.Dict().tag(sync=True)
    data = traitlets.Dict().tag(sync=True)

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
        values = {c.name: c.read(inputs.get(c.name, getattr(self, c.name))) for c in self.controls}
        codes = {c.name: c.code(values[c.name]) for c in self.controls}
        for lookup in self.lookups:
            codes |= lookup.find(self.data, values)
        for holds, message in self._plan.checks:
            if not holds(**codes)[0]:
                shown = {c.name: c.shown(values[c.name]) for c in self.controls}
                raise ValueError(fill_message(message, {**codes, **self._definitions(codes), **shown}))
        numbers = dict(zip(self._plan.steps, self._plan.outputs(**codes), strict=True))
        return {o.name: numbers[o.name] if o.digits is None else float(numbers[o.name]) for o in self.outputs}

    def _definitions(self, codes: Mapping[str, int]) -> dict[str, int]:
        return dict(zip(self.definitions, self._plan.definitions(**codes), strict=True))

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

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/html": self.static_html()}, metadata


def static_script() -> str:
    """The one script that gives a built page its widgets: the mounting code with the engine and its style inside."""
    script = (_HERE / "static.js").read_text(encoding="utf-8")
    for mark, source in (('"ENGINE"', "lightnets.js"), ('"STYLE"', "lightnets.css")):
        script = script.replace(mark, json.dumps((_HERE / source).read_text(encoding="utf-8")), 1)
    return script


def _widgets() -> dict[str, type[Widget]]:
    modules = [importlib.import_module(f"lightnets_edu.pages.{module}") for module in WIDGET_MODULES]
    found = [kind for module in modules for kind in vars(module).values() if isinstance(kind, type)]
    return {kind.name: kind for kind in found if issubclass(kind, Widget) and kind.name}


def list_widgets() -> list[str]:
    """The names of all widgets, in alphabetical order."""
    return sorted(_widgets())


def get_widget(name: str) -> type[Widget]:
    """The widget's class, by its name.

    Raises:
        ValueError: If there is no such widget; the sentence names the nearest.
    """
    widgets = _widgets()
    if name not in widgets:
        near = difflib.get_close_matches(str(name), widgets, n=1, cutoff=0)
        known = ", ".join(sorted(widgets))
        raise ValueError(f"there is no widget {name!r}; did you mean {near[0]!r}? All: {known}")
    return widgets[name]
