"""Studies: the same numbers however they are run, nothing mixed that was made in different ways, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from tiny_studies import TINY, UNFAIR, Tiny, drawn, weights

from lightnets_edu.cli import main
from lightnets_edu.counting import count
from lightnets_edu.recording.studies import (
    Comparison,
    Context,
    HeldEqual,
    Study,
    Variant,
    command,
    empty_record,
    get_study,
    quick_look,
    run_study,
    studies_in,
)
from lightnets_edu.records import RecordError, load_record, save_record, study_file
from lightnets_edu.runtime.environment import cpu_threads
from lightnets_edu.training import TrainingDivergedError, load_dataset, seed_everything, train

HERE = Path(__file__).parent
NONE = (Comparison("drawn", "drawn", by=1),)
CPU = {"device": "cpu", "progress": False}


def numbers(record: dict) -> list[dict]:
    """The runs without what they took."""
    return [{**run, "seconds": 0} for run in record["runs"]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict:
    """Two seeds, in this process."""
    return run_study(TINY, folder=tmp_path_factory.mktemp("whole"), seeds=2, **CPU)


def written(folder: Path) -> dict:
    return load_record(study_file(folder, "cpu", "tiny"))


def test_what_a_record_holds(whole):
    assert [(run["variant"], run["seed"]) for run in whole["runs"]] == [
        (variant, seed) for variant in ("plain", "bias", "cut", "drawn") for seed in (0, 1)
    ]
    assert whole["recipe"]["epochs"] == 2 and "seed" not in whole["recipe"]
    assert whole["images"]["train"]["images"] == 64 and whole["images"]["test"]["images"] == 40
    for variant, bias in zip(whole["variants"][:2], (False, True), strict=True):
        table = count(Tiny(bias=bias).eval(), (1, 3, 32, 32))
        assert (variant["parameters"], variant["macs"]) == (table.params, table.macs)
    assert [variant["parameters"] for variant in whole["variants"][2:]] == [None, None]
    assert whole["held_equal"][0]["values"] == {name: whole["variants"][0]["macs"] for name in ("plain", "bias")}
    # Two seeds are too few for any verdict.
    assert {one["verdict"] for one in whole["comparisons"]} == {"undecided"} and whole["comparisons"][0]["seeds"] == 2


def test_a_study_of_some_classes_sees_no_others():
    """Both sets keep the images of these classes, out of the same first images, with labels that count from 0."""
    names = load_dataset("shapes", "test", 40).class_names[2:5]
    some = replace(TINY, classes=names, variants=TINY.variants[-1:], held_equal=(), comparisons=NONE)
    images = empty_record(some, torch.device("cpu"))["images"]
    for split, limit in (("train", 64), ("test", 40)):
        every = load_dataset("shapes", split, limit)
        assert images[split]["images"] == sum(every.class_names[label] in names for label in every.labels)
        assert images[split]["fingerprint"] == every.of_classes(names).fingerprint()
        assert images[split]["source"].endswith(", ".join(names))


def test_a_run_is_what_train_gives(whole):
    """The seed is that of the weights, of the order of the images, and of what comes after."""
    (run,) = (run for run in whole["runs"] if (run["variant"], run["seed"]) == ("bias", 1))
    seed_everything(1)
    sets = load_dataset("shapes", "train", 64), load_dataset("shapes", "test", 40)
    model = Tiny(bias=True)
    result = train(model, *sets, replace(TINY.recipe, seed=1), device="cpu", threads=1, progress=False)
    assert run["curve"]["test_accuracy"] == [epoch.test_accuracy for epoch in result.history]
    assert run["curve"]["train_loss"] == pytest.approx([epoch.train_loss for epoch in result.history], abs=5e-5)
    assert run["measures"]["accuracy"] == 100 * result.last_test_accuracy
    largest = max(float(parameter.detach().abs().max()) for parameter in model.parameters())
    assert run["measures"]["largest"] == pytest.approx(largest, rel=1e-5)
    (random,) = (run for run in whole["runs"] if (run["variant"], run["seed"]) == ("drawn", 1))
    seed_everything(1)
    assert random["curve"] is None and random["measures"]["accuracy"] == pytest.approx(float(torch.rand(())) * 100)


def threads(context: Context) -> dict[str, float]:
    """How many threads a PyTorch operation has."""
    return {"accuracy": torch.get_num_threads()}


def test_times_are_taken_on_one_thread_and_the_record_says_so(tmp_path):
    variants = tuple(Variant(name, name, run=threads) for name in "ab")
    compared = {"variants": variants, "comparisons": (Comparison("a", "b", by=1),), "held_equal": ()}
    timed = replace(TINY, name="timed", takes_time=True, **compared)
    with cpu_threads(2):
        record, quick = run_study(timed, folder=tmp_path, seeds=1, **CPU), quick_look(timed, **CPU)
    assert record["environment"]["threads"] == 1
    assert {run["measures"]["accuracy"] for run in record["runs"] + quick["runs"]} == {1}


def test_two_processes_give_the_same_numbers_as_one(whole, tmp_path):
    tiny = studies_in("tiny_studies")["tiny"]
    assert tiny.module == "tiny_studies"
    record = run_study(tiny, folder=tmp_path, seeds=2, workers=2, **CPU)
    assert numbers(record) == numbers(whole) and written(tmp_path) == record


def test_resumed_in_parts(whole, tmp_path):
    run_study(TINY, folder=tmp_path, seeds=1, only=["bias"], **CPU)
    assert [run["variant"] for run in written(tmp_path)["runs"]] == ["bias"]
    assert written(tmp_path)["sentence"].startswith("No seed has been run yet")
    run_study(TINY, folder=tmp_path, seeds=2, only=["cut"], **CPU)  # what it works on is trained as well
    assert {run["variant"] for run in written(tmp_path)["runs"]} == {"plain", "bias", "cut"}
    first = written(tmp_path)["runs"][0]["seconds"]
    record = run_study(TINY, folder=tmp_path, seeds=2, **CPU)
    assert numbers(record) == numbers(whole) and record["runs"][0]["seconds"] == first
    before = study_file(tmp_path, "cpu", "tiny").stat().st_mtime_ns
    assert run_study(TINY, folder=tmp_path, seeds=1, **CPU) == record  # nothing left to do, nothing lost
    assert study_file(tmp_path, "cpu", "tiny").stat().st_mtime_ns == before


def test_a_spent_budget_begins_nothing(tmp_path):
    record = run_study(TINY, folder=tmp_path, seeds=2, budget_minutes=1e-9, **CPU)
    assert record["runs"] == [] and not study_file(tmp_path, "cpu", "tiny").exists()


SLOW = """
import sys, time
import tiny_studies
from lightnets_edu.recording.studies import run_study, studies_in
if __name__ == "__main__":
    study = studies_in("tiny_studies")["tiny"]
    run_study(study, folder=sys.argv[1], seeds=50, workers=2, device="cpu", progress=False)
"""


def test_killed_it_goes_on_and_no_worker_stays(whole, tmp_path):
    """SIGKILL to the process that keeps the record: its workers end, too, and what is in the file is whole."""
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen([sys.executable, script, tmp_path], env={**os.environ, "PYTHONPATH": paths})
    path = study_file(tmp_path, "cpu", "tiny")
    while not path.exists() or len(load_record(path)["runs"]) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    workers = children(process.pid)
    assert len(workers) >= 2
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    end = time.monotonic() + 30
    while any(alive(worker) for worker in workers):
        assert time.monotonic() < end, "a worker outlived the process that started it"
        time.sleep(0.05)
    there = numbers(written(tmp_path))
    assert len(there) >= 3
    record = run_study(TINY, folder=tmp_path, seeds=2, **CPU)
    same = {(run["variant"], run["seed"]): run for run in numbers(record)}
    assert all(same[run["variant"], run["seed"]] == run for run in [*there, *numbers(whole)])


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"recipe": replace(TINY.recipe, learning_rate=0.05)},
            "was recorded with learning_rate=0.1, and now it is 0.05",
        ),
        ({"train_images": 48}, "train set's images=64, and now it is 48"),
        (
            {"variants": (Variant("plain", "other networks", partial(Tiny, 5)), *TINY.variants[1:]), "held_equal": ()},
            "the definition of variant plain",
        ),
        ({"variants": (*TINY.variants[:3], Variant("drawn", "random numbers", run=weights))}, "variant drawn"),
        ({"variants": TINY.variants[:3]}, "the definition of variant drawn .* now it is None"),
    ],
)
def test_runs_made_in_different_ways_are_not_mixed(whole, tmp_path, change, sentence):
    path = study_file(tmp_path, "cpu", "tiny")
    save_record(path, whole)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=sentence):
        run_study(replace(TINY, **change), folder=tmp_path, seeds=3, **CPU)
    assert path.read_bytes() == before


def test_another_machine_is_not_mixed_in(whole, tmp_path):
    path = study_file(tmp_path, "cpu", "tiny")
    save_record(path, {**whole, "environment": {**whole["environment"], "device_name": "an abacus"}})
    with pytest.raises(ValueError, match="device_name='an abacus', and now it is"):
        run_study(TINY, folder=tmp_path, seeds=2, **CPU)


def test_words_may_change(whole, tmp_path):
    """A claim that is said better is no other study."""
    save_record(study_file(tmp_path, "cpu", "tiny"), whole)
    record = run_study(replace(TINY, claim="Biases are of use."), folder=tmp_path, seeds=2, **CPU)
    assert record["claim"] == record["comparisons"][0]["claim"] == written(tmp_path)["claim"] == "Biases are of use."
    assert numbers(record) == numbers(whole)


def test_what_is_held_equal_is_checked_before_anything_runs(tmp_path):
    plain, bias = (sum(p.numel() for p in Tiny(bias=bias).parameters()) for bias in (False, True))
    with pytest.raises(ValueError, match=f"holds parameters equal to 0.1%, but plain has {plain}, bias has {bias}"):
        run_study(UNFAIR, folder=tmp_path, **CPU)
    assert not list(tmp_path.rglob("*.json"))


def test_a_quick_look_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = quick_look(TINY, **CPU)
    assert len(record["runs"]) == len(TINY.variants) and {run["seed"] for run in record["runs"]} == {0}
    assert not list(tmp_path.rglob("*"))


def test_a_run_that_fails_says_so_and_keeps_the_others(tmp_path):
    wild = replace(TINY, recipe=replace(TINY.recipe, learning_rate=1e30))
    with pytest.raises(TrainingDivergedError):
        run_study(wild, folder=tmp_path, seeds=1, **CPU)
    wrong = replace(TINY, variants=(*TINY.variants[:3], Variant("drawn", "nothing", run=unknown_measure)))
    with pytest.raises(ValueError, match=r"gave speed=1\.0: a run gives finite numbers for the study's measures"):
        run_study(wrong, folder=tmp_path, seeds=1, **CPU)
    assert {run["variant"] for run in written(tmp_path)["runs"]} == {"plain", "bias", "cut"}


def unknown_measure(context) -> dict[str, float]:
    return {"speed": 1.0}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Variant("a", "a"), "either build"),
        (lambda: Variant("a", "a", build=Tiny, run=drawn), "either build"),
        (lambda: Variant("a", "a", build=Tiny, after="b"), "needs run, not build"),
        (lambda: Comparison("a", "b", by=0), "by=0 is out of range: it must be the smallest difference"),
        (lambda: Comparison("a", "b", by=1, kind="worse"), "kind='worse' is unknown"),
        (lambda: HeldEqual("time", ("a",)), "what='time' is unknown"),
        (lambda: replace(TINY, comparisons=()), "needs a measure and a comparison"),
        (lambda: replace(TINY, comparisons=(Comparison("plain", "bais", by=1),)), "did you mean 'bias'"),
        (lambda: replace(TINY, comparisons=2 * (Comparison("bias", "plain", by=1),)), "needs a claim"),
        (lambda: replace(TINY, variants=2 * TINY.variants[:1]), "two variants have the same name"),
        (lambda: replace(TINY, held_equal=(HeldEqual("macs", ("drawn",)),)), "a variant that is trained='drawn'"),
        (lambda: get_study("senett"), "did you mean 'senet'"),
        (lambda: run_study(TINY, folder="", seeds=0), "seeds should be at least 1"),
        (lambda: run_study(TINY, folder="", only=["bais"]), "did you mean 'bias'"),
    ],
)
def test_mistakes_in_a_declaration(make, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda record: record["runs"].append(record["runs"][0]), "a second run of 'plain' with seed 0"),
        (lambda record: record["runs"][0].update(variant="x"), "of 'x', which is no variant"),
        (lambda record: record["runs"][0]["measures"].update(accuracy="high"), "has accuracy='high'"),
        (lambda record: record["runs"][0].pop("seconds"), r"lacks the field runs\[0\].seconds"),
        (lambda record: record["comparisons"].clear(), "has no comparison"),
        (lambda record: record["comparisons"][0].update(a="x"), "a variant or a measure that the study does not have"),
        (lambda record: record.pop("claim"), "lacks the field claim"),
    ],
)
def test_a_broken_record_is_refused(whole, tmp_path, change, sentence):
    record = json.loads(json.dumps(whole))
    change(record)
    with pytest.raises(RecordError, match=sentence):
        save_record(tmp_path / "record.json", record)


def test_a_study_says_what_it_is(whole):
    assert isinstance(get_study("senet"), Study) and get_study("senet").chapter == "senet"


TORCHRUN = """
import sys
from lightnets_edu.recording.studies import run_study, studies_in
from lightnets_edu.training.distributed import launched
record = run_study(studies_in("tiny_studies")["tiny"], folder=sys.argv[1], seeds=2, device="cpu", progress=False)
if launched()[0] == 0:
    assert len(record["runs"]) == 8, record["runs"]
"""


def test_processes_of_torchrun_share_the_runs(whole, tmp_path):
    script = tmp_path / "shared.py"
    script.write_text(TORCHRUN)
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = subprocess.run(
        [*command, str(tmp_path)], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert numbers(written(tmp_path)) == numbers(whole)


def test_the_command(whole, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "get_study", lambda name: TINY)
    monkeypatch.setattr(command, "list_studies", lambda: ["tiny"])
    monkeypatch.chdir(tmp_path)
    asked = ["study", "tiny", "--seeds", "3", "--device", "cpu", "--out", str(tmp_path)]
    assert main([*asked, "--quick", "--json"]) == 0
    assert {run["seed"] for run in json.loads(capsys.readouterr().out)["runs"]} == {0}
    assert not list(tmp_path.rglob("*"))
    assert main(asked) == 0
    record, captured = written(tmp_path), capsys.readouterr()
    assert record["sentence"] in captured.out and TINY.claim in captured.out
    assert all(f"{one['claim']} {one['sentence']}" in captured.out for one in record["comparisons"][1:])
    assert "9/9" in captured.err  # one bar over three seeds of three jobs, for "cut" comes with "plain"
    assert main([*asked, "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == record and captured.err == ""
    assert main(["study", "--out", str(tmp_path)]) == 0
    assert "cpu: refuted, 3 seeds" in capsys.readouterr().out
