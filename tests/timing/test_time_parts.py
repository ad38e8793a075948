"""Times taken apart: the parts are the formulas' and add up, and only a profile of the same machine will do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightnets_edu.formulas import pointwise_conv2d
from lightnets_edu.timing import DeviceProfile, guideline_networks, operations
from lightnets_edu.timing.guideline_experiments import BLOCKS, GUIDELINES, SIDE, TABLE_2
from lightnets_edu.timing.microbenchmarks import RandomChain
from lightnets_edu.timing.profile import ChainTiming
from lightnets_edu.timing.time_parts import PARTS, guideline_causes, time_parts

PEAK, BANDWIDTH, START = 2e10, 1e10, 3e-5
SETTINGS = {"batch_size": 1, "amp": "off", "channels_last": False, "keeps_memory": True}


@pytest.fixture(scope="module")
def profile() -> DeviceProfile:
    """A machine on which chains take what their work takes at the peak or the bandwidth, and 30 µs an operation."""
    plain = DeviceProfile("cpu", 2, "off", False, True, PEAK, BANDWIDTH, 0.0, (), (), 1.0, {})
    chains = []
    for seed in range(12):
        chain = RandomChain(seed)
        ops = tuple(operations(chain, chain.input_size(1)))
        chains.append(ChainTiming(seed, 1, ops, sum(map(plain.ideal_seconds, ops)) + START * len(ops)))
    return replace(plain, chains=tuple(chains), between=START)


def record(seconds: float = 0.02) -> dict:
    rows = [
        {"guideline": guideline, "variant": variant, "images_per_second": 1 / seconds}
        for guideline in GUIDELINES
        for variant in guideline_networks(guideline)
    ]
    return {"settings": SETTINGS, "environment": {"device": "cpu", "device_name": "x", "threads": 2}, "rows": rows}


def test_the_parts_are_the_formulas_and_add_up(profile):
    causes = guideline_causes(record(), profile)
    assert list(causes) == list(GUIDELINES)
    for parts, (variant, (channels, groups), *_) in zip(causes["G2"], TABLE_2, strict=True):
        size = {"out_height": SIDE, "out_width": SIDE}
        cost = pointwise_conv2d(in_channels=channels, out_channels=channels, groups=groups, **size)
        assert (parts.name, parts.operations, parts.seconds) == (variant, BLOCKS, pytest.approx(0.02))
        assert parts.arithmetic == pytest.approx(BLOCKS * cost.macs / PEAK)
        beyond = max(0, 4 * cost.memory_access / BANDWIDTH - cost.macs / PEAK)
        assert parts.memory == pytest.approx(BLOCKS * beyond)
        assert sum(getattr(parts, part) for part in PARTS) == pytest.approx(0.02)
    # three convolutions, three ReLUs and a sum a block, or some of them
    assert [parts.operations for parts in causes["G4"]] == [70, 60, 40, 30]


def test_starts_are_the_machines_constant_for_each_operation(profile):
    causes = guideline_causes(record(), profile)
    for variants in causes.values():
        for parts in variants:
            assert parts.starts == pytest.approx(START * parts.operations, rel=1e-3)


def test_differences_and_the_part_of_the_peak(profile):
    slow, fast = (time_parts("x", (), seconds, profile) for seconds in (0.03, 0.02))
    slow, fast = (replace(one, arithmetic=0.01, starts=0.002, memory=0.003) for one in (slow, fast))
    assert fast.beyond(slow) == pytest.approx({"arithmetic": 0, "starts": 0, "memory": 0, "rest": -0.01})
    assert slow.of_peak == pytest.approx(0.01 / 0.025) and fast.of_peak == pytest.approx(0.01 / 0.015)
    # Maps that lie in the cache are moved in no time: nobody is faster than the peak for that.
    assert replace(fast, memory=0.02).of_peak == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"threads": 1}, "measured with 1 threads and not 2"), ({"channels_last": True}, "channels_last=True and not")],
)
def test_another_machines_profile_is_refused(profile, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        guideline_causes(record(), replace(profile, **change))
