"""Records of whole networks: what they hold, how the work is cut into parts, and what recording needs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest
import torch

from lightnets_edu import recording, timing
from lightnets_edu.cli import main
from lightnets_edu.counting import count
from lightnets_edu.models import get_model, list_models
from lightnets_edu.recording import (
    Plan,
    StepSetting,
    default_timings,
    device_folder,
    measure_step,
    network_options,
    network_record,
    record_networks,
)
from lightnets_edu.recording import plan as plan_module
from lightnets_edu.records import RecordError, load_record, save_record
from lightnets_edu.timing import DeviceProfile, Timing
from lightnets_edu.training import TrainConfig, TrainingDivergedError, make_shapes

CPU = torch.device("cpu")
CONFIG = TrainConfig(epochs=3, batch_size=16, warmup_epochs=0.5, learning_rate=0.05)
PLAN = Plan(CONFIG, data="shapes", train_images=32, test_images=16)
TINY = "shufflenet_v2_x0_5"


class Watch:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(plan_module, "time", watch)
    return watch


def record(names, plan=PLAN, *, folder, **options):
    lines: list[str] = []
    options = {"device": "cpu", "say": lines.append, **options}
    outcome = record_networks(names, plan, folder=folder, **options)
    return outcome, lines


# --- What a record holds ---------------------------------------------------------------------------------


def test_a_record_of_training(tmp_path):
    outcome, lines = record([TINY], folder=tmp_path)
    assert (outcome.recorded, outcome.skipped, outcome.left, outcome.failed) == ([TINY], [], [], {})
    assert [line.split(": loss")[0] for line in lines] == [f"{TINY}: epoch {epoch}" for epoch in (1, 2, 3)]
    assert [path.name for path in (tmp_path / "cpu").iterdir()] == [f"{TINY}.json"]
    found = load_record(tmp_path / "cpu" / f"{TINY}.json")
    model = get_model(TINY, num_classes=10, small_input=True)
    table = count(model, (1, 3, 32, 32))
    assert found["options"] == {"num_classes": 10, "small_input": True} and found["input_size"] == [1, 3, 32, 32]
    assert found["parameters"] == sum(p.numel() for p in model.parameters()) == table.params
    assert (found["macs"], found["activations"]) == (table.macs, table.activations)
    assert TrainConfig.from_dict(found["config"]) == CONFIG and found["seed"] == 0
    assert found["test_accuracy"] == found["history"][-1]["test_accuracy"] and len(found["history"]) == 3
    assert found["training_seconds"] == pytest.approx(sum(epoch["seconds"] for epoch in found["history"]))
    assert found["timings"] is None and found["data"]["train"]["images"] == 32
    assert {"torch", "commit", "date", "threads", "device_name"} <= set(found["environment"])


def test_networks_without_batch_norm_learn_more_slowly(tmp_path):
    record(["squeezenet1_1"], folder=tmp_path)
    found = load_record(tmp_path / "cpu" / "squeezenet1_1.json")
    assert found["config"]["learning_rate"] == pytest.approx(0.2 * 0.05)


@pytest.mark.parametrize("name", list_models())
def test_every_network_takes_the_small_images(name):
    """Built without memory: the shapes of all layers fit together, and there are as many logits as classes."""
    options = network_options(name, TrainConfig(), 7, {})
    with torch.device("meta"):
        model = get_model(name, **options).eval()
        assert model(torch.empty(2, 3, 32, 32)).shape == (2, 7)
    assert "small_input" not in options or options["small_input"]
    large = network_options(name, TrainConfig(image_size=224), 7, {"num_classes": 8})
    assert large["num_classes"] == 8 and not large.get("small_input")


def bare() -> dict:
    return network_record(TINY, {"num_classes": 10, "small_input": True}, CONFIG, device="cpu")


def row(**changes) -> dict:
    measured = Timing((0.1, 0.11, 0.12), "cpu", 1).to_dict()
    whole = {
        "step": "forward", "options": {}, "input_size": [1, 3, 32, 32], "macs": 5, "amp": "off", "channels_last": False,
        "compile": False, "keeps_memory": False, "measured": measured, "refused": None, "predicted_seconds": None,
        "peak_bytes": None, "predicted_peak_bytes": None,
    }  # fmt: skip
    return {**whole, **changes}


def test_parts_may_be_missing_but_not_halves_of_parts(tmp_path):
    path = tmp_path / "run.json"
    save_record(path, bare())
    timed = {"timings": [row(), row(measured=None, refused="noise")]}
    save_record(path, {**bare(), **timed, "timing_environment": bare()["environment"]})
    for broken, sentence in (
        ({"history": []}, "has no config and no data and no test_accuracy and no training_seconds"),
        ({"macs": None}, "macs must be int, not null"),
        ({**timed, "timing_environment": None}, "timing_environment must be a dict, not null"),
        ({**timed, "timing_environment": {"device": "cpu"}}, "lacks the field timing_environment.device_name"),
        ({"timings": [row(measured=None)]}, r"timings\[0\] must have either 'measured' or 'refused'"),
        ({"timings": [row(refused="noise")]}, r"timings\[0\] must have either"),
        ({"timings": [row(measured={})]}, r"lacks the field timings\[0\].measured.samples"),
        ({"timings": [{"step": "forward"}]}, r"lacks the field timings\[0\].options"),
    ):
        with pytest.raises(RecordError, match=sentence):
            save_record(path, {**bare(), "timing_environment": bare()["environment"], **broken})
    for gone in ("seed", "test_accuracy", "timings", "timing_environment"):
        with pytest.raises(RecordError, match=f"lacks the field {gone}"):
            save_record(path, {name: value for name, value in bare().items() if name != gone})


# --- Cut into parts --------------------------------------------------------------------------------------


def test_the_budget_ends_a_part_and_the_next_goes_on(tmp_path, watch, monkeypatch):
    """An epoch takes a minute by the watch. Four minutes hold three epochs, since one more may take 1.2 minutes."""
    monkeypatch.setattr(plan_module._Recorder, "_seconds_of_epoch", lambda self, job: 72.0)
    train = plan_module.train_network

    def slow_train(*arguments, on_epoch, **options):
        def after(epoch):
            watch.now += 60
            on_epoch(type(epoch)(**{**vars(epoch), "seconds": 60.0}))

        return train(*arguments, on_epoch=after, **options)

    monkeypatch.setattr(plan_module, "train_network", slow_train)
    names = [TINY, "mnasnet_small"]
    outcome, lines = record(names, folder=tmp_path, budget_minutes=5)
    assert (outcome.recorded, outcome.left) == ([TINY], ["mnasnet_small"])
    assert [line.split(": loss")[0] for line in lines] == [
        *(f"{TINY}: epoch {epoch}" for epoch in (1, 2, 3)), "mnasnet_small: epoch 1",
    ]  # fmt: skip
    assert "1 left; the same command goes on" in str(outcome)
    files = sorted(path.name for path in (tmp_path / "cpu").iterdir())
    assert files == ["mnasnet_small.checkpoint", f"{TINY}.json"]

    outcome, lines = record(names, folder=tmp_path, budget_minutes=5)
    assert (outcome.recorded, outcome.skipped, outcome.left) == (["mnasnet_small"], [TINY], [])
    assert [line.split(": loss")[0] for line in lines] == [f"mnasnet_small: epoch {epoch}" for epoch in (2, 3)]
    whole, _ = record(["mnasnet_small"], folder=tmp_path / "whole")
    histories = [
        [{**epoch, "seconds": 0} for epoch in load_record(folder / "cpu" / "mnasnet_small.json")["history"]]
        for folder in (tmp_path, tmp_path / "whole")
    ]
    assert whole.recorded and histories[0] == histories[1]


def test_an_epoch_that_never_fits(tmp_path, watch, monkeypatch):
    monkeypatch.setattr(plan_module._Recorder, "_seconds_of_epoch", lambda self, job: 600.0)
    outcome, _ = record([TINY], folder=tmp_path, budget_minutes=5)
    assert outcome.failed == {
        TINY: f"an epoch of {TINY} takes about 10.0 minutes, more than the whole budget of 5: "
        "allow more, or take fewer images."
    }
    assert f"{TINY} failed: an epoch" in str(outcome)


@pytest.mark.parametrize(
    "error", [TrainingDivergedError("the training loss is nan"), RuntimeError("GET was unable to find an engine")]
)
def test_one_that_fails_does_not_stop_the_others(tmp_path, monkeypatch, error):
    train = plan_module.train_network

    def fail(name, *arguments, **options):
        if name == "mnasnet_small":
            raise error
        return train(name, *arguments, **options)

    monkeypatch.setattr(plan_module, "train_network", fail)
    outcome, _ = record(["mnasnet_small", TINY], folder=tmp_path)
    assert outcome.recorded == [TINY] and outcome.failed == {"mnasnet_small": str(error)}


def test_a_real_estimate(tmp_path):
    outcome, _ = record([TINY], folder=tmp_path, budget_minutes=1e-4)
    assert "more than the whole budget of 0.0001" in outcome.failed[TINY]
    assert record([TINY], folder=tmp_path, budget_minutes=60)[0].recorded == [TINY]


def test_records_of_other_settings_are_not_mixed(tmp_path):
    record([TINY], folder=tmp_path)
    path = tmp_path / "cpu" / f"{TINY}.json"
    before = path.read_bytes()
    for plan, sentence in (
        (Plan(TrainConfig(epochs=2), data="shapes", train_images=32, test_images=16), "with epochs=3, and now it is 2"),
        (Plan(CONFIG, data="shapes", train_images=48, test_images=16), "with data="),
        (Plan(CONFIG, data="shapes", train_images=32, test_images=8), "with test data="),
    ):
        with pytest.raises(ValueError, match=sentence):
            record([TINY], plan, folder=tmp_path)
    assert path.read_bytes() == before
    assert record([TINY], folder=tmp_path)[0].skipped == [TINY]
    assert record([TINY], folder=tmp_path, again=True)[0].recorded == [TINY]


def test_what_is_refused_before_anything_begins(tmp_path):
    with pytest.raises(ValueError, match="there is no model 'shufflenet'"):
        record([TINY, "shufflenet"], folder=tmp_path)
    with pytest.raises(ValueError, match="budget_minutes=0 is out of range"):
        record([TINY], folder=tmp_path, budget_minutes=0)
    with pytest.raises(ValueError, match="data set='cifar100' is unknown"):
        record([TINY], Plan(CONFIG, data="cifar100"), folder=tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_folder_names(monkeypatch):
    assert device_folder(CPU) == "cpu"
    monkeypatch.setattr(plan_module, "describe_environment", lambda device: {"device_name": "NVIDIA H100 80GB HBM3"})
    assert device_folder(torch.device("cuda", 0)) == "nvidia-h100-80gb-hbm3"


# --- Timings ---------------------------------------------------------------------------------------------


@pytest.fixture
def calm(monkeypatch):
    """Three samples that are equal: what is tested here is what is written, not the machine."""
    monkeypatch.setattr(
        recording.measurements, "measure", lambda step, **options: Timing((0.1,) * 3, "cpu", options.get("images"))
    )
    monkeypatch.setattr(recording.measurements, "keep_memory", lambda: True)


FORWARD, TRAINING = StepSetting("forward", 2, 32), StepSetting("training", 2, 32)


def test_timings_come_with_the_training_and_one_by_one(tmp_path, calm, monkeypatch):
    plan = Plan(CONFIG, "shapes", 32, 16, timings=(FORWARD,))
    only_time = Plan(CONFIG, "shapes", train=False, timings=(FORWARD,))
    record([TINY], only_time, folder=tmp_path)
    path = tmp_path / "cpu" / f"{TINY}.json"
    found = load_record(path)
    assert found["history"] is None and len(found["timings"]) == 1
    assert found["timings"][0]["macs"] == count(get_model(TINY), (1, 3, 32, 32)).macs
    assert record([TINY], only_time, folder=tmp_path)[0].skipped == [TINY]

    monkeypatch.setattr(plan_module, "measure_step", None)  # what is there is not measured again
    record([TINY], plan, folder=tmp_path)
    both = load_record(path)
    assert both["timings"] == found["timings"] and len(both["history"]) == 3
    monkeypatch.undo()
    monkeypatch.setattr(plan_module, "train_network", None)
    two = Plan(CONFIG, "shapes", 32, 16, timings=(FORWARD, TRAINING))
    record([TINY], two, folder=tmp_path)
    assert [row["step"] for row in load_record(path)["timings"]] == ["forward", "training"]
    assert load_record(path)["history"] == both["history"]


def test_timings_say_where_they_were_taken(tmp_path, calm, monkeypatch):
    """The training may use other threads on another day; timings of two kinds of run are not put together."""
    time = Plan(CONFIG, "shapes", train=False, timings=(FORWARD,))
    record([TINY], time, folder=tmp_path)
    path = tmp_path / "cpu" / f"{TINY}.json"
    timed = load_record(path)["timing_environment"]
    assert timed["threads"] == torch.get_num_threads()
    monkeypatch.setattr(plan_module, "describe_environment", lambda device: {**timed, "threads": 63})
    with pytest.raises(ValueError, match=f"with threads={timed['threads']}, and now it is 63"):
        record([TINY], replace(time, timings=(FORWARD, TRAINING)), folder=tmp_path)
    assert record([TINY], time, folder=tmp_path)[0].skipped == [TINY]
    record([TINY], folder=tmp_path)
    assert load_record(path)["timing_environment"] == timed and load_record(path)["history"]


def test_again_keeps_what_the_plan_does_not_make(tmp_path, calm):
    time, path = Plan(CONFIG, "shapes", train=False, timings=(FORWARD,)), tmp_path / "cpu" / f"{TINY}.json"
    record([TINY], replace(PLAN, timings=(FORWARD,)), folder=tmp_path)
    first = load_record(path)
    other = replace(PLAN, config=replace(CONFIG, epochs=1, warmup_epochs=0))
    assert record([TINY], other, folder=tmp_path, again=True)[0].recorded == [TINY]
    trained = load_record(path)
    assert len(trained["history"]) == 1 and len(first["history"]) == 3
    assert all(trained[name] == first[name] for name in ("timings", "timing_environment"))
    record([TINY], replace(time, timings=(TRAINING,)), folder=tmp_path, again=True)
    found = load_record(path)
    assert [row["step"] for row in found["timings"]] == ["training"] and found["history"] == trained["history"]


def test_memory_is_what_the_network_holds_and_makes(calm):
    rows = {step: measure_step("mobilenet_v1", {"width_mult": 0.25}, StepSetting(step, 4, 64), device="cpu")
            for step in ("forward", "training")}  # fmt: skip
    network = get_model("mobilenet_v1", width_mult=0.25)
    held = sum(t.numel() * t.element_size() for t in (*network.parameters(), *network.buffers())) + 4 * 4 * 3 * 64 * 64
    # A forward pass needs at least its two largest neighbouring maps: 16 channels of 32², twice.
    assert rows["forward"]["peak_bytes"] >= held + 4 * 4 * 2 * 8 * 32 * 32
    assert rows["training"]["peak_bytes"] == pytest.approx(rows["training"]["predicted_peak_bytes"], rel=0.02)
    assert rows["forward"]["predicted_peak_bytes"] is None


def test_noise_is_refused(monkeypatch):
    asked = []

    def noisy(step, **options):
        asked.append(options["min_seconds"])
        return Timing((0.1, 0.2, 0.3, 0.4), "cpu")

    monkeypatch.setattr(recording.measurements, "measure", noisy)
    row = measure_step(TINY, {}, FORWARD, device="cpu", keep=False)
    assert row["measured"] is None and asked == [1.0, 2.0, 4.0]
    assert "spans 60% of their median, more than 10%, after 3 attempts: that is noise" in row["refused"]


@pytest.mark.parametrize("step", ["measure", "measure_memory"])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_too_large_a_batch_is_said(monkeypatch, calm, step, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(recording.measurements, step, fail)
    row = measure_step(TINY, {}, FORWARD, device="cpu", keep=False)
    assert row["measured"] is None and row["refused"] == "2 images do not fit in the device's memory."


def test_each_network_is_compiled_anew(monkeypatch):
    """PyTorch compiles the code of a class a few times, and then runs it eagerly without a word."""
    graphs = []

    def count_graphs(graph, inputs):
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=count_graphs))
    monkeypatch.setattr(torch._dynamo.config, "recompile_limit", 1)
    setting = StepSetting("forward", 1, 32, compile=True, seconds=1e-3)
    for width in (0.25, 0.5, 0.75):
        before = len(graphs)
        measure_step("mobilenet_v1", {"width_mult": width}, setting, device="cpu", keep=False)
        assert len(graphs) > before
    config = replace(CONFIG, epochs=1, warmup_epochs=0, compile=True)
    for width in (0.25, 0.5):
        before = len(graphs)
        options = {"width_mult": width, "num_classes": 10, "small_input": True}
        recording.train_network(
            "mobilenet_v1", options, config, make_shapes(16, 1), make_shapes(16, 2), device="cpu", progress=False
        )
        assert len(graphs) > before


def test_batch_norm_on_single_values_is_refused():
    """At 32 pixels the last maps have one pixel, so one image is one value a channel."""
    row = measure_step(TINY, {}, StepSetting("training", 1, 32), device="cpu", keep=False)
    assert row["measured"] is None and "batch norm cannot train on one value a channel" in row["refused"]


@pytest.mark.parametrize(("native", "short"), [(True, "bfloat16"), (False, "float16")])
def test_default_timings(monkeypatch, native, short):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    settings = {(s.step, s.batch_size, s.amp, s.channels_last) for s in default_timings(torch.device("cuda"))}
    assert settings == {
        (step, batch, amp, amp != "off")
        for step in ("forward", "training")
        for batch in (1, 64, 256)
        for amp in ("off", short)
    }
    assert {s.batch_size for s in default_timings(CPU) if s.step == "forward"} == {1, 16}
    assert StepSetting().input_size("wide_resnet28_10", {}) == (1, 3, 32, 32)  # as in its paper


@pytest.mark.parametrize("settings", [{"step": "backward"}, {"batch_size": 0}, {"image_size": 1.5}, {"amp": "bf16"}])
def test_settings_are_checked(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        StepSetting(**settings)


# --- The command line ------------------------------------------------------------------------------------


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_record_on_the_command_line(tmp_path, capsys):
    command = ["record", "--only", TINY, "--no-time", "--data", "shapes", "--limit", "32", "--test-limit", "16"]
    command += ["--epochs", "1", "--recipe", "batch_size=16", "--out", str(tmp_path), "--device", "cpu", "--json"]
    status, out, _ = run(capsys, *command)
    assert status == 0 and json.loads(out) == {"recorded": [TINY], "skipped": [], "left": [], "failed": {}}
    status, out, _ = run(capsys, *command)
    assert status == 0 and json.loads(out)["skipped"] == [TINY]
    status, out, err = run(capsys, *command, "--recipe", "learning_rate=1e30", "--again")
    assert status == 2 and out == "" and f"{TINY} failed: the training loss is" in err


def test_time_on_the_command_line(calm, capsys):
    command = ["time", TINY, "--input-size", "64", "--batch-size", "1,2", "--device", "cpu"]
    status, out, _ = run(capsys, *command, "--json")
    rows = json.loads(out)["timings"]
    assert status == 0
    assert [(row["step"], row["input_size"][0]) for row in rows] == [
        ("forward", 1), ("forward", 2), ("training", 1), ("training", 2),
    ]  # fmt: skip
    assert rows[1]["measured"]["median"] == 0.1 and rows[0]["model"] == TINY
    status, out, _ = run(capsys, *command)
    assert status == 0 and "100.00 ms" in out and "20.0" in out  # 2 images in 0.1 s


def test_a_recipe_from_a_file(tmp_path, capsys):
    recipe, out = tmp_path / "recipe.json", tmp_path / "run.json"
    recipe.write_text(json.dumps({"batch_size": 16, "learning_rate": 0.03, "epochs": 9}))
    command = ["train", TINY, "--data", "shapes", "--limit", "32", "--test-limit", "16", "--device", "cpu", "--epochs"]
    status, _, _ = run(
        capsys, *command, "1", "--recipe", str(recipe), "--recipe", "learning_rate=0.02", "--out", str(out), "--json"
    )
    config = load_record(out)["config"]
    assert status == 0
    assert (config["batch_size"], config["learning_rate"], config["epochs"]) == (16, 0.02, 1)
    status, _, _ = run(capsys, *command, "1", "--recipe", str(out), "--json")  # a record repeats its run
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


def test_a_full_disk_ends_with_one_sentence(tmp_path):
    """No file may grow beyond 20 kB, as if the disk were full; the checkpoint would have more."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "from lightnets_edu.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = ["train", TINY, "--data", "shapes", "--limit", "32", "--test-limit", "16", "--epochs", "1", "--json"]
    command += ["--recipe", "batch_size=16", "--device", "cpu", "--out", str(tmp_path / "run.json")]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert "run.json.checkpoint' cannot be written (File too large): nothing was changed." in done.stderr
    assert len(done.stderr.splitlines()) == 1 and list(tmp_path.iterdir()) == []


def test_recording_needs_torch_torchvision_numpy_and_tqdm_only(tmp_path):
    """Everything else that this project uses is made impossible to import (PyTorch itself brings SymPy)."""
    code = """
import sys
absent = {"matplotlib", "ipywidgets", "anywidget", "IPython", "jupyter_book", "sphinx", "pandas", "fvcore", "torchinfo",
          "timm", "pytorchcv", "psutil", "yaml", "scipy", "hypothesis", "pytest", "traitlets", "nbformat", "bs4"}
from importlib.machinery import PathFinder
class Installed:
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in absent else PathFinder.find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Installed()
from lightnets_edu.cli import main
status = main(sys.argv[1:])
assert not absent & {name.partition(".")[0] for name in sys.modules}, absent & set(sys.modules)
sys.exit(status)
"""
    command = ["record", "--only", TINY, "--data", "shapes", "--limit", "32", "--test-limit", "16", "--epochs", "1"]
    command += ["--recipe", "batch_size=16", "--device", "cpu", "--out", str(tmp_path), "--no-time"]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "cpu" / f"{TINY}.json").exists()


def test_predict_uses_a_profile(tmp_path, capsys, monkeypatch):
    """A profile of one layer: the first rung is arithmetic that can be done by hand."""
    from lightnets_edu.timing import measure_profile
    from lightnets_edu.timing.microbenchmarks import Layer

    profile = measure_profile(
        "cpu", layers=[Layer("dense", (1, 8, 8, 8), 8, 3)], chains=0, batch_sizes=(1,), progress=False, keep=False
    )
    path = tmp_path / "cpu.json"
    profile.save(path)
    assert DeviceProfile.load(path).peak_macs == profile.peak_macs
    status, out, _ = run(capsys, "predict", TINY, "--profile", str(path), "--batch-size", "1,3", "--json")
    rows = json.loads(out)["timings"]
    macs = count(get_model(TINY), (1, 3, 224, 224)).macs
    for row, images in zip(rows, (1, 3), strict=True):
        assert row["macs"] == macs and row["predicted_seconds"]["flops"] == pytest.approx(
            images * macs / profile.peak_macs
        )
    assert status == 0
    asked = {}
    monkeypatch.setattr(timing, "measure_profile", lambda **options: asked.update(options) or profile)
    command = ["predict", TINY, "--measure", "--profile", str(path), "--amp", "bfloat16", "--channels-last", "--json"]
    assert run(capsys, *command)[0] == 0
    assert asked == {"amp": "bfloat16", "channels_last": True, "progress": False}
    status, out, err = run(capsys, "predict", TINY, "--profile", str(tmp_path / "absent.json"))
    assert status == 2 and "absent.json" in err
