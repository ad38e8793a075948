"""The repair of a broken GhostNet listing: each mistake has a switch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from itertools import combinations

import sympy as sp

from lightnets_edu.chapters.bug_clinic.listings.ghost import REPAIRS, ListingCost, Repairs, listing_cost
from lightnets_edu.pages.widget.widgets import Output, Toggle, Widget, number

TRUE_COST = listing_cost(Repairs.first(len(REPAIRS)))
# One layer's cost depends on at most three repairs: whether it is built, whether it is depthwise, and its kernel.
MOST_TOGETHER = 3
LABELS = {
    "build_what_runs": "Build what runs",
    "depthwise": "Truly depthwise",
    "pointwise_primary": "1 × 1 primary",
    "shortcut": "Cheap shortcut",
    "register_gates": "Register gates",
    "kernel": "The table's k",
}
TOGGLES = {name: Toggle(name, LABELS[name]) for name in REPAIRS}


def _with(repaired: Iterable[str]) -> ListingCost:
    return listing_cost(Repairs(**dict.fromkeys(repaired, True)))


def _formulas() -> dict[str, sp.Expr]:
    """Each quantity as a polynomial of the switches, which are 0 or 1.

    Every product of switches gets what these repairs change together beyond what fewer of them change.
    """
    groups = [group for size in range(MOST_TOGETHER + 1) for group in combinations(TOGGLES, size)]
    costs = {group: _with(group) for group in groups}
    formulas = {}
    for quantity in (field.name for field in fields(ListingCost)):
        beyond: dict[tuple[str, ...], int] = {}
        for group in groups:
            parts = sum(beyond[part] for part in beyond if set(part) < set(group))
            beyond[group] = getattr(costs[group], quantity) - parts
        formulas[quantity] = sp.Add(
            *(change * sp.Mul(*(TOGGLES[name].symbol for name in group)) for group, change in beyond.items())
        )
    return formulas


FORMULAS = _formulas()


class GhostRepairExplorer(Widget):
    """Parameters and MACs of the listing with any of its mistakes repaired."""

    name = "ghost_repair_explorer"
    title = "Repair the listing"
    description = "Switch one repair on at a time, and say before each whether parameters or MACs will move."
    controls = tuple(TOGGLES.values())
    outputs = (
        Output("params", "Parameters", FORMULAS["params"], help="that an optimiser would see"),
        Output("macs", "MACs", FORMULAS["macs"], help="of registered layers, one image of 224 × 224"),
        Output("transient_macs", "MACs of unregistered layers", FORMULAS["transient_macs"], help="never trained"),
        *(
            Output(f"{name}_ratio", f"{label}, against the paper's network", number(name) / true, "times", digits=2)
            for name, label, true in (("params", "Parameters", TRUE_COST.params), ("macs", "MACs", TRUE_COST.macs))
        ),
    )
    headline = ("params", "macs")
