"""Chapter 11's widget: rewards equal the package's function, which has its own tests."""

from __future__ import annotations

import random

import pytest
from explorers import shown

from lightnets_edu.models.search_space import reward


@pytest.mark.parametrize("seed", range(20))
def test_rewards(seed):
    draw = random.Random(seed)
    settings = {
        "exponent": draw.randint(0, 50) / 100,
        "target_ms": draw.randint(20, 200),
        **{f"accuracy_{n}": draw.randint(500, 900) / 10 for n in "ab"},
        **{f"latency_{n}": draw.randint(20, 200) for n in "ab"},
    }
    numbers = shown("latency_reward", **settings)
    w, target = settings["exponent"], settings["target_ms"]
    for name in "ab":
        known = settings[f"accuracy_{name}"], settings[f"latency_{name}"], target
        assert numbers[f"soft_{name}"] == pytest.approx(reward(*known, alpha=-w, beta=-w), rel=1e-12)
        assert numbers[f"hard_{name}"] == pytest.approx(reward(*known, alpha=0, beta=-1), rel=1e-12)
    assert numbers["doubling"] == pytest.approx(100 * 2**w, rel=1e-12)
    as_good = reward(numbers["needed"], settings["latency_b"], target, alpha=-w, beta=-w)
    assert as_good == pytest.approx(numbers["soft_a"], rel=1e-12)


def test_twice_the_latency_is_worth_five_per_cent():
    assert shown("latency_reward", exponent=0.07)["doubling"] == pytest.approx(105, abs=0.1)
