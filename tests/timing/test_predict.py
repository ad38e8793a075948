"""The ladder of predictors, on a made-up machine whose times are known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
import torchvision
from torch import nn

from lightnets_edu import count, get_model, list_models
from lightnets_edu.timing import (
    DEVELOPMENT_NETWORKS,
    EVALUATION_NETWORKS,
    RUNGS,
    DeviceProfile,
    error_table,
    operations,
    predict,
)
from lightnets_edu.timing.microbenchmarks import RandomChain, sweep
from lightnets_edu.timing.operations import CONVOLUTIONS, KINDS, operations_of
from lightnets_edu.timing.predict import Microbenchmarks, nonnegative_fit
from lightnets_edu.timing.profile import ChainTiming, Sample

SIZE = (2, 3, 96, 96)
OVERHEAD = 2e-6


def alone(op) -> float:
    """Seconds of an operation on the made-up machine: exactly of the form that a class's formula has."""
    speed = 1e10 / (1 + KINDS.index(op.kind))
    return 1e-5 + op.work / speed + 4 * (op.read + op.written) / 2e10


@cache
def work() -> tuple[tuple[Sample, ...], tuple[ChainTiming, ...]]:
    """Layers that were timed alone, and chains that take what their layers take."""
    layers = list(sweep(0, (1, 4), 5e7, 2e6))[::3]
    samples = tuple(Sample(op, alone(op)) for layer in layers for op in operations_of(layer.function()))
    chains = []
    for seed, batch in product(range(6), (1, 8)):
        chain = RandomChain(seed)
        ops = tuple(operations(chain, chain.input_size(batch)))
        chains.append(ChainTiming(seed, batch, ops, sum(map(alone, ops))))
    return samples, tuple(chains)


def machine(device: str = "cpu", factor: float = 1.0, extra: float = 0.0) -> DeviceProfile:
    """Its profile. A chain takes ``factor`` times the sum of its layers, and ``extra`` an operation."""
    samples, chains = work()
    slower = tuple(replace(c, seconds=factor * c.seconds + extra * len(c.operations)) for c in chains)
    return DeviceProfile(device, 1, "off", False, False, 1e10, 2e10, OVERHEAD, samples, slower, 1.0, {})


@pytest.fixture(scope="module")
def profile() -> DeviceProfile:
    return machine()


def test_flops_by_hand(profile):
    model = get_model("mobilenet_v1")
    assert predict(model, SIZE, profile, rung="flops").seconds == pytest.approx(count(model, SIZE).macs / 1e10)


def test_roofline_by_hand(profile):
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.ReLU(inplace=True))
    conv, relu = predict(model, (1, 3, 16, 16), profile, rung="roofline").by_layer
    assert conv.seconds == pytest.approx(8 * 256 * 27 / 1e10 + OVERHEAD)  # 5.5 us of arithmetic, 2.3 us of traffic
    assert relu.seconds == pytest.approx(4 * 2 * 8 * 256 / 2e10 + OVERHEAD)


def test_classes_by_hand(profile):
    model = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
    (layer,) = predict(model, (1, 8, 16, 16), profile, rung="classes").by_layer
    assert layer.seconds == pytest.approx(8 * 256 * 9 / 1e10 / profile.efficiency["depthwise"] + OVERHEAD)


@pytest.mark.parametrize("name", ["mobilenet_v1", "shufflenet_v2_x1_0", "resnet50"])
def test_the_top_rung_finds_a_machine_of_its_own_form(profile, name):
    model = get_model(name)
    truth = sum(map(alone, operations(model, SIZE)))
    assert predict(model, SIZE, profile).seconds == pytest.approx(truth, rel=0.02)
    assert predict(model, SIZE, profile, rung="flops").seconds < 0.7 * truth


def test_what_chains_take_is_learnt():
    slow = machine(factor=1.5, extra=2e-5)
    ops = operations(get_model("mobilenet_v1"), SIZE)
    truth = 1.5 * sum(map(alone, ops)) + 2e-5 * len(ops)
    assert Microbenchmarks(slow).seconds(ops).sum() == pytest.approx(truth, rel=0.1)


@pytest.mark.parametrize("rung", RUNGS)
def test_parts_add_up_and_more_work_takes_longer(profile, rung):
    model = get_model("ghostnet")
    small, large = (predict(model, (2, 3, side, side), profile, rung=rung) for side in (64, 192))
    assert sum(layer.seconds for layer in small.by_layer) == pytest.approx(small.seconds)
    assert sum(small.by_kind().values()) == pytest.approx(small.seconds)
    assert [layer.path for layer in small.by_layer] == [op.path for op in operations(model, (2, 3, 64, 64))]
    assert min(layer.seconds for layer in small.by_layer) >= 0
    assert small.rung == rung and 0 < small.seconds < large.seconds


def test_a_gpu_waits_for_python():
    """Chains of 30 us an operation, whatever its size: the GPU is done long before."""
    gpu = machine("cuda", factor=0.0, extra=1e-3)
    ops = operations(get_model("mobilenet_v1"), (1, 3, 32, 32))
    assert predict(get_model("mobilenet_v1"), (1, 3, 32, 32), gpu).seconds == pytest.approx(1e-3 * len(ops))
    busy = machine("cuda")  # chains take what their layers take: nobody waits
    assert Microbenchmarks(busy).calibration.issue == 0


def test_without_samples_and_chains_it_is_the_rung_below():
    bare = replace(machine(), samples=(), chains=())
    model = get_model("squeezenet1_1")
    assert predict(model, SIZE, bare).seconds == pytest.approx(predict(model, SIZE, bare, rung="classes").seconds)


def test_fit_finds_coefficients_and_never_a_negative_one():
    terms = np.array([[1, 2.0], [1, 5.0], [1, 11.0], [1, 1.0]])
    assert nonnegative_fit(terms, terms @ [3.0, 0.5]) == pytest.approx([3.0, 0.5], rel=1e-4)
    assert nonnegative_fit(terms, np.array([5.0, 4.0, 3.0, 6.0]))[1] == 0
    assert nonnegative_fit(np.array([[0.0, 2.0]]), np.array([4.0]), np.array([1.0, 0.0])) == pytest.approx([1, 2])


def test_unknown_rung(profile):
    with pytest.raises(ValueError, match=r"rung='flop' is unknown.*did you mean 'flops'"):
        predict(nn.ReLU(), SIZE, profile, rung="flop")


def test_the_split():
    assert len(EVALUATION_NETWORKS) >= 20
    assert not set(EVALUATION_NETWORKS) & set(DEVELOPMENT_NETWORKS)
    for name in (*EVALUATION_NETWORKS, *DEVELOPMENT_NETWORKS):
        family, _, short = name.rpartition("/")
        assert short in (torchvision.models.list_models() if family else list_models())


def test_table():
    (row,) = error_table({"flops": [1.0, 3.0]}, [2.0, 3.0])
    assert row == {"rung": "flops", "mape": 0.25, "spearman": 1.0, "median_ratio": 0.75, "networks": 2}


def test_convolutions_are_classes():
    assert set(CONVOLUTIONS) < set(KINDS)
