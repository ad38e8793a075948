"""The training loop: right arithmetic, the same result each time, and errors that say what to do."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from lightnets_edu.records import load_record, save_record
from lightnets_edu.training import (
    Batches,
    BatchTooLargeError,
    CheckpointError,
    EpochRecord,
    TrainConfig,
    TrainingDivergedError,
    evaluate,
    learning_rate_at,
    make_shapes,
    seed_everything,
    train,
)
from lightnets_edu.training.steps import parameter_groups

CPU = torch.device("cpu")
TRAIN, TEST = make_shapes(120, 0, image_size=14), make_shapes(50, 1, image_size=14, split="test")
TINY = TrainConfig(epochs=4, batch_size=32, learning_rate=0.05, image_size=16, warmup_epochs=0.5)


def small_network(width: int = 4) -> nn.Sequential:
    """Has all that a resumed run must carry on: batch statistics, momentum and random dropout."""
    seed_everything(5)
    maps = nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(4)
    return nn.Sequential(*maps, nn.Flatten(), nn.Dropout(0.3), nn.Linear(16 * width, 10))


def run(model: nn.Module, config: TrainConfig = TINY, *, sets=(TRAIN, TEST), **options):
    return train(model, *sets, config, **{"device": "cpu", "progress": False, **options})


def without_time(history) -> list[dict]:
    return [{**dataclasses.asdict(epoch), "seconds": None} for epoch in history]


def assert_same_state(one: nn.Module, two: nn.Module) -> None:
    for (name, a), (_, b) in zip(one.state_dict().items(), two.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


# --- Arithmetic ------------------------------------------------------------------------------------------


def test_trains_with_the_threads_that_are_asked_for_and_gives_them_back():
    before = torch.get_num_threads()
    seen = []
    model = small_network()
    model[0].register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    result = run(model, dataclasses.replace(TINY, epochs=1, warmup_epochs=0), threads=before + 1)
    assert set(seen) == {before + 1} and result.environment["threads"] == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_softmax_regression_by_hand(smoothing):
    """NumPy's gradient and update of a linear network, over all steps of a run with momentum and decay."""
    sizes = {"epochs": 2, "batch_size": 40, "image_size": 14, "warmup_epochs": 1.0, "seed": 3, "augment": False}
    config = TrainConfig(learning_rate=0.01, momentum=0.9, weight_decay=0.1, label_smoothing=smoothing, **sizes)
    seed_everything(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 14 * 14, 10))
    weight, bias = (p.detach().double().numpy().copy() for p in model.parameters())
    result = run(model, config)

    batches = Batches(TRAIN, 40, CPU, shuffle=True, seed=3, image_size=14)
    weight_speed, bias_speed = np.zeros_like(weight), np.zeros_like(bias)
    for epoch in range(2):
        losses, right = [], 0
        for index, (images, labels) in enumerate(batches.epoch(epoch)):
            rate = learning_rate_at(3 * epoch + index, 6, 3, 0.01)
            x = images.flatten(1).double().numpy()
            logits = x @ weight.T + bias
            chances = np.exp(logits - logits.max(1, keepdims=True))
            chances /= chances.sum(1, keepdims=True)
            target = (1 - smoothing) * np.eye(10)[labels] + smoothing / 10
            losses.append(-(target * np.log(chances)).sum(1).mean())
            right += int((logits.argmax(1) == labels.numpy()).sum())
            slope = (chances - target) / len(labels)
            weight_slope, bias_slope = slope.T @ x + 0.1 * weight, slope.sum(0)  # decay on weights only
            weight_speed = 0.9 * weight_speed + weight_slope
            bias_speed = 0.9 * bias_speed + bias_slope
            weight = weight - rate * (weight_slope + 0.9 * weight_speed)  # Nesterov
            bias = bias - rate * (bias_slope + 0.9 * bias_speed)
        assert result.history[epoch].train_loss == pytest.approx(np.mean(losses), rel=1e-5)
        assert result.history[epoch].train_accuracy == right / 120
        assert result.history[epoch].learning_rate == pytest.approx(rate)
    np.testing.assert_allclose(model[1].weight.detach().numpy(), weight, atol=1e-5)
    np.testing.assert_allclose(model[1].bias.detach().numpy(), bias, atol=1e-5)


def test_decay_spares_norms_and_biases():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    model[2].weight.requires_grad = False
    decayed, spared = parameter_groups(model, 0.5)
    assert decayed["weight_decay"] == 0.5 and spared["weight_decay"] == 0
    assert [id(p) for p in decayed["params"]] == [id(model[0].weight)]
    others = (model[0].bias, model[1].weight, model[1].bias, model[2].bias)
    assert {id(p) for p in spared["params"]} == {id(p) for p in others}


def test_evaluate_by_hand():
    """The network says class 2 with a logit of 1, whatever it sees."""
    dataset = make_shapes(73, 2)
    share = float((dataset.labels == 2).double().mean())
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)).train()
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    nn.init.ones_(model[1].bias[2:3])
    loss, accuracy = evaluate(model, dataset, device="cpu", batch_size=16)
    assert accuracy == pytest.approx(share)
    assert loss == pytest.approx(math.log(9 + math.e) - share, rel=1e-6)
    assert model.training


def test_result_agrees_with_evaluate():
    model = small_network()
    result = run(model)
    assert not model.training
    options = {"device": "cpu", "image_size": 16, "batch_size": 7}
    loss, accuracy = evaluate(model, TEST, normalisation=result.normalisation, **options)
    assert accuracy == result.last_test_accuracy
    assert loss == pytest.approx(result.history[-1].test_loss, rel=1e-5)
    assert result.parameters == 3 * 4 * 9 + 8 + 64 * 10 + 10
    assert result.seconds == pytest.approx(sum(epoch.seconds for epoch in result.history))
    assert result.data["train"]["source"] == TRAIN.source
    assert result.normalisation == TRAIN.normalisation()
    assert evaluate(model, TEST, **options)[0] != pytest.approx(loss, rel=1e-6)  # the test set's own statistics


def test_it_learns_shapes_well_above_chance():
    """Ten classes, so chance is 0.1."""
    seed_everything(0)
    layers = []
    for channels_in, channels_out in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(channels_in, channels_out, 3, 2, 1, bias=False), nn.BatchNorm2d(channels_out), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(1024, 10))
    config = TrainConfig(epochs=4, batch_size=50, augment=False, label_smoothing=0.0)
    result = run(model, config, sets=(make_shapes(1500, 0), make_shapes(300, 1, split="test")))
    assert result.last_test_accuracy > 0.5


@pytest.mark.parametrize("settings", [{"amp": "bfloat16"}, {"channels_last": True}, {"momentum": 0.0}])
def test_other_settings_run(settings):
    result = run(small_network(), dataclasses.replace(TINY, epochs=1, **settings))
    assert math.isfinite(result.history[0].test_loss)
    assert result.environment["amp"] == settings.get("amp", "off")
    assert result.environment["channels_last"] == settings.get("channels_last", False)


def test_each_network_is_compiled_anew(monkeypatch):
    """PyTorch compiles the code of a class a few times, and then runs it eagerly without a word."""
    graphs = []

    def count_graphs(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compile_network = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model, **options: compile_network(model, backend=count_graphs))
    with torch._dynamo.config.patch(recompile_limit=1):  # monkeypatch cannot put such a setting back
        for width in (4, 5):
            before = len(graphs)
            run(small_network(width), dataclasses.replace(TINY, epochs=1, warmup_epochs=0, compile=True))
            assert len(graphs) > before


# --- The same result each time ---------------------------------------------------------------------------


def test_two_runs_are_equal_to_the_last_bit():
    one, two = small_network(), small_network()
    first = run(one)
    torch.rand(10)  # where the global generators stand does not matter
    np.random.rand(10)
    second = run(two)
    assert without_time(first.history) == without_time(second.history)
    assert_same_state(one, two)
    other = run(small_network(), dataclasses.replace(TINY, seed=1))
    assert without_time(other.history) != without_time(first.history)


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("stop_after", [1, 3])
def test_interrupted_run_ends_as_the_uninterrupted_one(tmp_path, stop_after):
    whole_model = small_network()
    whole = run(whole_model)

    def stop(record):
        if record.epoch == stop_after:
            raise Interrupted

    path = tmp_path / "runs" / "run.pt"
    with pytest.raises(Interrupted):
        run(small_network(), checkpoint=path, on_epoch=stop)
    seen = []
    resumed_model = small_network()
    resumed = run(resumed_model, checkpoint=path, on_epoch=seen.append)
    assert [record.epoch for record in seen] == list(range(stop_after + 1, 5))
    assert without_time(resumed.history) == without_time(whole.history)
    assert_same_state(resumed_model, whole_model)
    assert [p.name for p in path.parent.iterdir()] == ["run.pt"]

    finished_model = small_network(4)  # a finished run is not run again
    finished = run(finished_model, checkpoint=path, on_epoch=stop)
    assert finished.history == resumed.history
    assert_same_state(finished_model, whole_model)


ONE_EPOCH = dataclasses.replace(TINY, epochs=1)


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    path = tmp_path / "run.pt"
    run(small_network(), ONE_EPOCH, checkpoint=path)
    return path


def another_dropout() -> nn.Module:
    """The same tensors, and another behaviour."""
    model = small_network()
    model[5] = nn.Dropout(0.5)
    return model


@pytest.mark.parametrize(
    ("make", "settings", "sets", "sentence"),
    [
        (small_network, {"epochs": 2}, (TRAIN, TEST), "setting epochs was 1 there and is 2 here"),
        (
            small_network,
            {"learning_rate": 0.06},
            (TRAIN, TEST),
            "setting learning_rate was 0.05 there and is 0.06 here",
        ),
        (small_network, {"seed": 9}, (TRAIN, TEST), "setting seed was 0 there and is 9 here"),
        (lambda: small_network(5), {}, (TRAIN, TEST), r"0.weight was '\[4, 3, 3, 3\]' there and is '\[5, 3, 3, 3\]'"),
        (another_dropout, {}, (TRAIN, TEST), "model layers"),
        (
            lambda: small_network().append(nn.Linear(10, 10)),
            {},
            (TRAIN, TEST),
            r"model's 7.weight was 'absent' there and is '\[10, 10\]' here",
        ),
        (small_network, {}, (make_shapes(120, 9, image_size=14), TEST), "train set's fingerprint was"),
        (small_network, {}, (TRAIN, TEST.first(20)), "test set's images was 50 there and is 20 here"),
    ],
)
def test_checkpoint_of_another_run_is_refused(checkpoint, make, settings, sets, sentence):
    with pytest.raises(CheckpointError, match=sentence):
        run(make(), dataclasses.replace(ONE_EPOCH, **settings), sets=sets, checkpoint=checkpoint)


def test_files_that_are_no_checkpoints(tmp_path):
    for content in (b"", b"nonsense", b"PK\x03\x04 half a zip"):
        path = tmp_path / "run.pt"
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"run.pt cannot be read as a checkpoint .*Delete it"):
            run(small_network(), checkpoint=path)
        assert path.read_bytes() == content
    torch.save(small_network().state_dict(), path)
    with pytest.raises(CheckpointError, match="is no checkpoint of a training run"):
        run(small_network(), checkpoint=path)


# --- What goes wrong -------------------------------------------------------------------------------------


class Failing(nn.Module):
    """Works like its network until a training step, counted from 1, and then does something else."""

    def __init__(self, at: int, failure) -> None:
        super().__init__()
        self.network, self.at, self.failure, self.calls = small_network(), at, failure, 0

    def forward(self, images):
        self.calls += self.training
        logits = self.network(images)
        return self.failure(logits) if self.calls >= self.at else logits


@pytest.mark.parametrize("at", [2, 3, 5])
def test_divergence_names_the_step(at, tmp_path):
    """Three steps an epoch, two of them warm-up (half an epoch of 3, rounded to even)."""
    path = tmp_path / "run.pt"
    with pytest.raises(TrainingDivergedError) as caught:
        run(Failing(at, lambda logits: logits * math.nan), checkpoint=path)
    rate = learning_rate_at(at - 1, 12, 2, 0.05)
    where = f"in epoch {(at + 2) // 3} at step {at} of 12, with the learning rate {rate:.4g}"
    assert f"the training loss is nan {where}" in str(caught.value)
    assert "Try a learning_rate of 0.005, or more warmup_epochs than 0.5." in str(caught.value)
    if path.exists():  # the last good epoch stays
        assert all(torch.isfinite(value).all() for value in torch.load(path, weights_only=True)["model"].values())


def test_a_network_whose_first_outputs_are_no_numbers_has_not_diverged():
    first = (
        r"training loss is nan in epoch 1 at step 1 of 12, before anything was learned: .*Look at its starting weights"
    )
    with pytest.raises(TrainingDivergedError, match=first):
        run(Failing(1, lambda logits: logits * math.nan))


def test_divergence_is_found_at_the_right_step_of_a_long_epoch():
    """The losses are looked at every 25 steps; the step named is the first bad one all the same."""
    for at in (20, 25, 26, 28, 30, 57):
        with pytest.raises(TrainingDivergedError, match=f"in epoch {1 + (at > 30)} at step {at} of 120,"):
            run(Failing(at, lambda logits: logits * math.inf), dataclasses.replace(TINY, batch_size=4))


def test_real_divergence():
    with pytest.raises(TrainingDivergedError):
        run(small_network(), dataclasses.replace(TINY, learning_rate=1e30, warmup_epochs=0))


def test_divergence_in_the_very_last_step():
    """Good in training, infinite in the test."""
    model = small_network()
    model.register_forward_hook(lambda module, _, logits: logits * (1 if module.training else math.inf))
    with pytest.raises(TrainingDivergedError, match="the test loss is nan in epoch 1 at step 3 of 12"):
        run(model)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_out_of_memory_says_which_batch_to_try(error):
    def fail(logits):
        raise error

    sentence = r"batch_size=32 does not fit.*Try batch_size=16, half of it"
    with pytest.raises(BatchTooLargeError, match=sentence) as caught:
        run(Failing(2, fail))
    assert caught.value.__cause__ is error
    with pytest.raises(BatchTooLargeError, match=r"batch_size=5 does not fit.*Try batch_size=2"):
        evaluate(Failing(0, fail), TEST, device="cpu", batch_size=5)
    with pytest.raises(BatchTooLargeError, match=r"batch_size=1 does not fit.*Take a smaller network"):
        evaluate(Failing(0, fail), TEST, device="cpu", batch_size=1)


def test_other_errors_pass_unchanged():
    def fail(logits):
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match=r"^shapes cannot be multiplied$") as caught:
        run(Failing(1, fail))
    assert type(caught.value) is RuntimeError


class Several(NamedTuple):
    """As torchvision's networks with auxiliary classifiers give them."""

    logits: torch.Tensor
    aux_logits: torch.Tensor


@dataclasses.dataclass
class Held:
    loss: torch.Tensor | None
    logits: torch.Tensor


class ModelOutput(dict):
    """A dictionary whose entries are attributes, too."""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda y: {"out": y, "aux": y},
            r"of the kind dict with 'out', 'aux' .*\[\d+, 10\].*network\(images\)\['out'\]",
        ),
        (lambda y: {"scores": y}, r"of the kind dict with 'scores' .*network\(images\)\['scores'\]"),
        (lambda y: ModelOutput(loss=0, logits=y), r"of the kind ModelOutput .*network\(images\)\['logits'\]"),
        (lambda y: (y, y), r"a tuple of 2 instead of one tensor.*network\(images\)\[0\]"),
        (lambda y: [y], r"a list of 1 instead of one tensor.*network\(images\)\[0\]"),
        (lambda y: Several(y, y), r"of the kind Several with 'logits', 'aux_logits' .*network\(images\)\.logits"),
        (lambda y: Held(None, y), r"of the kind Held with 'loss', 'logits' .*network\(images\)\.logits"),
        (
            lambda y: None,
            r"output is None instead of one tensor: it must be \[\d+, 10\], one logit a class for each image\.$",
        ),
        (lambda y: 3.5, r"output is of the kind float instead of one tensor"),
        (lambda y: y[:, :7], r"shape \[\d+, 7\], but the set has 10 classes.*num_classes=10"),
        (lambda y: y[:, :, None, None], r"shape \[\d+, 10, 1, 1\], but .*must be \[\d+, 10\]"),
        (lambda y: y.sum(), r"shape \[\], but the set has 10 classes"),
        (lambda y: y.T, r"shape \[10, \d+\], but the set has 10 classes"),
        (lambda y: y[:1], r"shape \[1, 10\], but"),
        (lambda y: y.argmax(1, keepdim=True).expand(-1, 10), r"is of torch.int64: logits are floating-point"),
    ],
)
def test_what_is_no_logits_is_refused_in_training_and_test(change, sentence):
    for attempt in (
        lambda: run(Failing(1, change)),
        lambda: evaluate(Failing(0, change), TEST, device="cpu", image_size=16),
    ):
        with pytest.raises(ValueError, match=sentence) as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_networks_of_torchvision_with_auxiliary_outputs_are_refused():
    from torchvision.models import googlenet

    model = googlenet(num_classes=10, init_weights=False)
    with pytest.raises(
        ValueError, match=r"GoogLeNetOutputs with 'logits', .*network\(images\)\.logits; .*aux_logits=False"
    ):
        run(model, dataclasses.replace(ONE_EPOCH, image_size=64, batch_size=4, warmup_epochs=0))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_evaluate_refuses_outputs_that_are_no_numbers(value):
    model = small_network().train()
    nn.init.constant_(model[6].bias, value)
    with pytest.raises(ValueError, match=r"not numbers, infinite or too large: the loss of the 50 images is nan"):
        evaluate(model, TEST, device="cpu", image_size=16)
    assert model.training


def test_a_class_that_the_network_rules_out_is_no_mistake():
    """Minus infinity for a class that no image has: the logarithm of a chance of 0."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16**2, 11))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(model[1].bias[10:], -math.inf)
    assert evaluate(model, TEST, device="cpu", image_size=16)[0] == pytest.approx(math.log(10))


def test_a_network_that_cannot_learn_is_refused():
    with pytest.raises(ValueError, match="no gradient comes back from the network's output"):
        run(small_network().requires_grad_(False))
    with pytest.raises(ValueError, match="no gradient comes back from the network's output"):
        run(Failing(1, lambda logits: logits.detach()))


def test_sets_of_different_classes():
    other = dataclasses.replace(TEST, class_names=tuple("abcdefghij"))
    with pytest.raises(ValueError, match=r"different classes.*Load both splits of one data set"):
        run(small_network(), sets=(TRAIN, other))


def test_unknown_keyword_is_refused():
    with pytest.raises(TypeError):
        run(small_network(), epoch=3)


# --- What is shown and recorded --------------------------------------------------------------------------


def test_progress_goes_to_standard_output(capsys):
    run(small_network(), ONE_EPOCH, progress=True)
    shown = capsys.readouterr()
    assert "3/3" in shown.out and shown.err == ""
    run(small_network(), ONE_EPOCH)
    assert capsys.readouterr() == ("", "")


def test_an_epoch_prints_as_one_line(capsys):
    run(small_network(), dataclasses.replace(TINY, epochs=2), on_epoch=print)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert str(EpochRecord(3, 1.5, 0.25, 1.25, 0.5, 0.1, 2.0)) == (
        "epoch 3: loss 1.500 in training, 1.250 in the test; right 25.0% and 50.0%; 2.0 s"
    )


def test_result_can_be_recorded(tmp_path):
    result = run(small_network())
    record = result.to_record("mobilenet_v1", {"width_mult": 0.25})
    save_record(tmp_path / "run.json", record)
    loaded = load_record(tmp_path / "run.json")
    assert loaded == json.loads(json.dumps(record))
    assert loaded["model"] == "mobilenet_v1" and loaded["options"] == {"width_mult": 0.25}
    assert TrainConfig.from_dict(loaded["config"]) == TINY
    assert loaded["history"] == [dataclasses.asdict(epoch) for epoch in result.history]
    assert result.to_record()["model"] == "Sequential"
