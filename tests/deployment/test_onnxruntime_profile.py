"""A profile of ONNX Runtime: measured in small, and what the recorded one predicts of networks it never saw."""

from __future__ import annotations

import pytest

from lightnets_edu.deployment import measure_onnxruntime_profile
from lightnets_edu.records import forward_timings, recorded_file
from lightnets_edu.statistics import mean_absolute_percentage_error, spearman
from lightnets_edu.timing import EVALUATION_NETWORKS, RUNGS, DeviceProfile, predict_operations


def test_a_small_profile(tmp_path):
    profile = measure_onnxruntime_profile(threads=1, networks=3, batch_sizes=(1, 2), progress=False)
    assert (profile.runtime, profile.threads, profile.device) == ("onnxruntime", 1, "cpu")
    assert [(chain.seed, chain.batch) for chain in profile.chains] == [(n, b) for n in range(3) for b in (1, 2)]
    assert profile.overhead < 1e-4 and profile.peak_macs > 1e8 and all(s.seconds > 0 for s in profile.samples)
    profile.save(tmp_path / "profile.json")
    read = DeviceProfile.load(tmp_path / "profile.json")
    assert read.to_dict() == profile.to_dict()
    for chain in read.chains:
        assert all(predict_operations(chain.operations, read, rung=rung).seconds > 0 for rung in RUNGS)
    with pytest.raises(ValueError, match="another runtime fuses other operations"):
        read.require(runtime="eager")


@pytest.mark.parametrize("batch", [1, 16])
def test_the_recorded_profile_predicts_networks_that_it_never_saw(batch):
    """Nothing of these networks went into the profile: its samples are of random graphs."""
    assert DeviceProfile.load(recorded_file("cpu-onnxruntime", "profile")).runtime == "onnxruntime"
    timings = forward_timings("cpu-onnxruntime", batch)
    rows = [timings[name] for name in EVALUATION_NETWORKS if name in timings and timings[name]["measured"]]
    measured = [row["measured"]["median"] for row in rows]
    predicted = [row["predicted_seconds"]["microbenchmarks"] for row in rows]
    assert len(rows) >= 20
    assert mean_absolute_percentage_error(predicted, measured) <= 0.12
    assert spearman(predicted, measured) >= 0.97
