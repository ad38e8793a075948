"""The command line of training, timing, prediction and recording, and what recording needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_studies import TINY as TINY_STUDY

from lightnets_edu import cli
from lightnets_edu.counting import count
from lightnets_edu.models import get_model
from lightnets_edu.recording.studies import run_study
from lightnets_edu.records import load_record, recorded_file, recorded_networks, save_record, study_file
from lightnets_edu.timing import DeviceProfile, measure_profile
from lightnets_edu.timing.microbenchmarks import TimedLayer

HERE = Path(__file__).parent
TINY = "shufflenet_v2_x0_5"
SMALL_SETS = ["--data", "shapes", "--limit", "32", "--test-limit", "16", "--device", "cpu"]
ONE_EPOCH = [*SMALL_SETS, "--epochs", "1", "--recipe", "batch_size=16"]


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    status = cli.main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_record(tmp_path, capsys):
    command = ["record", "--only", TINY, "--no-time", *ONE_EPOCH, "--out", str(tmp_path), "--json"]
    status, out, _ = run(capsys, *command)
    assert status == 0 and json.loads(out) == {"recorded": [TINY], "skipped": [], "left": [], "failed": {}}
    status, out, _ = run(capsys, *command)
    assert status == 0 and json.loads(out)["skipped"] == [TINY]
    status, out, err = run(capsys, *command, "--recipe", "learning_rate=1e30", "--again")
    assert status == 2 and out == "" and f"{TINY} failed: the training loss is" in err


def test_time(capsys):
    command = ["time", TINY, "--input-size", "64", "--batch-size", "1,2", "--seconds", "0.001", "--device", "cpu"]
    status, out, _ = run(capsys, *command, "--json")
    rows = json.loads(out)["timings"]
    timed = [(step, batch) for step in ("forward", "training") for batch in (1, 2)]
    assert status == 0 and [(row["step"], row["input_size"][0]) for row in rows] == timed
    assert all(row["model"] == TINY and (row["measured"] or "that is noise" in row["refused"]) for row in rows)
    status, out, _ = run(capsys, *command, "--steps", "forward")
    assert status == 0 and out.count("forward") >= 2 and "training" not in out


def test_a_recipe_from_a_file(tmp_path, capsys):
    recipe, out = tmp_path / "recipe.json", tmp_path / "run.json"
    recipe.write_text(json.dumps({"batch_size": 16, "learning_rate": 0.03, "epochs": 9}))
    command = ["train", TINY, *SMALL_SETS, "--epochs", "1", "--json", "--recipe"]
    status, _, _ = run(capsys, *command, str(recipe), "--recipe", "learning_rate=0.02", "--out", str(out))
    config = load_record(out)["config"]
    assert status == 0
    assert (config["batch_size"], config["learning_rate"], config["epochs"]) == (16, 0.02, 1)
    status, _, _ = run(capsys, *command, str(out))  # a record repeats its run
    assert status == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--recipe", "RECIPE.yaml"], "a recipe is a JSON file, and YAML is not read"),
        (["--recipe", "LIST.json"], "must hold a JSON object of settings"),
        (["--recipe", "WRONG.json"], "'speed' is no setting of TrainConfig"),
        (["--recipe", "absent.json"], "No such file"),
        (["--data", "imagefolder:EMPTY"], "has no folder 'train'"),
        (["--data", "imagenet"], "did you mean 'imagenette'"),
        (["--out", "EMPTY"], "cannot be written (there is a folder of this name)"),
        (["--out", "RECIPE.yaml/run.json"], "RECIPE.yaml/run.json' cannot be written"),
        (["--device", "cuda:99"], "device='cuda:99' is not there"),
    ],
)
def test_mistakes_end_with_one_sentence_and_nothing_written(tmp_path, monkeypatch, capsys, arguments, sentence):
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "RECIPE.yaml").write_text("epochs: 3\n")
    (tmp_path / "LIST.json").write_text("[1]")
    (tmp_path / "WRONG.json").write_text('{"speed": 3}')
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    device = [] if "--device" in arguments else ["--device", "cpu"]
    status, out, err = run(capsys, "train", TINY, "--limit", "32", *device, *arguments)
    assert (status, out) == (2, "") and sentence in err and len(err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def on_a_bare_machine(work: str, *arguments: str) -> None:
    """Run code where all else that this project uses cannot be imported (PyTorch brings SymPy)."""
    code = f"""
import sys
absent = {{"matplotlib", "ipywidgets", "anywidget", "IPython", "jupyter_book", "sphinx", "pandas", "fvcore",
          "torchinfo", "timm", "pytorchcv", "psutil", "yaml", "scipy", "hypothesis", "pytest", "traitlets",
          "nbformat", "bs4", "onnx", "onnxruntime", "onnxscript"}}
from importlib.machinery import PathFinder
class Installed:
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in absent else PathFinder.find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Installed()
{work}
assert not absent & {{name.partition(".")[0] for name in sys.modules}}, absent & set(sys.modules)
sys.exit(status)
"""
    paths = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_recording_needs_torch_torchvision_numpy_and_tqdm_only(tmp_path):
    command = ["record", "--only", TINY, *ONE_EPOCH, "--out", str(tmp_path), "--no-time"]
    on_a_bare_machine("from lightnets_edu.cli import main; status = main(sys.argv[1:])", *command)
    assert (tmp_path / "cpu" / f"{TINY}.json").exists()


def test_a_study_is_recorded_without_scipy_and_judged_where_it_is(tmp_path):
    work = """
from lightnets_edu.cli import main
from lightnets_edu.recording.studies import run_study
from tiny_studies import TINY
run_study(TINY, folder=sys.argv[1], seeds=3, device="cpu", progress=False)
status = main(["study"])  # the chapters' declarations need no more
"""
    on_a_bare_machine(work, str(tmp_path))
    record = load_record(study_file(tmp_path, "cpu", "tiny"))
    assert len(record["runs"]) == 3 * len(TINY_STUDY.variants)
    assert record["verdict"] is None and {one["interval"] for one in record["comparisons"]} == {None}
    run_study(TINY_STUDY, folder=tmp_path, seeds=3, device="cpu", progress=False)
    judged = load_record(study_file(tmp_path, "cpu", "tiny"))
    assert judged["runs"] == record["runs"] and judged["verdict"] == "refuted"  # nothing differs by 50 points


def test_predict_uses_a_profile(tmp_path, capsys):
    """A profile of one layer: the first rung is arithmetic that can be done by hand."""
    layers = [TimedLayer("dense", (1, 8, 8, 8), 8, 3)]
    profile = measure_profile("cpu", layers=layers, chains=0, batch_sizes=(1,), progress=False, keep=False)
    path = tmp_path / "cpu.json"
    profile.save(path)
    assert DeviceProfile.load(path).peak_macs == profile.peak_macs
    status, out, _ = run(capsys, "predict", TINY, "--profile", str(path), "--batch-size", "1,3", "--json")
    macs = count(get_model(TINY), (1, 3, 224, 224)).macs
    for row, images in zip(json.loads(out)["timings"], (1, 3), strict=True):
        expected = pytest.approx(images * macs / profile.peak_macs)
        assert row["macs"] == macs and row["predicted_seconds"]["flops"] == expected
    assert status == 0
    asked = {}
    command = ["predict", TINY, "--measure", "--profile", str(path), "--amp", "bfloat16", "--channels-last", "--json"]
    arguments = cli._parser().parse_args(command)
    answer, _ = cli._predict(arguments, measurer=lambda **options: asked.update(options) or profile)
    assert asked == {"amp": "bfloat16", "channels_last": True, "progress": False}
    assert answer["environment"] == profile.environment
    arguments.profile = str(path / "profile.json")  # in a file: found out before anything is measured
    with pytest.raises(OSError, match="cannot be written"):
        cli._predict(arguments, measurer=lambda **options: pytest.fail("this was measured for nothing"))
    status, out, err = run(capsys, "predict", TINY, "--profile", str(tmp_path / "absent.json"))
    assert status == 2 and "absent.json" in err


def test_predictions_are_made_again_for_the_networks_that_are_named(tmp_path, capsys):
    """Only the predictions are new, and they are the given profile's: the first rung can be done by hand."""
    names = ("mobilenet_v1", "squeezenet1_1")
    (tmp_path / "cpu").mkdir()
    for name in names:
        record = recorded_networks()[name]
        for row in record["timings"]:
            row["predicted_seconds"], row["predicted_peak_bytes"] = None, None
        save_record(tmp_path / "cpu" / f"{name}.json", record)
    given = ["--profile", str(recorded_file("cpu", "profile")), "--out", str(tmp_path), "--device", "cpu", "--json"]
    status, out, _ = run(capsys, "record", "--predict-again", "--only", names[0], *given)
    again, left = (load_record(tmp_path / "cpu" / f"{name}.json")["timings"] for name in names)
    assert status == 0 and json.loads(out) == {"predicted": len(again)}
    assert all(row["predicted_seconds"] is None for row in left)
    peak = DeviceProfile.load(recorded_file("cpu", "profile")).peak_macs
    forward = [row for row in again if row["step"] == "forward"]
    assert forward
    for row in forward:
        assert row["predicted_seconds"]["flops"] == pytest.approx(row["input_size"][0] * row["macs"] / peak)
    status, out, _ = run(capsys, "record", "--predict-again", *given)
    assert status == 0 and json.loads(out) == {"predicted": len(again) + len(left)}


def test_export_and_time_in_two_commands(tmp_path, capsys):
    """A network of the reader's own, as a file, and its time in ONNX Runtime."""
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n\ndef net(width=4):\n"
        "    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
    )
    own, file = f"{tmp_path}/mine.py:net", str(tmp_path / "mine.onnx")
    command = ["export", own, "--set", "width=8", "--input-size", "32", "--out", file, "--int8", "--json"]
    status, out, _ = run(capsys, *command)
    answer = json.loads(out)
    assert status == 0 and answer["input_size"] == [None, 3, 32, 32] and answer["largest_difference"] < 1e-4
    assert {path.name for path in tmp_path.glob("*.onnx")} == {"mine.onnx", "mine.int8.onnx"}
    timing = ["time", file, "--runtime", "onnxruntime", "--threads", "1,2", "--batch-size", "3", "--seconds", "0.001"]
    status, out, _ = run(capsys, *timing, "--json")
    rows = json.loads(out)["timings"]
    assert status == 0 and [(row["threads"], row["input_size"]) for row in rows] == [
        (n, [3, 3, 32, 32]) for n in (1, 2)
    ]
    status, _, err = run(capsys, "time", file)
    assert status == 2 and "add --runtime onnxruntime" in err
    status, _, err = run(capsys, "export", f"{tmp_path}/mine.py:net", "--out", str(tmp_path))
    assert status == 2 and "there is a folder of this name" in err
    status, out, _ = run(capsys, "record-lite", str(tmp_path), "--out", str(tmp_path / "lite.json"), "--json")
    assert status == 0 and {row["model"] for row in json.loads(out)["timings"]} == {"mine", "mine.int8"}


def test_networks_are_recorded_in_onnxruntime(tmp_path, capsys):
    command = ["record", "--only", "squeezenet1_1", "--no-train", "--runtime", "onnxruntime", "--out", str(tmp_path)]
    status, _, _ = run(capsys, *command, "--device", "cpu")
    record = load_record(tmp_path / "cpu-onnxruntime" / "squeezenet1_1.json")
    macs = count(get_model("squeezenet1_1"), (1, 3, 224, 224)).macs
    assert status == 0 and {row["macs"] for row in record["timings"]} == {macs}
    settings = {(row["amp"], row["threads"], row["input_size"][0]) for row in record["timings"]}
    assert {(amp, batch) for amp, _, batch in settings} == {(a, b) for a in ("off", "int8") for b in (1, 16)}
    assert {row["runtime"] for row in record["timings"]} == {"onnxruntime"}
    assert record["timing_environment"]["onnxruntime"]
    status, _, _ = run(capsys, "record", "--operations", "--only", "squeezenet1_1", "--out", str(tmp_path))
    (row,) = load_record(tmp_path / "cpu-onnxruntime" / "operations.json")["networks"]
    assert status == 0 and row["classes"]["pointwise"]["operations"] == 8 + 8 + 1  # squeezes, expands, the classifier
    assert sum(entry["seconds"] for entry in row["classes"].values()) == pytest.approx(row["seconds"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["time", TINY, "--runtime", "onnx"], "runtime='onnx' is unknown"),
        (["time", TINY, "--runtime", "onnxruntime", "--steps", "training"], "runs forward passes of a file"),
        (["time", TINY, "--runtime", "onnxruntime", "--amp", "bfloat16"], "amp='bfloat16' is unknown"),
        (["time", TINY, "--amp", "int8"], "amp='int8' is unknown"),
        (["time", TINY, "--threads", "0"], "threads should be at least 1 instead of 0"),
        (["time", TINY, "--threads", "two"], "--threads 'two' should be whole numbers"),
        (["predict", TINY, "--runtime", "onnxruntime"], "--runtime needs --measure"),
        (["export", TINY, "--out", "x.onnx", "--set", "depth=3"], "has no option 'depth'"),
        (["export", "absent.py:Net", "--out", "x.onnx"], "no Python file 'absent.py'"),
        (["record-lite", "absent", "--out", "x.json"], "there is no file *.onnx in 'absent'"),
    ],
)
def test_mistakes_about_runtimes_end_with_one_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "") and sentence in err and len(err.splitlines()) == 1 and not list(tmp_path.iterdir())
