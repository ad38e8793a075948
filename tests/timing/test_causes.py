"""A prediction taken apart by cause: the parts are the whole, and each is what its definition says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.records import recorded_file
from lightnets_edu.timing import CAUSES, DeviceProfile, machine_constants, operations, predict, seconds_by_cause
from lightnets_edu.timing.operations import MULTIPLYING
from lightnets_edu.timing.profile import Sample

SIZE = (1, 3, 96, 96)


@pytest.fixture(scope="module")
def profile() -> DeviceProfile:
    return DeviceProfile.load(recorded_file("cpu", "profile"))


@pytest.mark.parametrize("name", ["mobilenet_v1", "ghostnet", "se_resnet50", "alexnet_2012"])
def test_the_causes_add_up_to_the_prediction(name, profile):
    with torch.device("meta"):
        model = get_model(name).eval()
    ops, whole = operations(model, SIZE), predict(model, SIZE, profile)
    parts = seconds_by_cause(ops, profile)
    assert tuple(parts) == CAUSES
    assert sum(parts.values()) == pytest.approx(whole.seconds, rel=1e-9)
    by_kind = whole.by_kind()
    constants = machine_constants(profile)
    macs = sum(op.macs for op in ops)
    assert parts["arithmetic"] == pytest.approx(macs / constants.peak)
    assert parts["starting"] == pytest.approx(len(ops) * constants.start)
    without = sum(seconds for kind, seconds in by_kind.items() if kind not in MULTIPLYING)
    starts = constants.start * sum(op.kind not in MULTIPLYING for op in ops)
    beyond = sum(
        max(0, profile.bytes(op) / constants.bandwidth - op.macs / constants.peak)
        for op in ops
        if op.kind in MULTIPLYING
    )
    assert parts["memory"] + parts["without_macs"] == pytest.approx(without - starts + beyond)
    moved = sum(profile.bytes(op) / constants.bandwidth for op in ops if op.kind not in MULTIPLYING)
    assert parts["memory"] <= beyond + moved and parts["without_macs"] >= 0


def test_what_was_measured_in_place_is_taken_apart_likewise(profile):
    """The seconds of the classes, and for each operation what passes before it."""
    with torch.device("meta"):
        ops = operations(get_model("ghostnet").eval(), SIZE)
    in_place = dict.fromkeys({op.kind for op in ops}, 0.002)
    parts = seconds_by_cause(ops, profile, in_place)
    constants = machine_constants(profile)
    between = constants.start - constants.start_alone
    assert sum(parts.values()) == pytest.approx(sum(in_place.values()) + len(ops) * between)
    assert parts["arithmetic"] == pytest.approx(sum(op.macs for op in ops) / constants.peak)
    grouped = [op for op in ops if op.kind == "depthwise"]
    roofline = sum(max(op.macs / constants.peak, profile.bytes(op) / constants.bandwidth) for op in grouped)
    assert parts["depthwise"] == pytest.approx(0.002 - len(grouped) * constants.start_alone - roofline)


def test_a_layer_at_its_roof_has_nothing_beyond_it(profile):
    """On a machine where a start takes 1 us and layers run at their roof, nothing is left for their class."""
    linear, overhead = nn.Linear(2048, 2048, bias=False), 1e-6
    ops = operations(linear, (1, 2048))
    seconds = 4 * (2048 * 2048 + 2 * 2048) / profile.bandwidth + overhead
    machine = replace(profile, samples=(Sample(ops[0], seconds),), chains=(), overhead=overhead, between=0.0)
    assert machine_constants(machine).start == machine_constants(machine).start_alone == overhead
    parts = seconds_by_cause(ops, machine)
    assert parts["arithmetic"] == 2048**2 / profile.peak_macs
    assert parts["arithmetic"] + parts["memory"] + parts["starting"] == pytest.approx(seconds)
    assert parts["linear"] == pytest.approx(0, abs=1e-12)


def test_a_gpu_that_waits_for_python_says_so(profile):
    """What a GPU's work leaves of the time that Python takes to issue it is waiting."""
    with torch.device("meta"):
        ops = operations(get_model("ghostnet").eval(), SIZE)
    slow = [replace(chain, seconds=1.0 * len(chain.operations)) for chain in profile.chains]  # a second an operation
    parts = seconds_by_cause(ops, replace(profile, device="cuda", chains=tuple(slow)))
    assert sum(parts.values()) == pytest.approx(1.0 * len(ops))
    assert parts["waiting"] > 0.9 * len(ops)
    assert seconds_by_cause(ops, profile)["waiting"] == 0
