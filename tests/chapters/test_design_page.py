"""Chapter 16's widget: its totals are the built network's, its milliseconds the predictor's."""

from __future__ import annotations

import random

import pytest
import torch
from explorers import assert_totals, counted

from lightnets_edu import count
from lightnets_edu.chapters.design.widget import design_of, device_speeds, page_rung, page_seconds, verdict
from lightnets_edu.models.search_space import KINDS, DesignedNetwork
from lightnets_edu.pages import get_widget
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
