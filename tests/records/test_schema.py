"""Recorded runs: what is written, and what is refused."""

from __future__ import annotations

import copy
import json
from functools import reduce
from operator import getitem

import pytest

from lightnets_edu.records import RecordError, load_record, save_record
from lightnets_edu.runtime import describe_environment

LOSSES = {"train_loss": 1.5, "train_accuracy": 0.5, "test_loss": 1.4, "test_accuracy": 0.55}
EPOCHS = [{"epoch": epoch, **LOSSES, "learning_rate": 0.1, "seconds": 3.0} for epoch in (1, 2)]
SET = {"name": "shapes", "images": 10, "source": "made for a test", "is_real": False}


def record() -> dict:
    sets = {split: {**SET, "split": split} for split in ("train", "test")}
    return {
        "schema": 1,
        "kind": "training",
        "model": "mobilenet_v1",
        "options": {"width_mult": 0.25},
        "parameters": 100,
        "config": {"epochs": 2},
        "data": {**sets, "normalisation": {"mean": [0.3], "std": [0.1]}},
        "environment": describe_environment("cpu"),
        "history": copy.deepcopy(EPOCHS),
    }


def test_round_trip(tmp_path):
    path = tmp_path / "results" / "run.json"
    save_record(path, record() | {"note": "further fields are allowed"})
    assert load_record(path)["note"] == "further fields are allowed"
    assert path.read_bytes().endswith(b"}\n")
    assert [p.name for p in path.parent.iterdir()] == ["run.json"]


def change(record: dict, where: str, value: object) -> dict:
    """A record with one field changed, or gone if the value is KeyError."""
    *parents, last = (int(key) if key.isdigit() else key for key in where.split("."))
    inner = reduce(getitem, parents, record)
    if value is KeyError:
        del inner[last]
    else:
        inner[last] = value
    return record


@pytest.mark.parametrize(
    ("where", "value", "sentence"),
    [
        ("model", KeyError, "lacks the field model"),
        ("parameters", "many", r"parameters must be int, not str \('many'\)"),
        ("parameters", True, "parameters must be int, not bool"),
        ("schema", 2, "has schema=2, but this version reads schema 1"),
        (
            "kind",
            "guess",
            "has kind='guess', but only 'training', 'network', 'guidelines', 'races', 'operations', 'designs', "
            "'study' are known",
        ),
        ("environment.torch", KeyError, "lacks the field environment.torch"),
        ("environment.commit", 7, "environment.commit must be str or null, not int"),
        ("data.train.source", None, "data.train.source must be str, not null"),
        ("data.test", [], "data.test must be a dict, not list"),
        ("history", [], "has an empty history"),
        ("history.1.test_accuracy", KeyError, r"lacks the field history\[1\].test_accuracy"),
        ("history.1.epoch", 3, r"history\[1\].epoch is 3, but must be 2"),
        ("history.0.test_accuracy", 55.0, r"history\[0\].test_accuracy is 55.0, but must be between 0 and 1"),
        ("history.0.train_loss", float("nan"), "cannot be written as JSON"),
        ("config", {"epochs": {1, 2}}, "cannot be written as JSON"),
    ],
)
def test_what_is_refused(tmp_path, where, value, sentence):
    path = tmp_path / "run.json"
    path.write_text("the old one")
    with pytest.raises(RecordError, match=sentence):
        save_record(path, change(record(), where, value))
    assert path.read_text() == "the old one"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"schema": 1', "run.json is no JSON"),
        ("[]", "run.json must be a JSON object, not list"),
        (json.dumps({**record(), "history": 3}), "run.json: history must be list, not int"),
    ],
)
def test_broken_file_is_named(tmp_path, content, sentence):
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(RecordError, match=sentence):
        load_record(path)


def test_an_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_record(tmp_path / "absent.json")
