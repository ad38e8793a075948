"""Chapter 16's widget: its totals are the built network's, its milliseconds the predictor's."""

from __future__ import annotations

import random
from itertools import pairwise, product

import pytest
import torch
from explorers import assert_totals, counted

from lightnets_edu import count
from lightnets_edu.chapters.design.search import Budget, Space, search
from lightnets_edu.chapters.design.study import DESIGNS, FAST, FAST_MS, MATTERS, MIXED, STUDY, bought, purchase, ranked
from lightnets_edu.chapters.design.widget import (
    OVER,
    WITHIN,
    design_of,
    device_speeds,
    page_rung,
    page_seconds,
    verdict,
)
from lightnets_edu.models.search_space import EXPANDING, KINDS, Design, DesignedNetwork, Stage
from lightnets_edu.pages import get_widget
from lightnets_edu.records import recorded_file
from lightnets_edu.timing import DeviceProfile, Operation, operations, predict
from lightnets_edu.timing.operations import KINDS as OPERATION_KINDS
from lightnets_edu.timing.operations import MULTIPLYING
from lightnets_edu.timing.profile import ChainTiming, Sample


def made_up_profile(chains: tuple[ChainTiming, ...] = ()) -> DeviceProfile:
    """A machine on which every class of operation reaches another part of the peak."""
    samples = []
    for place, kind in enumerate(OPERATION_KINDS):
        work = 20_000 if kind in MULTIPLYING else 0
        operation = Operation("", kind, kind, work, work or 1000, 600, 0, 400, (1, 1, 1, 1, 1, 1))
        samples.append(Sample(operation, 1e-6 * (1 + place / 7)))
    environment = {"device_name": "made up"}
    return DeviceProfile("cpu", 1, "off", False, True, 5e10, 2e10, 3e-6, tuple(samples), chains, 1.0, environment)


@pytest.fixture(scope="module")
def widget():
    return get_widget("design_under_budget")(data={"device": device_speeds(made_up_profile())})


def random_settings(seed: int) -> dict:
    draw = random.Random(seed)
    settings = {"expand_ratio": draw.randint(2, 6), "input_size": draw.randrange(32, 129, 16)}
    for i in (1, 2, 3):
        settings |= {
            f"kind_{i}": KINDS[(seed + i) % len(KINDS)],
            f"channels_{i}": draw.randrange(8, 193, 8),
            f"depth_{i}": draw.randint(1, 6),
        }
    return settings


@pytest.mark.parametrize("seed", range(8))
def test_totals_and_time(widget, seed):
    settings = random_settings(seed)
    numbers, size = widget.evaluate(**settings), settings["input_size"]
    with torch.device("meta"):
        model = DesignedNetwork(design_of(settings)).eval()
        table = count(model, (1, 3, size, size))
    assert_totals(numbers, table, "params", "macs", "activations", "memory_access")
    predicted = predict(model, (1, 3, size, size), made_up_profile(), rung="classes")
    # A femtosecond each is what rounding may cost.
    assert numbers["ms"] == pytest.approx(1000 * predicted.seconds, rel=1e-4)
    for what in ("params", "macs", "ms"):
        assert sum(numbers[f"stage_{what}_{part}"] for part in (1, 2, 3, "ends")) == pytest.approx(numbers[what])


def test_the_same_channels_in_two_stages(widget):
    """Where a stage keeps the channels, its first block still has a stride, and so a shortcut of its own."""
    settings = {f"channels_{i}": 16 for i in (1, 2, 3)} | {f"kind_{i}": "residual" for i in (1, 2, 3)}
    settings |= {"kind_3": "ghost", "expand_ratio": 2}
    numbers = widget.evaluate(**settings)
    table = counted(lambda: DesignedNetwork(design_of(widget.state | settings)), 1, 3, 32, 32)
    assert_totals(numbers, table, "params", "macs")


def test_budget(widget):
    numbers = widget.evaluate(budget_params=1000, budget_macs=200, budget_ms=5)
    assert numbers["over"] == 0 and "within" in verdict(numbers)
    numbers = widget.evaluate(budget_params=10, budget_macs=200, budget_ms=5)
    assert numbers["over"] == 1
    assert numbers["params_used"] == pytest.approx(100 * numbers["params"] / 10_000)
    assert "parameters" in verdict(numbers) and "MACs" not in verdict(numbers)


def test_an_exceeded_budget_is_said_in_words(widget):
    """A colour is not enough: the text itself differs."""
    shown = {output.name: output for output in widget.outputs}
    numbers = widget.evaluate(budget_params=10, budget_macs=200, budget_ms=0.5)
    assert {name: shown[f"{name}_over"].text(numbers[f"{name}_over"]) for name in ("params", "macs", "ms")} == {
        "params": OVER,
        "macs": WITHIN,
        "ms": OVER,
    }
    assert shown["over"].text(numbers["over"]) == f"{OVER} in 2 of 3"
    assert (
        f">{OVER} in 2 of 3<"
        in get_widget("design_under_budget")(
            data=widget.data, budget_params=10, budget_macs=200, budget_ms=0.5
        ).static_html()
    )


def test_what_is_left_is_negative_over_budget(widget):
    numbers = widget.evaluate(budget_params=10, budget_macs=200, budget_ms=7.5)
    assert numbers["params_left"] == 10_000 - numbers["params"] < 0
    assert numbers["macs_left"] == 200_000_000 - numbers["macs"] > 0
    assert numbers["ms_left"] == pytest.approx(7.5 - numbers["ms"])


def test_corrections_are_found_again():
    """Chains that take half of their work and 70 microseconds an operation give just these two numbers."""
    plain, overhead = made_up_profile(), made_up_profile().overhead
    chains = []
    for seed in range(4):
        design = design_of(random_settings(seed))
        ops = tuple(operations(DesignedNetwork(design), (1, 3, 32, 32)))
        work = page_seconds(ops, plain) - overhead * len(ops)
        chains += [ChainTiming(seed, 1, ops, 0.5 * work + 7e-5 * len(ops)), ChainTiming(seed, 16, ops, 9.0)]
    profile = made_up_profile(tuple(chains))
    assert page_rung(profile) == pytest.approx((0.5, 7e-5))
    assert page_seconds(chains[0].operations, profile) == pytest.approx(chains[0].seconds)
    numbers = get_widget("design_under_budget")(data={"device": device_speeds(profile)}).evaluate(
        **random_settings(0) | {"input_size": 32}
    )
    assert numbers["ms"] == pytest.approx(1000 * chains[0].seconds, rel=1e-4)


# --- The search -------------------------------------------------------------------------------------------------------


def built_designs(space):
    """Every different design of a space, put together stage by stage."""
    for stages in product(product(space.kinds, space.channels, space.depths), repeat=3):
        expanding = any(kind in EXPANDING for kind, _, _ in stages)
        for expansion in space.expansions if expanding else space.expansions[:1]:
            ratios = [expansion if kind in EXPANDING else Stage.expand_ratio for kind, _, _ in stages]
            yield Design(tuple(Stage(*stage, expand_ratio=r) for stage, r in zip(stages, ratios, strict=True)))


def cost_of(design, profile):
    """Parameters, MACs and milliseconds of the real network, without the widget's formulas."""
    with torch.device("meta"):
        model = DesignedNetwork(design).eval()
        table = count(model, (1, 3, 32, 32))
    return table.params, table.macs, 1000 * page_seconds(operations(model, (1, 3, 32, 32)), profile)


def grows(design):
    """Whether each stage has twice to three times the channels of the one before it."""
    channels = [stage.channels for stage in design.stages]
    return all(2 * a <= b <= 3 * a for a, b in pairwise(channels))


def test_the_search_finds_what_building_every_network_finds():
    profile, space = made_up_profile(), Space(("separable", "ghost"), (8, 16, 32), (1,), (2, 5))
    costs = {design: cost_of(design, profile) for design in built_designs(space)}
    assert len(costs) == space.size == (1 + 7 * 2) * 3**3
    # Limits between two networks' costs, so that rounding decides nothing; each limit excludes some.
    params, macs, ms = ([*sorted({cost[i] for cost in costs.values()})] for i in range(3))
    budget = Budget(params[len(params) * 2 // 3], macs[len(macs) * 2 // 3], sum(ms[len(ms) * 2 // 3 :][:2]) / 2)
    fitting = [d for d, (p, m, t) in costs.items() if p <= budget.params and m <= budget.macs and t <= budget.ms]
    found = search(device_speeds(profile), budget, space=space)
    assert 0 < len(found.rows) < found.within == len(fitting) < len(costs)
    rows = {one.design: one for one in map(found.candidate, range(len(found.rows)))}
    assert rows.keys() == {design for design in fitting if grows(design)}
    for design, one in rows.items():
        assert (one.params, one.macs) == costs[design][:2]
        assert one.ms == pytest.approx(costs[design][2], rel=1e-4)
        assert one.spent == pytest.approx(one.params * one.macs / (budget.params * budget.macs))
    for kind, chosen in ((MIXED, lambda kinds: len(kinds) > 1), ("ghost", {"ghost"}.__eq__), ("", bool)):
        best = max(one.spent for d, one in rows.items() if chosen({stage.kind for stage in d.stages}))
        assert found.best(kind).spent == best
    assert search(device_speeds(profile), Budget(params=1), space=space).best() is None


@pytest.fixture(scope="module")
def recorded():
    profile = DeviceProfile.load(recorded_file("cpu", "profile"))
    return profile, search(device_speeds(profile))


def test_the_whole_space_is_searched(recorded):
    profile, found = recorded
    sliders = {control.name: control for control in get_widget("design_under_budget").controls}
    steps = [round((s.maximum - s.minimum) / s.step) + 1 for s in (sliders["channels_1"], sliders["depth_1"])]
    plain, kinds, expansions = 2**3, 4**3, sliders["expand_ratio"].maximum - 1
    assert found.space.size == (plain + (kinds - plain) * expansions) * (steps[0] * steps[1]) ** 3
    for place in random.Random(0).sample(range(len(found.rows)), 20):
        one = found.candidate(place)
        params, macs, ms = cost_of(one.design, profile)
        assert grows(one.design)
        assert (one.params, one.macs) == (params, macs) and one.ms == pytest.approx(ms, rel=1e-4)
        assert params <= found.budget.params and macs <= found.budget.macs and one.ms <= found.budget.ms


# --- The study --------------------------------------------------------------------------------------------------------


def test_the_study_trains_what_the_search_finds(recorded):
    """If a new profile changes the search's answer, declare the new designs in study.py and record the study anew."""
    _, found = recorded
    answers = {kind: found.best(kind).design for kind in (MIXED, *KINDS)} | {FAST: found.best(ms=FAST_MS).design}
    assert answers == DESIGNS


def invented_record(accuracies):
    """A record with three runs of each variant, which lie 0.1 below, at and above a mean."""
    variants = [{"name": variant.name, "description": variant.description} for variant in STUDY.variants]
    runs = [
        {"variant": name, "seed": seed, "measures": {"accuracy": mean + (seed - 1) / 10}}
        for name, mean in accuracies.items()
        for seed in range(3)
    ]
    return {"variants": variants, "runs": runs}


MS = dict(zip(DESIGNS, (4.0, 4.5, 3.5, 4.6, 4.7, 2.4), strict=True))


def test_the_fastest_of_those_that_are_good_enough_is_bought():
    accuracies = {MIXED: 89.0, "separable": 89.4, "inverted_residual": 88.95, "ghost": 87.0, FAST: 88.8}
    record = invented_record(accuracies)
    assert [name for name, _ in ranked(record)] == ["separable", MIXED, "inverted_residual", FAST, "ghost"]
    assert bought(record, MS) == "inverted_residual"  # half a point below the highest, and no slower than the two above
    text = purchase(record, MS)
    assert "most accurate are the networks of separable blocks (mean 89.4 %)" in text
    assert "0.40 points" in text and "tell the two apart" in text and "3.50 ms" in text
    assert "Of the 5 designs 3 lie within 0.5 points" in text
    assert bought(invented_record({**accuracies, FAST: 89.4 - MATTERS + 0.01}), MS) == FAST


def test_without_runs_nothing_is_bought():
    record = invented_record({})
    assert bought(record, MS) == "" and "not recorded yet" in purchase(record, MS)
    assert "not apart" in purchase(invented_record({MIXED: 89.0, "ghost": 89.0}), MS)
