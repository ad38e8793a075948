"""Settings, and the learning-rate schedule."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightnets_edu.training import TrainConfig, learning_rate_at


def test_round_trip_through_json():
    config = TrainConfig(epochs=3, warmup_epochs=0.5, channels_last=True, amp="off")
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert TrainConfig.from_dict({}) == TrainConfig()
    with pytest.raises(FrozenInstanceError):
        config.epochs = 4


def test_unknown_setting_is_refused():
    with pytest.raises(ValueError, match=r"'learning_rat' is no setting of TrainConfig .did you mean 'learning_rate'"):
        TrainConfig.from_dict({"learning_rat": 0.1})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": 0}, "epochs should be at least 1 instead of 0"),
        ({"epochs": 2.5}, "epochs should be a whole number instead of 2.5"),
        ({"epochs": True}, "epochs should be a whole number instead of True"),
        ({"batch_size": "128"}, "batch_size should be a whole number instead of '128'"),
        ({"learning_rate": 0}, "learning_rate=0 is out of range: it must be a finite number above 0"),
        ({"learning_rate": math.nan}, "learning_rate=nan is out of range"),
        ({"learning_rate": math.inf}, "learning_rate=inf is out of range"),
        ({"momentum": 1.0}, "momentum=1.0 is out of range.*old gradients never fade"),
        ({"weight_decay": -1e-4}, "weight_decay=-0.0001 is out of range"),
        ({"label_smoothing": 1}, "label_smoothing=1 is out of range"),
        ({"warmup_epochs": 15}, "warmup_epochs=15 is out of range.*below epochs=15"),
        ({"optimizer": "adam"}, "optimizer='adam' is unknown: choose one of 'sgd'"),
        ({"amp": "bf16"}, "amp='bf16' is unknown.*did you mean 'bfloat16'"),
        ({"channels_last": 1}, "channels_last=1 is unknown"),
        ({"compile": "yes"}, "compile='yes' is unknown"),
        ({"seed": 2**32}, "seed should be from 0 to 4294967295 instead of 4294967296.*NumPy"),
        ({"channels": 2}, "channels=2 is unknown"),
    ],
)
def test_bad_values(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        TrainConfig(**settings)


schedules = st.tuples(st.integers(0, 300), st.integers(1, 1000), st.floats(1e-4, 10)).map(
    lambda drawn: (drawn[0], drawn[0] + drawn[1], drawn[2])
)


@given(schedules)
def test_schedule(schedule):
    warmup, total, peak = schedule
    rates = [learning_rate_at(step, total, warmup, peak) for step in range(total + 1)]
    for step in range(warmup):  # linear, and never 0
        assert rates[step] == pytest.approx(peak * (step + 1) / warmup)
    assert rates[warmup] == pytest.approx(peak)
    assert all(a >= b for a, b in zip(rates[warmup:], rates[warmup + 1 :], strict=False))
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert all(0 < rate <= peak * (1 + 1e-12) for rate in rates[:-1])
    # cos is odd around its middle: rates at equal distance from the two ends add up to the peak
    for step in range(total - warmup + 1):
        assert rates[warmup + step] + rates[total - step] == pytest.approx(peak)
