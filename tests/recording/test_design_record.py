"""The record of designs: each is trained once and counted, an interrupted record is gone on with, times come last."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from lightnets_edu import count
from lightnets_edu.cli import main
from lightnets_edu.models.search_space import DesignedNetwork, SearchSpace
from lightnets_edu.recording import DesignPlan, design_record, record_designs
from lightnets_edu.recording.design_record import DESIGN_RECIPE
from lightnets_edu.records import RecordError, load_record, save_record
from lightnets_edu.training import load_fashion_mnist

SPACE = SearchSpace(((4,), (4, 6)), depth=(1,), kernel_size=(3,), expand_ratio=(1,), stem_channels=4, stem_stride=2)
ONE_EPOCH = replace(DESIGN_RECIPE, epochs=1, warmup_epochs=0)
PLAN = DesignPlan(SPACE, ONE_EPOCH, train_images=128, every=5, seeds=2, rounds=2)
IMAGES = {"train": 192, "test": 64}


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    """Of each set a few, so that a training takes a moment."""
    few = {split: load_fashion_mnist(split).first(count) for split, count in IMAGES.items()}
    monkeypatch.setattr(design_record, "load_fashion_mnist", few.__getitem__)
    design_record._image_sets.cache_clear()
    yield
    design_record._image_sets.cache_clear()


def recorded(folder, **how):
    return record_designs(folder, "cpu", plan=PLAN, workers=1, progress=False, **how)


@pytest.fixture
def whole(tmp_path):
    return recorded(tmp_path / "whole")


def test_every_design_is_there_once_and_some_again(whole):
    record = load_record(whole)
    designs = {design.name: design for design in SPACE.designs()}
    assert len(designs) == 8 and [row["design"] for row in record["rows"]] == list(designs)
    assert [(row["design"], row["seed"]) for row in record["repeats"]] == [(name, 1) for name in list(designs)[::5]]
    for row in record["rows"]:
        with torch.device("meta"):
            table = count(DesignedNetwork(designs[row["design"]]).eval(), (1, 3, 28, 28))
        assert (row["parameters"], row["macs"]) == (table.params, table.macs)
        assert row["relative_time"] > 0
        for name, images in (("accuracy", 64), ("test_accuracy", 64)):  # a whole number of images is right
            assert abs(row[name] * images - round(row[name] * images)) < 0.01
    assert record["timing"]["reference"] == next(iter(designs)) and record["timing"]["milliseconds"] > 0


def test_the_images_held_out_are_not_those_it_learns_from():
    sets = PLAN.image_sets()
    assert [len(sets[name]) for name in ("train", "held_out", "test")] == [128, 64, 64]
    joined = torch.cat([sets["train"].images, sets["held_out"].images])
    assert torch.equal(joined, load_fashion_mnist("train").images[:192])


def test_interrupted_it_goes_on_to_the_same_record(whole, tmp_path, monkeypatch):
    real, done = design_record._train, []

    def ends_early(plan, training):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(training)
        return real(plan, training)

    monkeypatch.setattr(design_record, "_train", ends_early)
    with pytest.raises(KeyboardInterrupt):
        recorded(tmp_path / "parts")
    path = tmp_path / "parts" / "cpu" / "designs.json"
    assert len(load_record(path)["rows"]) == 3 and load_record(path)["timing"] is None
    with pytest.raises(ValueError, match="3 of 8 designs are trained"):
        recorded(tmp_path / "parts", trains=False)
    monkeypatch.setattr(design_record, "_train", real)
    recorded(tmp_path / "parts", times=False)
    found, expected = load_record(path), load_record(whole)
    assert found["timing"] is None and found["repeats"] == expected["repeats"]
    assert [row | {"relative_time": 0} for row in found["rows"]] == [
        row | {"relative_time": 0} for row in expected["rows"]
    ]
    recorded(tmp_path / "parts")
    assert load_record(path)["timing"]["rounds"] == 2
    monkeypatch.setattr(design_record, "_train", None)  # nothing is trained any more
    before = path.read_bytes()
    recorded(tmp_path / "parts")
    assert path.read_bytes() == before
    recorded(tmp_path / "parts", trains=False)  # timed anew
    assert path.read_bytes() != before


def test_other_settings_are_not_mixed(whole):
    longer = replace(PLAN, config=replace(PLAN.config, epochs=2))
    with pytest.raises(ValueError, match=r"designs.json' was recorded with config=.*'epochs': 1.*trained in different"):
        record_designs(whole.parents[1], "cpu", plan=longer, progress=False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda record: record["rows"][0].pop("macs"), r"rows\[0\]\.macs"),
        (lambda record: record["rows"].append(record["rows"][0]), "more than once"),
        (lambda record: record["rows"][1].update(relative_time=None), r"rows\[1\]\.relative_time is null"),
        (lambda record: record["repeats"][0].pop("seed"), r"repeats\[0\]\.seed"),
        (lambda record: record["timing"].pop("milliseconds"), r"timing\.milliseconds"),
    ],
)
def test_a_record_that_lacks_something_is_refused(whole, tmp_path, change, sentence):
    record = json.loads(whole.read_text())
    change(record)
    with pytest.raises(RecordError, match=sentence):
        save_record(tmp_path / "designs.json", record)


def test_the_command(whole, monkeypatch, capsys):
    monkeypatch.setattr(design_record, "DesignPlan", lambda: PLAN)
    folder = str(whole.parents[1])
    assert main(["record", "--designs", "--device", "cpu", "--out", folder, "--no-time", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(whole)}
    assert main(["record", "--designs", "--only", "alexnet"]) == 2
    assert "--designs has no use for --only" in capsys.readouterr().err
