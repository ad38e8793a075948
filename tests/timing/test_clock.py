"""Clocks: what is called, in which order, and what is made of the samples. No test depends on how long things take."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from lightnets_edu.timing import Timing, clock, forward_step, measure, paired_ratio, time_interleaved, training_step


class FakeTime:
    """A clock that moves only when told to."""

    def __init__(self, monkeypatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(clock.time, "perf_counter", lambda: self.now)

    def takes(self, *seconds):
        """A function that takes these seconds, call by call, the last of them ever after."""
        left = list(seconds)

        def function():
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return function


# --- Timing ----------------------------------------------------------------------------------------------


def test_statistics_by_hand():
    timing = Timing((0.5, 0.1, 0.2, 0.4, 0.3), "cpu", images=6)
    assert timing.median == 0.3
    assert timing.p10 == pytest.approx(0.14)  # between 0.1 and 0.2, at 0.1 · 4 = 0.4 of the way
    assert timing.p90 == pytest.approx(0.46)
    assert timing.spread == pytest.approx((0.4 - 0.2) / 0.3)
    assert timing.repeats == 5 and timing.is_noisy
    assert timing.images_per_second == pytest.approx(20)
    assert json.loads(json.dumps(timing.to_dict()))["samples"] == [0.5, 0.1, 0.2, 0.4, 0.3]


def test_of_many_samples_a_record_keeps_some():
    """A GPU gives thousands in a second."""
    samples = tuple(range(1, 1002))
    kept = Timing(samples, "cuda").to_dict()
    assert (kept["repeats"], kept["median"]) == (1001, 501)
    assert 100 <= len(kept["samples"]) <= 200 and kept["samples"][:2] == [1, 7]


@given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=50))
def test_order_of_statistics(samples):
    timing = Timing(tuple(samples), "cpu")
    slack = 1e-9 * max(samples)
    assert min(samples) - slack <= timing.p10 <= timing.median + slack <= timing.p90 + 2 * slack
    assert timing.spread >= 0


def test_text():
    quiet = Timing((0.0123,) * 4, "cpu", images=2)
    assert str(quiet) == "median 12.3 ms (p10 12.3 ms, p90 12.3 ms; 4 repeats on cpu), 163 images/s"
    noisy = str(Timing((1e-6, 2e-6, 4e-6, 8e-6), "cuda"))
    assert noisy.startswith("median 3 µs") and "noisy" in noisy and "limit 10%" in noisy and "images/s" not in noisy


def test_what_a_timing_refuses():
    with pytest.raises(ValueError, match="at least one sample"):
        Timing((), "cpu")
    with pytest.raises(ValueError, match="no throughput"):
        _ = Timing((1.0,), "cpu").images_per_second


# --- measure ---------------------------------------------------------------------------------------------


def test_warm_up_is_not_counted(monkeypatch):
    time = FakeTime(monkeypatch)
    timing = measure(time.takes(9, 7, 1, 2, 3), device="cpu", warmup=2, repeats=3, images=4)
    assert timing.samples == (1, 2, 3)
    assert timing.images_per_second == 2


def test_min_seconds(monkeypatch):
    time = FakeTime(monkeypatch)
    assert measure(time.takes(0.25), device="cpu", warmup=0, repeats=2, min_seconds=1.2).repeats == 5
    assert measure(time.takes(0.25), device="cpu", warmup=0, repeats=9, min_seconds=1.2).repeats == 9


def test_interleaved_order_and_fair_ratio(monkeypatch):
    time = FakeTime(monkeypatch)
    calls = []

    def named(name, *seconds):
        inner = time.takes(*seconds)
        return lambda: (calls.append(name), inner())

    # The machine becomes five times slower half-way; b takes twice as long as a all the time.
    functions = {"a": named("a", 9, 1, 1, 5, 5), "b": named("b", 9, 2, 2, 10, 10)}
    timings = time_interleaved(functions, warmup=1, repeats=4)
    assert calls == ["a", "b"] * 5
    assert timings["a"].samples == (1, 1, 5, 5) and timings["b"].samples == (2, 2, 10, 10)
    assert paired_ratio(timings["b"], timings["a"]) == 2
    with pytest.raises(ValueError, match="have 4 and 1 samples"):
        paired_ratio(timings["b"], Timing((1.0,), "cpu"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"repeats": 0}, "repeats should be at least 1 instead of 0"),
        ({"warmup": -1}, "warmup should be at least 0 instead of -1"),
        ({"repeats": 2.0}, "repeats should be a whole number instead of 2.0"),
        ({"min_seconds": -1}, "min_seconds=-1 is out of range"),
        ({"device": "gpu"}, "device='gpu' is unknown"),
    ],
)
def test_bad_arguments(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        measure(lambda: None, **{"device": "cpu", **options})


def test_nothing_to_time():
    with pytest.raises(ValueError, match="functions is empty"):
        time_interleaved({})


# --- Networks --------------------------------------------------------------------------------------------


def network() -> nn.Sequential:
    torch.manual_seed(0)
    maps = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()
    return nn.Sequential(*maps, nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 5))


@pytest.mark.parametrize("make", [forward_step, training_step])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", [{}, {"amp": "bfloat16", "channels_last": True}])
def test_network_is_left_as_found(make, training, options):
    model = network().train(training)
    model[1].eval()  # a mixture of modes stays a mixture
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    generator = torch.get_rng_state()
    timing = measure(make(model, (2, 3, 8, 8), device="cpu", **options), device="cpu", warmup=1, repeats=2, images=2)
    assert timing.repeats == 2 and timing.images == 2 and timing.device == "cpu"
    assert timing.images_per_second == pytest.approx(2 / timing.median)
    assert [module.training for module in model.modules()] == modes
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) and value.stride() == before[name].stride(), name
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), generator)


def test_forward_step_predicts():
    model = network().train()
    step = forward_step(model, (2, 3, 8, 8), device="cpu")
    one, two = step(), step()
    assert one.shape == (2, 5) and one.is_inference()
    assert torch.equal(one, two)  # no dropout, so it is evaluation mode


def test_training_step_does_all_of_a_step():
    model = network()
    calls = []
    model[0].register_forward_hook(lambda module, *_: calls.append("forward") if module.training else None)
    model[2].register_full_backward_hook(lambda *_: calls.append("backward"))
    step = training_step(model, (2, 3, 8, 8), device="cpu")
    hook = register_optimizer_step_post_hook(lambda *_: calls.append("update"))
    try:
        loss = step()
        step()
    finally:
        hook.remove()
    assert loss.shape == () and bool(torch.isfinite(loss)) and not loss.requires_grad
    assert calls == ["forward", "backward", "update"] * 2


@pytest.mark.parametrize("size", [(3, 8, 8), (0, 3, 8, 8), (1, 3, 8, 8.0), 8])
def test_bad_input_size(size):
    with pytest.raises(ValueError, match="input_size"):
        forward_step(network(), size, device="cpu")


def test_real_clock_moves():
    timing = measure(lambda: np.sort(np.random.default_rng(0).random(20_000)), device="cpu", repeats=3)
    assert all(sample > 0 for sample in timing.samples)
