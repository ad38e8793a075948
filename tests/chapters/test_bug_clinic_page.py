"""Chapter 15's widget: every combination of repairs costs what the listing, really built, costs."""

from __future__ import annotations

from itertools import product

import pytest
from explorers import assert_totals, counted, shown

from lightnets_edu import get_model
from lightnets_edu.chapters.bug_clinic.listings.ghost import REPAIRS, Repairs, counted_cost, listing_cost
from lightnets_edu.pages import get_widget

QUANTITIES = ("params", "macs", "transient_macs")


def test_every_combination_follows_the_formula():
    widget = get_widget("ghost_repair_explorer")()
    for switches in product((False, True), repeat=len(REPAIRS)):
        numbers = widget.evaluate(**dict(zip(REPAIRS, switches, strict=True)))
        assert_totals(numbers, listing_cost(Repairs(*switches)), *QUANTITIES)


@pytest.mark.parametrize("repaired", [("depthwise", "kernel"), ("shortcut", "kernel", "register_gates")])
def test_single_repairs_are_those_of_the_real_network(repaired):
    switches = {name: name in repaired for name in REPAIRS}
    assert_totals(shown("ghost_repair_explorer", **switches), counted_cost(Repairs(**switches)), *QUANTITIES)


def test_with_all_repairs_it_is_the_books_ghostnet():
    numbers = shown("ghost_repair_explorer", **dict.fromkeys(REPAIRS, True))
    assert_totals(numbers, counted(lambda: get_model("ghostnet")), "params", "macs")
    assert numbers["transient_macs"] == 0
