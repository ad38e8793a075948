"""A device profile: measured on a few layers, stored, read back, and refused where it does not belong."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from lightnets_edu.timing import DeviceProfile, measure_profile
from lightnets_edu.timing.microbenchmarks import RandomChain, TimedLayer, sweep
from lightnets_edu.timing.operations import CHEAP, MULTIPLYING, operations, operations_of


def settings() -> tuple[int, list[int]]:
    return torch.get_num_threads(), torch.get_rng_state().tolist()


@pytest.fixture(scope="module")
def measured() -> dict:
    """A profile of a few layers with one thread, and what a process with two threads is set to before and after."""
    torch.set_num_threads(2)
    before, shape = settings(), (1, 8, 8, 8)
    layers = [TimedLayer("dense", shape, 8, 3), TimedLayer("pointwise", shape, 16), TimedLayer("relu", shape)]
    profile = measure_profile("cpu", threads=1, layers=layers, chains=1, progress=False, keep=False)
    return {"profile": profile, "before": before, "after": settings()}


@pytest.fixture(scope="module")
def profile(measured) -> DeviceProfile:
    return measured["profile"]


def test_what_is_measured(profile):
    assert profile.device == "cpu" and profile.threads == 1 and profile.amp == "off"
    assert min(profile.peak_macs, profile.bandwidth, profile.overhead) > 0
    assert [sample.operation.kind for sample in profile.samples] == ["dense", "pointwise", "relu"]
    assert all(sample.seconds > 0 for sample in profile.samples)
    assert [chain.batch for chain in profile.chains] == [1, 16]
    assert set(profile.efficiency) == {"dense", "pointwise", "relu"}
    for key in ("device_name", "torch", "date", "python"):
        assert profile.environment[key]


def test_efficiency_is_ideal_by_measured(profile):
    dense = profile.samples[0]
    assert profile.efficiency["dense"] == pytest.approx(8 * 8 * 8 * 72 / profile.peak_macs / dense.seconds)
    relu = profile.samples[2]
    assert profile.efficiency["relu"] == pytest.approx(2 * 4 * 512 / profile.bandwidth / relu.seconds)


def test_round_trip(profile, tmp_path):
    path = tmp_path / "new" / "profile.json"
    profile.save(path)
    loaded = DeviceProfile.load(path)
    assert loaded.to_dict() == profile.to_dict()
    assert (loaded.samples, loaded.chains) == (profile.samples, profile.chains)
    assert [file.name for file in path.parent.iterdir()] == ["profile.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "timing"}, "is no device profile"),
        ({"schema": 99}, "schema 99"),
        ({"chains": [[1, 2]]}, "lacks a field"),
        ({"nonsense": 1}, "lacks a field or has one too many"),
    ],
)
def test_what_is_no_profile(profile, tmp_path, change, message):
    path = tmp_path / "broken.json"
    path.write_text(json.dumps({**profile.to_dict(), **change}))
    with pytest.raises(ValueError, match=f"broken.json: .*{message}"):
        DeviceProfile.load(path)


def test_a_file_cut_short(profile, tmp_path):
    path = tmp_path / "cut.json"
    path.write_text(json.dumps(profile.to_dict())[:200])
    with pytest.raises(ValueError, match=r"cut\.json"):
        DeviceProfile.load(path)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"device": "cuda"}, r"measured on 'cpu'.*says nothing about 'cuda'"),
        ({"threads": 2}, "with 1 threads and not 2: layers gain differently"),
        ({"amp": "bfloat16"}, "amp='off' and not 'bfloat16': another number format"),
        ({"channels_last": True}, "channels_last=False and not True"),
        ({"keeps_memory": True}, "keeps_memory=False and not True"),
        ({"gpu": "Tesla T4"}, "says nothing about 'Tesla T4'"),
    ],
)
def test_where_it_does_not_belong(profile, wanted, sentence):
    with pytest.raises(ValueError, match=sentence):
        profile.require(**wanted)


def test_where_it_belongs(profile):
    profile.require(device="cpu", threads=1, amp="off", channels_last=False, keeps_memory=False)
    profile.require(gpu=profile.environment["device_name"])
    replace(profile, device="cuda").require(threads=7)  # the CPU's threads say nothing about a GPU


def test_settings_are_put_back(measured):
    assert measured["before"] == measured["after"] and measured["before"][0] == 2


def test_what_is_refused():
    with pytest.raises(ValueError, match="threads should be at least 1 instead of 0"):
        measure_profile("cpu", threads=0, progress=False)
    with pytest.raises(ValueError, match="batch size should be at least 1 instead of 0"):
        measure_profile("cpu", batch_sizes=(0,), progress=False)


def test_the_sweep_is_of_every_class_and_repeatable():
    layers = list(sweep(3, (1, 4), 5e7, 1e6))
    assert layers == list(sweep(3, (1, 4), 5e7, 1e6)) != list(sweep(4, (1, 4), 5e7, 1e6))
    assert {layer.kind for layer in layers} == {*MULTIPLYING, *CHEAP}
    assert all(layer.macs <= 5e7 and layer.elements <= 1e6 for layer in layers)
    for layer in layers[::7]:
        (op,) = operations_of(layer.function())
        assert op.kind == layer.kind


@pytest.mark.parametrize("seed", range(1000, 1012))
def test_chains_run_and_are_repeatable(seed):
    chain = RandomChain(seed).eval()
    size = chain.input_size(1)
    with torch.no_grad():
        assert chain(torch.randn(size)).shape == (1, 700)
    assert operations(chain, size) == operations(RandomChain(seed), size)
