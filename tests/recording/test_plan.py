"""Records of whole networks: what they hold, and how the work is cut into parts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch

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
    train_network,
)
from lightnets_edu.recording.measurements import Instruments
from lightnets_edu.recording.plan import Tools, folder_name
from lightnets_edu.records import RecordError, load_record, save_record
from lightnets_edu.timing import Timing
from lightnets_edu.training import TrainConfig, TrainingDivergedError

CPU = torch.device("cpu")
CONFIG = TrainConfig(epochs=3, batch_size=16, warmup_epochs=0.5, learning_rate=0.05)
PLAN = Plan(CONFIG, data="shapes", train_images=32, test_images=16)
TINY = "shufflenet_v2_x0_5"


def calm(step, **options) -> Timing:
    """A clock whose samples are equal: what is tested here is what is written, not the machine."""
    return Timing((0.1,) * 3, "cpu", options.get("images"))


MEASURER = partial(measure_step, instruments=Instruments(clock=calm, keep_memory=lambda: True))


def written(folder, name=TINY) -> dict:
    return load_record(folder / "cpu" / f"{name}.json")


def record(names, plan=PLAN, *, folder, tools=None, **options):
    lines: list[str] = []
    tools = {"measurer": MEASURER, **(tools or {})}
    outcome = record_networks(
        names, plan, folder=folder, device="cpu", say=lines.append, tools=Tools(**tools), **options
    )
    return outcome, lines


# --- What a record holds ---------------------------------------------------------------------------------


def test_a_record_of_training(tmp_path):
    outcome, lines = record([TINY], folder=tmp_path)
    assert (outcome.recorded, outcome.skipped, outcome.left, outcome.failed) == ([TINY], [], [], {})
    assert [line.split(": loss")[0] for line in lines] == [f"{TINY}: epoch {epoch}" for epoch in (1, 2, 3)]
    assert [path.name for path in (tmp_path / "cpu").iterdir()] == [f"{TINY}.json"]
    found = written(tmp_path)
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
    found = written(tmp_path, "squeezenet1_1")
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


def test_parts_may_be_missing_but_not_halves_of_parts(tmp_path):
    path = tmp_path / "run.json"
    bare = network_record(TINY, {"num_classes": 10, "small_input": True}, CONFIG, device="cpu")
    save_record(path, bare)
    row = MEASURER(TINY, {}, StepSetting("forward", 2, 32), device="cpu")
    timed = {"timings": [row, {**row, "measured": None, "refused": "noise"}]}
    save_record(path, {**bare, **timed, "timing_environment": bare["environment"]})
    for broken, sentence in (
        ({"history": []}, "has no config and no data and no test_accuracy and no training_seconds"),
        ({"macs": None}, "macs must be int, not null"),
        ({**timed, "timing_environment": None}, "timing_environment must be a dict, not null"),
        ({**timed, "timing_environment": {"device": "cpu"}}, "lacks the field timing_environment.device_name"),
        ({"timings": [{**row, "measured": None}]}, r"timings\[0\] must have either 'measured' or 'refused'"),
        ({"timings": [{**row, "refused": "noise"}]}, r"timings\[0\] must have either"),
        ({"timings": [{**row, "measured": {}}]}, r"lacks the field timings\[0\].measured.samples"),
        ({"timings": [{"step": "forward"}]}, r"lacks the field timings\[0\].options"),
    ):
        with pytest.raises(RecordError, match=sentence):
            save_record(path, {**bare, "timing_environment": bare["environment"], **broken})
    for gone in ("seed", "test_accuracy", "timings", "timing_environment"):
        with pytest.raises(RecordError, match=f"lacks the field {gone}"):
            save_record(path, {name: value for name, value in bare.items() if name != gone})


# --- Cut into parts --------------------------------------------------------------------------------------


def test_the_budget_ends_a_part_and_the_next_goes_on(tmp_path):
    """An epoch takes a minute by the watch. Four minutes hold three epochs, since one more may take 1.2 minutes."""
    watch = SimpleNamespace(now=0.0)

    def slow_train(*arguments, on_epoch, **options):
        def after(epoch):
            watch.now += 60
            on_epoch(replace(epoch, seconds=60.0))

        return train_network(*arguments, on_epoch=after, **options)

    tools = {"clock": lambda: watch.now, "trainer": slow_train, "estimate": lambda *_: 60.0}
    names = [TINY, "mnasnet_small"]
    outcome, lines = record(names, folder=tmp_path, budget_minutes=5, tools=tools)
    assert (outcome.recorded, outcome.left) == ([TINY], ["mnasnet_small"])
    epochs = [f"{TINY}: epoch 1", f"{TINY}: epoch 2", f"{TINY}: epoch 3", "mnasnet_small: epoch 1"]
    assert [line.split(": loss")[0] for line in lines] == epochs
    assert "1 left; the same command goes on" in str(outcome)
    files = sorted(path.name for path in (tmp_path / "cpu").iterdir())
    assert files == ["mnasnet_small.checkpoint", f"{TINY}.json"]

    outcome, lines = record(names, folder=tmp_path, budget_minutes=5, tools=tools)
    assert (outcome.recorded, outcome.skipped, outcome.left) == (["mnasnet_small"], [TINY], [])
    assert [line.split(": loss")[0] for line in lines] == [f"mnasnet_small: epoch {epoch}" for epoch in (2, 3)]
    whole, _ = record(["mnasnet_small"], folder=tmp_path / "whole")
    histories = [
        [{**epoch, "seconds": 0} for epoch in written(folder, "mnasnet_small")["history"]]
        for folder in (tmp_path, tmp_path / "whole")
    ]
    assert whole.recorded and histories[0] == histories[1]


def test_an_epoch_that_never_fits(tmp_path):
    outcome, _ = record([TINY], folder=tmp_path, budget_minutes=5, tools={"estimate": lambda *_: 500.0})
    assert outcome.failed == {
        TINY: f"an epoch of {TINY} takes about 10.0 minutes, more than the whole budget of 5: "
        "allow more, or take fewer images."
    }
    assert f"{TINY} failed: an epoch" in str(outcome)


@pytest.mark.parametrize(
    "error", [TrainingDivergedError("the training loss is nan"), RuntimeError("GET was unable to find an engine")]
)
def test_one_that_fails_does_not_stop_the_others(tmp_path, error):
    def fail(name, *arguments, **options):
        if name == "mnasnet_small":
            raise error
        return train_network(name, *arguments, **options)

    outcome, _ = record(["mnasnet_small", TINY], folder=tmp_path, tools={"trainer": fail})
    assert outcome.recorded == [TINY] and outcome.failed == {"mnasnet_small": str(error)}


def test_a_real_estimate(tmp_path):
    outcome, _ = record([TINY], folder=tmp_path, budget_minutes=1e-4)
    assert "more than the whole budget of 0.0001" in outcome.failed[TINY]
    assert record([TINY], folder=tmp_path, budget_minutes=60)[0].recorded == [TINY]


def test_records_of_other_settings_are_not_mixed(tmp_path):
    record([TINY], folder=tmp_path)
    path = tmp_path / "cpu" / f"{TINY}.json"
    before = path.read_bytes()
    for change, sentence in (
        ({"config": TrainConfig(epochs=2)}, "with epochs=3, and now it is 2"),
        ({"train_images": 48}, "with data="),
        ({"test_images": 8}, "with test data="),
    ):
        with pytest.raises(ValueError, match=sentence):
            record([TINY], replace(PLAN, **change), folder=tmp_path)
    assert path.read_bytes() == before
    assert record([TINY], folder=tmp_path)[0].skipped == [TINY]
    assert record([TINY], folder=tmp_path, again=True)[0].recorded == [TINY]


def test_what_is_refused_before_anything_begins(tmp_path):
    with pytest.raises(ValueError, match="there is no model 'shufflenet'"):
        record([TINY, "shufflenet"], folder=tmp_path)
    with pytest.raises(ValueError, match="budget_minutes=0 is out of range"):
        record([TINY], folder=tmp_path, budget_minutes=0)
    with pytest.raises(ValueError, match="data set='cifar100' is unknown"):
        record([TINY], replace(PLAN, data="cifar100"), folder=tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_folder_names():
    assert device_folder(CPU) == "cpu"
    assert folder_name("NVIDIA H100 80GB HBM3") == "nvidia-h100-80gb-hbm3"


# --- Timings ---------------------------------------------------------------------------------------------

FORWARD, TRAINING = StepSetting("forward", 2, 32), StepSetting("training", 2, 32)
ONLY_TIME = Plan(CONFIG, "shapes", train=False, timings=(FORWARD,))


def test_timings_come_with_the_training_and_one_by_one(tmp_path):
    """What is there is neither measured nor trained again: the tool for it is missing."""
    record([TINY], ONLY_TIME, folder=tmp_path)
    found = written(tmp_path)
    assert found["history"] is None and len(found["timings"]) == 1
    assert found["timings"][0]["macs"] == count(get_model(TINY), (1, 3, 32, 32)).macs
    assert record([TINY], ONLY_TIME, folder=tmp_path)[0].skipped == [TINY]

    record([TINY], replace(PLAN, timings=(FORWARD,)), folder=tmp_path, tools={"measurer": None})
    both = written(tmp_path)
    assert both["timings"] == found["timings"] and len(both["history"]) == 3
    record([TINY], replace(PLAN, timings=(FORWARD, TRAINING)), folder=tmp_path, tools={"trainer": None})
    assert [row["step"] for row in written(tmp_path)["timings"]] == ["forward", "training"]
    assert written(tmp_path)["history"] == both["history"]


def test_timings_say_where_they_were_taken(tmp_path):
    """The training may use other threads on another day; timings of two kinds of run are not put together."""
    record([TINY], ONLY_TIME, folder=tmp_path)
    timed = written(tmp_path)["timing_environment"]
    assert timed["threads"] == torch.get_num_threads()
    elsewhere = {"describe": lambda device: {**timed, "threads": 63}}
    with pytest.raises(ValueError, match=f"with threads={timed['threads']}, and now it is 63"):
        record([TINY], replace(ONLY_TIME, timings=(FORWARD, TRAINING)), folder=tmp_path, tools=elsewhere)
    assert record([TINY], ONLY_TIME, folder=tmp_path, tools=elsewhere)[0].skipped == [TINY]
    record([TINY], folder=tmp_path, tools=elsewhere)
    found = written(tmp_path)
    assert found["timing_environment"] == timed and found["history"]


def test_again_keeps_what_the_plan_does_not_make(tmp_path):
    record([TINY], replace(PLAN, timings=(FORWARD,)), folder=tmp_path)
    first = written(tmp_path)
    other = replace(PLAN, config=replace(CONFIG, epochs=1, warmup_epochs=0))
    assert record([TINY], other, folder=tmp_path, again=True)[0].recorded == [TINY]
    trained = written(tmp_path)
    assert len(trained["history"]) == 1 and len(first["history"]) == 3
    assert all(trained[name] == first[name] for name in ("timings", "timing_environment"))
    record([TINY], replace(ONLY_TIME, timings=(TRAINING,)), folder=tmp_path, again=True)
    found = written(tmp_path)
    assert [row["step"] for row in found["timings"]] == ["training"] and found["history"] == trained["history"]


@pytest.mark.parametrize(("native", "short"), [("bfloat16", "bfloat16"), ("off", "float16")])
def test_default_timings(native, short):
    settings = default_timings(torch.device("cuda"), lambda amp, device: native)
    assert {(s.step, s.batch_size, s.amp, s.channels_last) for s in settings} == {
        (step, batch, amp, amp != "off")
        for step in ("forward", "training")
        for batch in (1, 64, 256)
        for amp in ("off", short)
    }
    assert {s.batch_size for s in default_timings(CPU) if s.step == "forward"} == {1, 16}
