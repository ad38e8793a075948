"""Widgets that a chapter declares and one engine runs: with Python in Jupyter and Colab, without in the page.

A widget is a class with attributes only: controls, formulas (SymPy), checks and a layout. Python compiles the
formulas into exact integer functions; the page receives the same formulas as JSON trees, which ``lightnets.js``
evaluates and ``pictures.js`` draws. To add one: subclass `Widget` in a module of its chapter's folder.
"""

from __future__ import annotations

import ast
import difflib
import html
import importlib
import json
import keyword
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import sympy as sp
import traitlets

from lightnets_edu.formulas.checks import Check, fill_message
from lightnets_edu.formulas.tree import SharedTrees, compile_trees, to_tree
from lightnets_edu.pages.discovery import chapter_modules
from lightnets_edu.pages.widget.controls import Choice, Control, Slider, Toggle

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


def number(name: str) -> sp.Symbol:
    """The symbol of a definition or an output: a positive whole number."""
    return sp.Symbol(name, integer=True, positive=True)


def real(name: str) -> sp.Symbol:
    """The symbol of a definition or an output that is positive and need not be whole, to be rounded or an exponent."""
    return sp.Symbol(name, positive=True)


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
        return number(self.name) if self.digits is None else real(self.name)

    def read(self, value: float) -> int | float:
        """The number as an int or a float, by what the output is declared to be."""
        if self.digits is not None:
            return float(value)
        return int(value) if value == int(value) else value

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
    """A drawing that follows the settings, with a sentence that says what it shows.

    Attributes:
        kind: What is drawn:

            - ``connectivity``: which output channel reads which input channel.
            - ``shuffle``: channels moving between two grouped convolutions, and which input reaches which output.
            - ``roofline``: a layer under the two roofs of a machine (Williams, Waterman, Patterson 2009).
            - ``sweep``: outputs over the whole range of one slider, the other controls as they are.
        uses: The names of the numbers that it reads: of controls, definitions, outputs or looked-up numbers.

            - ``connectivity``: input channels, output channels, groups.
            - ``shuffle``: channels, groups (which a check should make divide the channels).
            - ``roofline``: peak in GFLOP/s, bandwidth in GB/s, arithmetic intensity in FLOPs a byte.
            - ``sweep``: a slider, then one to four outputs of the same unit.
    """

    kind: str
    uses: tuple[str, ...]


# How many names each kind of picture uses, at least and at most.
_PICTURE_USES = {"connectivity": (3, 3), "shuffle": (2, 2), "roofline": (3, 3), "sweep": (2, 5)}


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
    definitions: Callable[..., tuple]
    definition_names: tuple[str, ...]
    checks: tuple[tuple[Callable[..., tuple], str], ...]
    outputs: Callable[..., tuple]


def _pictures(widget: type[Widget]) -> tuple[Picture, ...]:
    return (*((widget.picture,) if widget.picture else ()), *widget.pictures)


def _refuse_mistakes(widget: type[Widget]) -> None:
    """Say what is wrong with a declaration, before a reader meets it."""
    outputs = [output.name for output in widget.outputs]
    looked_up = [name for lookup in widget.lookups for name in lookup.names]
    names = [c.name for c in widget.controls] + looked_up + list(widget.definitions) + outputs
    if bad := [n for n in names if not n.isidentifier() or keyword.iskeyword(n) or n.startswith("_")]:
        raise TypeError(f"widget {widget.name!r} uses the name {bad[0]!r}, which Python cannot use for an argument")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TypeError(f"widget {widget.name!r} uses the name {twice[0]!r} twice")
    shown = [*widget.headline, *(cell for table in widget.tables for row in table.rows for cell in row.cells)]
    if unknown := [name for name in shown if name not in outputs]:
        raise TypeError(f"widget {widget.name!r} shows {unknown[0]!r}, which is not one of its outputs")
    known = {c.name for c in widget.controls} | set(looked_up)
    for name, expr in [*widget.definitions.items(), *((o.name, o.expr) for o in widget.outputs)]:
        if unknown := sorted({s.name for s in sp.sympify(expr).free_symbols} - known):
            why = "which is computed later" if unknown[0] in names else "which nothing defines"
            raise TypeError(f"{name} of widget {widget.name!r} uses {unknown[0]!r}, {why}")
        known.add(name)
    for picture in _pictures(widget):
        if mistake := _mistake_in_picture(widget, picture, known):
            raise TypeError(f"widget {widget.name!r} has a picture {picture.kind!r} {mistake}")
    for slider in widget.controls:
        if isinstance(slider, Slider) and (mistake := _mistake_in_divides(slider, known - set(outputs))):
            raise TypeError(f"{slider.name} of widget {widget.name!r} {mistake}")


def _mistake_in_picture(widget: type[Widget], picture: Picture, known: set[str]) -> str:
    """What is wrong with a picture, as the end of a sentence; empty if nothing is."""
    if picture.kind not in _PICTURE_USES:
        return f"of no known kind; there are {', '.join(_PICTURE_USES)}"
    least, most = _PICTURE_USES[picture.kind]
    if not least <= len(picture.uses) <= most:
        allowed = f"{least}" if least == most else f"{least} to {most}"
        return f"of {len(picture.uses)} names; it uses {allowed}"
    if unknown := [name for name in picture.uses if name not in known]:
        return f"of {unknown[0]!r}, which nothing defines"
    if picture.kind == "sweep":
        control, *outputs = picture.uses
        if control not in {c.name for c in widget.controls if isinstance(c, Slider)}:
            return f"over {control!r}, which is not a slider"
        units = {output.name: output.unit for output in widget.outputs}
        if unknown := [name for name in outputs if name not in units]:
            return f"of {unknown[0]!r}, which is not an output"
        if len({units[name] for name in outputs}) > 1:
            return f"of outputs with different units on one axis: {', '.join(repr(units[name]) for name in outputs)}"
    return ""


def _mistake_in_divides(slider: Slider, known: set[str]) -> str:
    if unknown := [name for name in slider.divides if name not in known]:
        return f"divides {unknown[0]!r}, which is no control, definition or looked-up number"
    if slider.divides and (slider.scale, slider.step) != (1, 1):
        return "divides a number, so it needs scale 1 and step 1"
    return ""


@cache
def _plan(widget: type[Widget]) -> _Plan:
    _refuse_mistakes(widget)
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
        "pictures": [asdict(picture) for picture in _pictures(widget)],
    }
    known = [*inputs, *definitions]
    return _Plan(
        spec=json.loads(json.dumps(spec)),
        definitions=compile_trees(inputs, list(definitions), definitions),
        definition_names=tuple(definitions),
        checks=tuple((compile_trees(known, [tree]), message) for tree, message in checks),
        outputs=compile_trees(known, [output.name for output in widget.outputs], results),
    )


def _engine() -> str:
    """The module that draws and runs every widget."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("lightnets.js", "pictures.js"))


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

    _esm = _engine()
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

    # ipywidgets 7, which Colab has, would be asked first, and leave the HTML out.
    _ipython_display_ = None

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/html": self.static_html()}, metadata


def static_script() -> str:
    """The one script that gives a built page its widgets: the mounting code with the engine and its style inside."""
    script = (_HERE / "static.js").read_text(encoding="utf-8")
    style = (_HERE / "lightnets.css").read_text(encoding="utf-8")
    for mark, source in (('"ENGINE"', _engine()), ('"STYLE"', style)):
        script = script.replace(mark, json.dumps(source), 1)
    return script


@cache
def _modules() -> dict[str, str]:
    """Each widget's module, found in the sources: importing all of them would build every network's formulas."""
    found: dict[str, str] = {}
    for module, path in chapter_modules().items():
        for name in _names_of_classes(path.read_text(encoding="utf-8")):
            if name in found:
                raise TypeError(f"two widgets have the name {name!r}, in {found[name]} and {module}")
            found[name] = module
    return found


def _names_of_classes(source: str) -> list[str]:
    """The texts that classes of a module set as their ``name``."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return [
        statement.value.value
        for node in classes
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        and any(isinstance(target, ast.Name) and target.id == "name" for target in statement.targets)
    ]


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
