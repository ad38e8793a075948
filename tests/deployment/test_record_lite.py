"""The recorder for devices without PyTorch: it runs alone, and its numbers are those of the full recorder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest

from lightnets_edu.deployment import record_lite
from lightnets_edu.deployment.random_graphs import GraphBuilder
from lightnets_edu.timing import Timing
from lightnets_edu.timing.clock import KEPT_SAMPLES, NOISE_LIMIT


@pytest.fixture
def folder(tmp_path):
    """Two files: one for images of any number, one for exactly two."""
    files = tmp_path / "files"
    files.mkdir()
    builder = GraphBuilder(3)
    out = builder.linear(builder.flat(builder.mean(builder.conv("images", 8, 3, 2, activation="Relu"))), 5)
    model = builder.model(out, 32)
    onnx.save(model, files / "small.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    onnx.save(model, files / "two.onnx")
    return files


def test_the_file_alone(folder, tmp_path):
    """Copied away, and run where neither this package nor torch can be imported."""
    shutil.copy(record_lite.__file__, tmp_path / "record_lite.py")
    work = f"""
import sys, runpy
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("lightnets_edu", "torch", "onnx", "scipy", "sympy", "tqdm"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
sys.argv = ["record_lite.py", {str(folder)!r}, "--out", {str(tmp_path / "out.json")!r}, "--threads", "1,2"]
runpy.run_path({str(tmp_path / "record_lite.py")!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-I", "-c", work], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out.json").read_text())
    assert [(row["model"], row["threads"]) for row in record["timings"]] == [
        ("small", 1),
        ("small", 2),
        ("two", 1),
        ("two", 2),
    ]
    small, _, two, _ = record["timings"]
    assert small["input_size"] == [1, 3, 32, 32] and (small["measured"] or "noise" in small["refused"])
    assert two["input_size"] == [2, 3, 32, 32]  # as the file says
    assert {"device_name", "onnxruntime", "platform", "date"} <= set(record["environment"])
    assert "small: batch 1, 1 threads" in done.stderr


def test_its_numbers_are_the_full_recorders():
    rng = np.random.default_rng(0)
    samples = (1e-3 * (1 + rng.random(2 * KEPT_SAMPLES + 3))).tolist()
    ours, full = record_lite.summary(samples), Timing(tuple(samples), "cpu").to_dict()
    assert ours == {name: full[name] for name in ours}
    assert record_lite.NOISE_LIMIT == NOISE_LIMIT and record_lite.KEPT_SAMPLES == KEPT_SAMPLES


def test_what_cannot_be_run_costs_nothing_else(folder, tmp_path):
    (folder / "broken.onnx").write_bytes(b"no network")
    record = record_lite.record_folder(folder, tmp_path / "out.json", seconds=0.001, say=lambda line: None)
    broken, small, _ = record["timings"]
    assert broken["measured"] is None and broken["refused"] and small["model"] == "small"
    for threads, batches, sentence in (((0,), (1,), "threads 0"), ((1,), (0,), "batch size 0")):
        with pytest.raises(ValueError, match=sentence):
            record_lite.record_folder(folder, tmp_path / "out.json", threads, batches)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no file \*.onnx"):
        record_lite.record_folder(tmp_path / "empty", tmp_path / "out.json")
