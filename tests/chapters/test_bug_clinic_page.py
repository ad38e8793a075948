"""Chapter 15's widget: every combination of repairs costs what the listing, really built, costs."""

from __future__ import annotations

from itertools import product

import pytest

from lightnets_edu import count, get_model
from lightnets_edu.chapters.bug_clinic.listings.ghost import (
    REPAIRS,
    Repairs,
    counted_cost,
    listing_cost,
)
from lightnets_edu.pages import get_widget


def shown(repairs: dict[str, bool]) -> tuple[int, int, int]:
    numbers = get_widget("ghost_repair_explorer")().evaluate(**repairs)
    return numbers["params"], numbers["macs"], numbers["transient_macs"]


def test_every_combination_follows_the_formula():
    widget = get_widget("ghost_repair_explorer")()
    for switches in product((False, True), repeat=len(REPAIRS)):
        cost = listing_cost(Repairs(*switches))
        numbers = widget.evaluate(**dict(zip(REPAIRS, switches, strict=True)))
        assert [numbers[k] for k in ("params", "macs", "transient_macs")] == [cost.params, cost.macs,
                                                                             cost.transient_macs]  # fmt: skip


@pytest.mark.parametrize("repaired", [("depthwise", "kernel"), ("shortcut", "kernel", "register_gates")])
def test_single_repairs_are_those_of_the_real_network(repaired):
    switches = {name: name in repaired for name in REPAIRS}
    cost = counted_cost(Repairs(**switches))
    assert shown(switches) == (cost.params, cost.macs, cost.transient_macs)


def test_with_all_repairs_it_is_the_books_ghostnet():
    table = count(get_model("ghostnet"))
    assert shown(dict.fromkeys(REPAIRS, True)) == (table.params, table.macs, 0)
