"""The command line as a user types it."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lightnets_edu import cli, count, get_model
from lightnets_edu.cli import main
from lightnets_edu.models import default_input_size, list_models, model_options, network_layers
from lightnets_edu.models.cost import network_cost
from lightnets_edu.recording import StepSetting

ROOT = Path(__file__).resolve().parents[1]
PROFILE = str(ROOT / "results" / "cpu" / "profile.json")
WHOLE = "num_classes should be a whole number instead of"
YES_OR_NO = "should be yes or no (or true, false, on, off, 1, 0) instead of"


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
        (("count", "mobilenet_v1", "--set", "num_classes=ten"), f"{WHOLE} 'ten'"),
        (("count", "mobilenet_v1", "--set", "num_classes=10.0"), f"{WHOLE} '10.0'"),
        (("count", "mobilenet_v1", "--set", "num_classes=yes"), f"{WHOLE} 'yes'"),
        (("count", "mobilenet_v1", "--set", "num_classes=0"), "num_classes should be at least 1 instead of 0"),
        (("count", "mobilenet_v1", "--set", f"num_classes={10**20}"), "below 2,147,483,648"),
        (("compare", "mobilenet_v1", "--set", "small_input=maybe"), f"small_input {YES_OR_NO} 'maybe'"),
        (("train", "mobilenet_v1", "--set", "small_input=2"), f"small_input {YES_OR_NO} '2'"),
        (("time", "mobilenet_v1", "--set", "small_input="), f"small_input {YES_OR_NO} ''"),
        (("predict", "mobilenet_v1", "--set", "dropout=some"), "dropout should be a number instead of 'some'"),
        (("count", "mobilenet_v1", "--set", "dropout=nan"), "dropout should be a number below"),
        (("count", "squeezenet1_0", "--set", "bypass=1"), "'complex' instead of '1'"),
        (("count", "alexnet", "--input-size", "8"), "images of at least 63"),
        (("train", "mobilenet_v1", "--data", "nothing"), "nothing"),
        (("train", "mobilenet_v1", "--recipe", "augment=maybe"), "augment='maybe' is unknown"),
        (("train", "mobilenet_v1", "--recipe", "no=such.json"), "'no=such.json'"),
        (("predict", "mobilenet_v1", "--amp", "float16"), "--amp needs --measure: "),
        (("predict", "mobilenet_v1", "--amp=off"), "--amp needs --measure: "),
        (("predict", "mobilenet_v1", "--measure=no", "--amp=no"), "--amp needs --measure: "),
        (("time", "mobilenet_v1", "--amp=maybe"), "amp='maybe' is unknown: choose one of 'auto', 'off'"),
        (("record", "--guidelines", "--only", "alexnet"), "--guidelines has no use for --only: "),
        (("record", "--guidelines", "--epochs", "3"), "--guidelines has no use for --epochs: "),
        (("record", "--predict-again", "--profile", "x.json", "--no-time"), "--predict-again has no use for --no-time"),
        (("record", "--predict-again", "--guidelines=on"), "--guidelines has no use for --predict-again: "),
        (("record", "--guidelines=off", "--only", "nothing"), "there is no model 'nothing'"),
        (("record", "--predict-again", "--only", "nothing", "--profile", PROFILE), "there is no model 'nothing'"),
        (("predict", "mobilenet_v1", "--channels-last"), "--channels-last needs --measure: "),
        (("predict", "mobilenet_v1", "--measure"), "--measure needs --profile FILE, to which it writes"),
        (("train", "mobilenet_v1", "--recipe", "speed=3"), "'speed' is no setting of TrainConfig"),
    ],
)
def test_mistakes_end_with_one_sentence_and_status_2(capsys, arguments, sentence):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "") and sentence in err and len(err.splitlines()) == 1


def settings(name: str, capsys, *texts: str) -> dict:
    """The options that `count` says it built a network with."""
    given = [part for text in texts for part in ("--set", text)]
    status, out, err = run(capsys, "count", name, *given, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)["options"]


@pytest.mark.parametrize("word", ["yes", "Yes", "true", "TRUE", "on", "1"])
@pytest.mark.parametrize("opposite", ["no", "No", "false", "False", "off", "0"])
def test_truth_values_have_many_names(capsys, word, opposite):
    chosen = settings("shufflenet_v1", capsys, f"small_input={word}", f"classifier_bias={opposite}")
    assert chosen == {"small_input": True, "classifier_bias": False}


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("--counters mobilenet_v1", True),
        ("mobilenet_v1 --counters", True),
        ("--counters=yes mobilenet_v1", True),
        ("mobilenet_v1 --counters On", True),
        ("mobilenet_v1 --counters --batch-size 2", True),
        ("mobilenet_v1", False),
        ("--counters no mobilenet_v1", False),
        ("--counters=OFF mobilenet_v1", False),
        ("--counters mobilenet_v1 --counters=0", False),
        ("--counters=false mobilenet_v1 --counters=1", True),
    ],
)
def test_a_switch_may_say_yes_or_no(monkeypatch, words, chosen):
    asked = []
    monkeypatch.setitem(cli._COMMANDS, "compare", (lambda args: asked.append(args) or ({}, ""), ""))
    assert main(["compare", *words.split()]) == 0
    assert asked[0].counters is chosen and asked[0].names == ["mobilenet_v1"]


@pytest.mark.parametrize("switch", cli._SWITCHES)
def test_every_switch_refuses_other_words(capsys, switch):
    command = cli._SWITCHES[switch][0].split()[0]
    names = [] if command in ("list", "record") else ["alexnet"]
    for word in ("maybe", "2", ""):
        with pytest.raises(SystemExit) as stopped:
            main([command, *names, f"{switch}={word}"])
        assert stopped.value.code == 2
        assert f"argument {switch}: it {YES_OR_NO} {word!r}" in capsys.readouterr().err


def test_number_formats_may_be_yes_and_no():
    arguments = ["time", "alexnet", "--amp=no,bfloat16,yes"]
    assert cli._parser().parse_args(arguments).amp == "off,bfloat16,auto"


@pytest.mark.parametrize("word", ["no", "OFF", "false", "0", 0, False, np.False_])
@pytest.mark.parametrize("opposite", ["yes", "On", "true", "1", 1, True, np.True_])
def test_truth_values_in_python_have_the_same_names(word, opposite):
    large, small = (get_model("mobilenet_v1", width_mult=0.25, small_input=value) for value in (word, opposite))
    assert (large.conv_stem.stride, small.conv_stem.stride) == ((2, 2), (1, 1))
    assert (default_input_size("mobilenet_v1", word), default_input_size("mobilenet_v1", opposite)) == (224, 32)
    macs = [network_cost(network_layers("mobilenet_v1", small_input=value)).macs for value in (word, opposite)]
    assert macs == [count(get_model("mobilenet_v1", small_input=s), (1, 3, n, n)).macs for s, n in ((0, 224), (1, 32))]


@pytest.mark.parametrize("value", ["maybe", "", 2, None, 1.5])
def test_what_is_no_truth_value_is_refused_in_python(value):
    for build in (get_model, network_layers):
        with pytest.raises(ValueError, match=re.escape(f"small_input {YES_OR_NO} {value!r}")):
            build("mobilenet_v1", small_input=value)
    with pytest.raises(ValueError, match=r"channels_last=.* is unknown: choose one of True, False"):
        StepSetting(channels_last=value)


def test_a_truth_value_builds_the_network_that_it_says(capsys):
    for word, small in (("no", False), ("yes", True)):
        _, out, _ = run(capsys, "count", "mobilenet_v1", "--set", f"small_input={word}", "--json")
        side = 32 if small else 224
        expected = count(get_model("mobilenet_v1", small_input=small), (1, 3, side, side))
        result = json.loads(out)
        assert (result["macs"], result["input_size"]) == (expected.macs, [1, 3, side, side])


def test_options_have_the_kinds_of_their_defaults(capsys):
    chosen = settings("shufflenet_v1", capsys, "groups=2", "width_mult=1", "shuffle=none", "stem_channels=none")
    assert chosen == {"groups": 2, "width_mult": 1.0, "shuffle": "none", "stem_channels": None}
    assert isinstance(chosen["groups"], int) and isinstance(chosen["width_mult"], float)
    assert settings("shufflenet_v1", capsys, "stem_channels=12") == {"stem_channels": 12}
    assert settings("squeezenet1_0", capsys, "bypass= none") == {"bypass": "none"}


def test_every_default_can_be_typed(capsys):
    for name in ("shufflenet_v1", "ghostnet", "mnasnet_small", "se_resnet50", "alexnet_2012"):
        assert name in list_models()
        defaults = {option: parameter.default for option, parameter in model_options(name).items()}
        assert settings(name, capsys, *(f"{option}={value}" for option, value in defaults.items())) == defaults


@pytest.mark.parametrize("value", ["10", 2.0, None, True, 0, -3])
def test_a_network_has_at_least_one_class(value):
    with pytest.raises(ValueError, match=r"num_classes should be (a whole number|at least 1) instead of"):
        get_model("mobilenet_v1", num_classes=value)


def test_numpys_whole_numbers_are_numbers_of_classes():
    assert get_model("mobilenet_v1", width_mult=0.25, num_classes=np.int64(7)).classifier.out_features == 7


def test_predict_uses_the_recorded_profile_and_says_so(capsys):
    status, out, err = run(capsys, "predict", "mobilenet_v1", "--json")
    profile = json.loads((ROOT / "results" / "cpu" / "profile.json").read_text(encoding="utf-8"))
    (row,) = json.loads(out)["timings"]
    assert status == 0 and row["predicted_seconds"]["flops"] == pytest.approx(568_740_352 / profile["peak_macs"])
    device = profile["environment"]["device_name"]
    assert err == f"lightnets predict: for the recorded {device}, since no --profile of this device is given\n"


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


def test_recipes_take_truth_values_and_files_with_an_equals_sign(tmp_path, capsys, monkeypatch):
    from lightnets_edu.records import load_record

    monkeypatch.chdir(tmp_path)
    Path("rate=low.json").write_text('{"learning_rate": 0.01, "batch_size": 16}')
    Path("seed=3").write_text('{"seed": 7}')
    recipes = ("rate=low.json", "seed=3", "augment=no", "channels_last=on", "compile=off", "warmup_epochs=0")
    given = [part for text in recipes for part in ("--recipe", text)]
    options = ("--set", "width_mult=0.25", "--limit", "32", "--test-limit", "16", "--epochs", "1", "--device", "cpu")
    status, *_ = run(capsys, "train", "mobilenet_v1", "--data", "shapes", *options, *given, "--out", "run.json")
    config = load_record("run.json")["config"]
    assert status == 0 and (config["learning_rate"], config["batch_size"], config["seed"]) == (0.01, 16, 7)
    assert (config["augment"], config["channels_last"], config["compile"]) == (False, True, False)


# --- Consoles ---------------------------------------------------------------------------------------------------


def command(*arguments: str, **streams) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **streams.pop("environment", {})}
    return subprocess.Popen(
        [sys.executable, "-m", "lightnets_edu", *arguments], env=environment, stderr=subprocess.PIPE, **streams
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437"])
def test_characters_that_a_console_lacks_are_replaced(capsys, encoding):
    _, whole, _ = run(capsys, "count", "mobilenet_v1")
    process = command("count", "mobilenet_v1", stdout=subprocess.PIPE, environment={"PYTHONIOENCODING": encoding})
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert out.decode(encoding).splitlines() == whole.encode(encoding, "replace").decode(encoding).splitlines()


def test_a_console_as_on_windows(monkeypatch):
    """Python gives it its code page and strict errors."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="\r\n") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert main(["count", "mobilenet_v1"]) == 0
    assert main(["count", "\u2500"]) == 2
    err.flush()
    assert b"568,740,352" in out.buffer.getvalue() and b"there is no model '?'" in err.buffer.getvalue()


@pytest.mark.parametrize("arguments", [("count", "ghostnet"), ("list", "--json")])
def test_a_pipe_that_nobody_reads_ends_the_command_quietly(arguments):
    process = command(*arguments, stdout=subprocess.PIPE)
    process.stdout.close()
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (128 + 13, b"")


@pytest.mark.parametrize("arguments", [("count", "alexnet"), ("count", "nothing"), ("predict", "alexnet", "--json")])
def test_what_is_said_beside_the_output_never_gets_into_it(arguments):
    """Not even where standard error is closed, as some schedulers leave it."""
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-m", "lightnets_edu", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    quiet = subprocess.run(closed, env=environment, stdout=subprocess.PIPE, timeout=120)
    process = command(*arguments, stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=120)
    assert (quiet.stdout, quiet.returncode) == (out, process.returncode)


def test_output_that_cannot_be_written_is_one_sentence():
    with open("/dev/full", "wb") as full:
        process = command("list", stdout=full)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert err == b"lightnets: the output cannot be written (No space left on device)\n"


def test_python_dash_m_and_a_quick_import():
    command = [sys.executable, "-m", "lightnets_edu", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    # Importing the package itself brings in none of its heavy parts.
    heavy = ("torch", "sympy", "matplotlib", "anywidget")
    code = f"import sys, lightnets_edu; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
