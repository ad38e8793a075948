"""Mistakes in the declaration of a widget, found before a reader meets them."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING

import sympy as sp

from lightnets_edu.pages.widget.controls import Slider
from lightnets_edu.pages.widget.declarations import Picture

if TYPE_CHECKING:
    from lightnets_edu.pages.widget.widgets import Widget

# How many names each kind of picture uses, at least and at most.
_PICTURE_USES = {"connectivity": (3, 3), "sliding": (5, 5), "shuffle": (2, 2), "roofline": (3, 3), "sweep": (2, 5)}


def refuse_mistakes(widget: type[Widget]) -> None:
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
    if silent := [output.name for output in widget.outputs if output.alarm is not None and not output.words]:
        raise TypeError(f"output {silent[0]!r} of widget {widget.name!r} has an alarm and no words, so only a colour")
    for picture in widget.all_pictures():
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
