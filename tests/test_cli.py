"""The command line as a user types it."""

import json
import subprocess
import sys

import pytest

from lightnets_edu.cli import main


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_list_names_networks_and_options(capsys):
    status, out, _ = run(capsys, "list", "--json")
    assert status == 0
    assert json.loads(out)["models"]["mobilenet_v1"]["width_mult"] == 1.0


def test_count_as_json(capsys):
    status, out, _ = run(capsys, "count", "mobilenet_v1", "--set", "width_mult=0.5", "--input-size", "128", "--json")
    result = json.loads(out)
    # Howard et al. 2017, table 7 (by FACTS and pytorchcv): 0.5 at 128 x 128.
    assert (status, result["params"], result["macs"]) == (0, 1_331_592, 49_160_192)
    assert result["options"] == {"width_mult": 0.5} and result["input_size"] == [1, 3, 128, 128]
    assert sum(layer["macs"] for layer in result["layers"]) == result["macs"]


def test_count_as_text(capsys):
    status, out, _ = run(capsys, "count", "mobilenet_v1")
    assert status == 0 and "4,231,976" in out and "568,740,352" in out


def test_compare_networks_and_counters(capsys):
    _, out, _ = run(capsys, "compare", "mobilenet_v1", "--set", "width_mult=0.25", "--counters", "--json")
    counters = json.loads(out)["models"]["mobilenet_v1"]["counters"]
    assert set(counters) == {"torch FlopCounterMode", "fvcore", "torchinfo"}
    assert all(counter["unexplained"] == 0 for counter in counters.values())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("count", "mobilenet"), "did you mean mobilenet_v1"),
        (("count", "mobilenet_v1", "--set", "width=2"), "no option 'width'"),
        (("count", "mobilenet_v1", "--input-size", "0"), "all at least 1"),
        (("train", "mobilenet_v1", "--data", "nothing"), "nothing"),
        (("train", "mobilenet_v1", "--recipe", "speed=3"), "'speed' is no setting of TrainConfig"),
    ],
)
def test_mistakes_end_with_one_sentence_and_status_2(capsys, arguments, sentence):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "") and sentence in err and len(err.splitlines()) == 1


def test_options_need_an_equals_sign(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["count", "mobilenet_v1", "--set", "width_mult"])
    assert stopped.value.code == 2
    assert "should have the form option=value" in capsys.readouterr().err


def test_train_writes_a_record_that_can_be_read(tmp_path, capsys):
    from lightnets_edu.records import load_record

    out = tmp_path / "run.json"
    settings = ("--recipe", "batch_size=32", "--recipe", "warmup_epochs=0")
    options = ("--set", "width_mult=0.25", "--limit", "64", "--epochs", "1", "--device", "cpu")
    status, _, _ = run(
        capsys, "train", "mobilenet_v1", "--data", "shapes", *options, *settings, "--out", str(out), "--json"
    )
    record = load_record(out)
    assert status == 0 and record["model"] == "mobilenet_v1" and len(record["history"]) == 1
    assert record["options"] == {"num_classes": 10, "small_input": True, "width_mult": 0.25}


def test_python_dash_m_and_a_quick_import():
    command = [sys.executable, "-m", "lightnets_edu", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    # Importing the package itself brings in none of its heavy parts.
    heavy = ("torch", "sympy", "matplotlib", "anywidget")
    code = f"import sys, lightnets_edu; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
