"""Formulas in a notebook: the expression, the numbers put in, the result."""

from __future__ import annotations

import re

from IPython.display import Math

from lightnets_edu.formulas import Quantity

NAMES = {
    "params": r"\text{params}",
    "macs": r"\text{MACs}",
    "flops": r"\text{FLOPs}",
    "exact_flops": r"\text{FLOPs}_\text{exact}",
    "activations": r"\text{activations}",
    "memory_access": r"\text{memory access}",
}


PHONE = 34  # symbols that stand beside each other on a phone


def show(quantity: Quantity, **values: int) -> Math:
    """Typeset a quantity, such as ``show(conv2d.macs, in_channels=3, ...)``; without values the formula alone.

    A sum that is too wide for a phone has one term a line.

    Raises:
        ValueError: If a value is not allowed; the sentence says what is.
    """
    name = NAMES.get(quantity.name, rf"\text{{{quantity.name}}}")
    if not values:
        return Math(f"{name} = {quantity.latex}")
    numbers, result = quantity.worked(**values).rsplit(" = ", 1)
    if _symbols(name + numbers + result) < PHONE:
        lines = [quantity.latex, f"{numbers} = {result}"]
    else:
        lines = [quantity.latex, numbers, result]
    broken = [_terms(line) if _symbols(name + line) > PHONE else [line] for line in lines]
    if any(_symbols(name + term) > PHONE for terms in broken for term in terms):
        name = rf"& {name} \\"  # above, since it takes the room of what cannot be broken
    right = r" \\ &= ".join(r" \\ &\quad {} + ".join(terms) for terms in broken)
    return Math(rf"\begin{{aligned}} {name} &= {right} \end{{aligned}}")


def _symbols(latex: str) -> int:
    """How many symbols a formula draws, roughly: fractions count as if they stood in one line."""
    drawn = re.sub(r"\\(text|left|right)\b", "", latex)
    return len(re.sub(r"[\s{}^_]", "", re.sub(r"\\[A-Za-z]+", "x", drawn)))


def _terms(latex: str) -> list[str]:
    """The terms of a sum: what stands between the pluses outside all brackets. A last ``+ 1`` stays where it is."""
    terms, depth = [""], 0
    parts = re.split(r"([{}()]|\\left\b|\\right\b| \+ )", latex)
    for place, part in enumerate(parts):
        if part == " + " and not depth and _symbols("".join(parts[place + 1 :])) > 1:
            terms.append("")
            continue
        depth += (part in ("{", "(", r"\left")) - (part in ("}", ")", r"\right"))
        terms[-1] += part
    return terms
