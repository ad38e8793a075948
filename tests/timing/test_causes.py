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
    without = sum(seconds for kind, seconds in by_kind.items() if kind not in MULTIPLYING)
    with_macs = sum(seconds for kind, seconds in by_kind.items() if kind in MULTIPLYING)
    assert parts["starting"] <= len(ops) * constants.start * (1 + 1e-9)
    own = sum(parts[kind] for kind in MULTIPLYING) + parts["arithmetic"]
    assert own <= with_macs and parts["memory"] + parts["starting"] >= without


def test_a_layer_at_its_roof_has_nothing_beyond_it(profile):
    """On a machine where a start takes 1 us and layers run at their roof, nothing is left for their class."""
    linear, overhead = nn.Linear(2048, 2048, bias=False), 1e-6
    ops = operations(linear, (1, 2048))
    seconds = 4 * (2048 * 2048 + 2 * 2048) / profile.bandwidth + overhead
    machine = replace(profile, samples=(Sample(ops[0], seconds),), chains=(), overhead=overhead)
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
