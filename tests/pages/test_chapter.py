"""What all chapters share: ledgers, formula against measurement, recorded runs replayed."""

from __future__ import annotations

import copy
import json
import shutil

import numpy as np
import pytest

from lightnets_edu import get_model
from lightnets_edu.models import mobilenet_v1
from lightnets_edu.pages import LedgerError
from lightnets_edu.pages import chapter as shared
from lightnets_edu.recording import network_record
from lightnets_edu.records import library, recorded_networks, save_record
from lightnets_edu.timing import EVALUATION_NETWORKS, RUNGS
from lightnets_edu.training import TrainConfig

from .conftest import timing


def mobilenet_ledger(width_mult: float = 1.0, **options):
    """The ledger of a MobileNetV1, with the formula of one of another width."""
    return shared.network_ledger("A title", get_model("mobilenet_v1"), mobilenet_v1.layers(width_mult), **options)


def test_a_network_ledger_holds_and_names_every_source():
    claims = {"Paper, table 8": {"params": "4.2 M", "macs": "569 M"}}
    ledger = mobilenet_ledger(claims=claims)
    assert "3 exact sources agree" in ledger.verdict
    assert [row.kind for row in ledger.rows] == ["exact", "exact", "exact", "claim", "other", "other"]


def test_a_network_ledger_refuses_another_networks_formula_and_a_wrong_claim():
    with pytest.raises(LedgerError, match="both must be exact"):
        mobilenet_ledger(0.75)
    claims = {"A paper": {"params": "4.3 M"}}
    with pytest.raises(LedgerError, match="does not round to it"):
        mobilenet_ledger(claims=claims)
    assert "a slip" in str(mobilenet_ledger(claims=claims, why={"A paper": "a slip"}))


def test_parameters_on_disk():
    model = get_model("squeezenet1_1", num_classes=10)
    table = shared.parameters_on_disk(model)
    numbers = dict(table.rows)
    assert numbers["4 × parameters, predicted"] == 4 * sum(p.numel() for p in model.parameters())
    with pytest.raises(ValueError, match="predicted were"):
        shared.parameters_on_disk(copy.deepcopy(model).double())


def test_training_memory_is_predicted_and_a_wrong_prediction_is_refused(monkeypatch):
    model = get_model("mobilenet_v1", width_mult=0.25, num_classes=10)
    rows = dict(shared.training_memory_check(model, (4, 3, 64, 64)).rows)
    assert abs(rows["peak, predicted"] / rows["peak, measured"] - 1) <= shared.MEMORY_TOLERANCE
    monkeypatch.setattr(shared, "MEMORY_TOLERANCE", -1.0)
    with pytest.raises(ValueError, match="apart"):
        shared.training_memory_check(model, (4, 3, 64, 64))


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder of records with known numbers: predicted is measured, times 1.1 or 0.9 in turns."""
    monkeypatch.setattr(library, "results_folder", lambda: tmp_path)
    options = {"num_classes": 10, "small_input": True}
    template = network_record("mobilenet_v1", options, TrainConfig(), timings=[timing(0.1, None)], device="cpu")
    for index, name in enumerate(EVALUATION_NETWORKS[:8]):
        if "/" in name:
            continue
        seconds = 0.01 * (index + 1)
        rows = [
            timing(seconds, dict.fromkeys(RUNGS, seconds * (1.1 if index % 2 else 0.9))),
            timing(None, dict.fromkeys(RUNGS, 1.0), batch=16),
            timing(seconds / 3, None, amp="bfloat16"),
        ]
        save_record(tmp_path / "cpu" / f"{name}.json", {**template, "model": name, "timings": rows})
    (tmp_path / "cpu" / "profile.json").write_text("{}")
    return tmp_path


def test_recorded_times_and_errors(results):
    names = list(recorded_networks("cpu"))
    table = shared.recorded_times(names)
    assert [row[0] for row in table.rows] == names
    assert all(row[-1] == f"{10 * (EVALUATION_NETWORKS.index(row[0]) + 1):.1f}" for row in table.rows)
    assert "passes, PyTorch," in table.caption and "device" not in [column.heading for column in table.columns]
    shutil.copytree(results / "cpu", results / "gpu")
    both = shared.recorded_times(names)
    assert both.columns[1].heading == "device" and {row[1] for row in both.rows} == {"PyTorch", "gpu"}
    assert len(both.rows) == 2 * len(table.rows)
    shutil.rmtree(results / "gpu")
    errors = shared.prediction_errors("cpu")
    assert [row[1] for row in errors.rows] == ["10.0%"] * len(RUNGS)
    refused = shared.recorded_times(names[:1], batch_size=16)
    assert refused.rows[0][-1] is None
    with pytest.raises(ValueError, match="no device has a record"):
        shared.recorded_times(["ghostnet_of_mars"])
    with pytest.raises(ValueError, match="predicted and measured"):
        shared.prediction_errors("cpu", batch_size=16)
    with pytest.raises(ValueError, match="nothing was recorded on 'gpu'"):
        shared.prediction_errors("gpu")


def test_a_replayed_training_says_where_it_comes_from(results):
    record = json.loads((results / "cpu" / f"{EVALUATION_NETWORKS[0]}.json").read_text())
    note = shared.recorded_training(f"cpu/{EVALUATION_NETWORKS[0]}")
    assert f"record --only {record['model']}" in str(note) and str(note)[:20] in note._repr_html_()
    with pytest.raises(ValueError, match="timings only"):
        shared.recorded_curves({"one": f"cpu/{EVALUATION_NETWORKS[0]}"})
    epoch = {"train_loss": 1.0, "train_accuracy": 0.5, "test_loss": 1.0, "learning_rate": 0.1, "seconds": 2.0}
    images = {"name": "fashion_mnist", "images": 4000, "source": "somewhere", "is_real": True}
    record |= {
        "config": {"batch_size": 64, "learning_rate": 0.05, "seed": 0},
        "data": {"train": images, "test": images, "normalisation": {"mean": [0.0], "std": [1.0]}},
        "history": [{**epoch, "epoch": n, "test_accuracy": n / 4} for n in (1, 2, 3)],
        "test_accuracy": 0.75,
        "training_seconds": 6.0,
    }
    save_record(results / "cpu" / "trained.json", record)
    text = str(shared.recorded_training("cpu/trained"))
    assert "75.0%" in text and "4,000 training" in text and record["environment"]["date"][:10] in text
    figure = shared.recorded_curves({"one": "cpu/trained"})
    (line,) = figure.axes[0].lines
    assert np.array_equal(line.get_ydata(), [25.0, 50.0, 75.0])


def test_unknown_runs_are_named(results):
    with pytest.raises(ValueError, match="recorded are cpu/"):
        shared.recorded_training("cpu/profile")


def test_milliseconds_keep_two_digits():
    times = (1.2345, 0.012345, 0.00105, 0.00012345, 0.0000042)
    assert [shared.milliseconds(t) for t in times] == ["1234.5", "12.3", "1.1", "0.12", "0.0042"]
