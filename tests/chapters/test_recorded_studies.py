"""Every chapter's study is recorded, and its record is the declared study's."""

from __future__ import annotations

import json

import pytest

from lightnets_edu.cli import main
from lightnets_edu.discovery import chapter_modules
from lightnets_edu.recording.studies import empty_record, get_study, list_studies, studies_in
from lightnets_edu.recording.studies.runner import SEEDS
from lightnets_edu.records import recorded_devices, recorded_study, results_folder, studied_devices
from lightnets_edu.records.verdicts import judged
from lightnets_edu.runtime import resolve_device

MOST_BYTES = 60_000
RECORDED = [(name, device) for name in list_studies() for device in studied_devices(name)]


def test_every_study_is_declared_once_and_recorded_on_a_cpu():
    assert "senet" in list_studies()
    assert list_studies() == sorted(name for module in chapter_modules("study") for name in studies_in(module))
    recorded = [name for name, device in RECORDED if device == "cpu"]
    assert sorted(recorded) == list_studies()
    files = sorted(path.stem for path in (results_folder() / "studies" / "cpu").glob("*.json"))
    assert files == recorded  # no record of a study that is gone
    assert "studies" not in recorded_devices()


@pytest.mark.parametrize(("name", "device"), RECORDED)
def test_the_record_is_that_of_the_declared_study(name, device):
    record, declared = recorded_study(name, device), empty_record(get_study(name), resolve_device("cpu"))
    for field in declared.keys() - {"runs", "comparisons", "environment"}:
        assert record[field] == declared[field], field
    for comparison, said in zip(record["comparisons"], declared["comparisons"], strict=True):
        assert said.items() <= comparison.items()


@pytest.mark.parametrize(("name", "device"), RECORDED)
def test_every_variant_has_its_seeds_and_the_verdict_follows_from_them(name, device):
    record = recorded_study(name, device)
    for variant in record["variants"]:
        seeds = [run["seed"] for run in record["runs"] if run["variant"] == variant["name"]]
        assert seeds == list(range(len(seeds))) and len(seeds) >= SEEDS, variant["name"]
    again = judged(record)
    assert json.dumps(again) == json.dumps(record)
    assert (results_folder() / "studies" / device / f"{name}.json").stat().st_size <= MOST_BYTES


@pytest.mark.parametrize(("name", "device"), RECORDED)
def test_the_networks_had_learned(name, device):
    """What is compared was trained until its curve was flat, well above the chance of 10 %."""
    for run in recorded_study(name, device)["runs"]:
        if run["curve"]:
            last = run["curve"]["test_accuracy"][-3:]
            assert min(last) >= 0.8 and max(last) - min(last) < 0.02, (run["variant"], run["seed"])


def test_the_command_lists_them(capsys):
    assert main(["study", "--out", str(results_folder()), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["studies"]
    assert list(listed) == list_studies()
    record = recorded_study("senet")
    assert listed["senet"]["recorded"]["cpu"]["verdict"] == record["verdict"]
    assert listed["senet"]["chapter"] == "senet" and listed["senet"]["claim"] == record["claim"]
    assert main(["study", "--out", "nowhere"]) == 0
    assert "not recorded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["senett"], "there is no study 'senett'; did you mean 'senet'?"),
        (["senet", "--only", "gate"], "did you mean 'gates'"),
        (["senet", "--seeds", "0"], "seeds should be at least 1 instead of 0"),
        (["senet", "--budget-minutes", "0"], "budget_minutes=0.0 is out of range"),
        (["senet", "--device", "cuda:99"], "cuda:99"),
    ],
)
def test_mistakes_end_with_one_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert main(["study", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and sentence in captured.err and len(captured.err.splitlines()) == 1
    assert not list(tmp_path.rglob("*.json"))
