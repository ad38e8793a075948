"""Two processes over gloo do what one does: same batches, same losses, one checkpoint."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from processes import start
from torch import nn

from lightnets_edu.cli import main
from lightnets_edu.training import Batches, CheckpointError, TrainConfig, make_shapes, seed_everything, train
from lightnets_edu.training.distributed import World, one_by_one, process_group

CONFIG = TrainConfig(epochs=3, batch_size=24, learning_rate=0.05, image_size=16, warmup_epochs=0.5, seed=7)
TRAIN, TEST = make_shapes(120, 0, image_size=14), make_shapes(49, 1, image_size=14, split="test")


def network(norm: bool) -> nn.Module:
    """Without batch norm, the mean of two halves' gradients is the whole's gradient."""
    seed_everything(5)
    middle = [nn.BatchNorm2d(8)] if norm else []
    head = nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 10)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *middle, nn.ReLU(), *head)


def outcome(norm: bool, checkpoint: Path | None = None, config: TrainConfig = CONFIG, **options) -> dict:
    model = network(norm)
    result = train(model, TRAIN, TEST, config, device="cpu", progress=False, checkpoint=checkpoint, **options)
    history = [{**dataclasses.asdict(epoch), "seconds": 0} for epoch in result.history]
    weights = {name: value.tolist() for name, value in model.state_dict().items()}
    return {"history": history, "weights": weights, "processes": result.environment["processes"]}


def joined(rank: int, size: int, folder: Path, work) -> None:
    """What torchrun and ``process_group`` do, with a file to meet at."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    try:
        (folder / f"{rank}.json").write_text(json.dumps(work(folder)))
    finally:
        dist.destroy_process_group()


def two(folder: Path, work) -> list:
    """The results of a function of the folder in two processes."""
    folder.mkdir()
    processes = [start(joined, folder / f"log{rank}", rank, 2, folder, work) for rank in range(2)]
    for process in processes:
        process.join(120)
    logs = "".join((folder / f"log{rank}").read_text() for rank in range(2))
    assert [process.exitcode for process in processes] == [0, 0], logs
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def without_norm(folder: Path) -> dict:
    return outcome(norm=False)


def with_norm(folder: Path) -> dict:
    return outcome(norm=True)


def in_two_parts(folder: Path) -> dict:
    """Stop after an epoch, and go on from the one checkpoint."""

    def stop(epoch):
        raise InterruptedError

    path = folder / "run.pt"
    with pytest.raises(InterruptedError):
        outcome(True, path, on_epoch=stop)
    dist.barrier()
    files = sorted(found.name for found in folder.glob("*.pt"))
    return {**outcome(True, path), "files": files}


def refused(folder: Path) -> dict:
    """A checkpoint that the first process alone reads, and a batch that cannot be shared."""
    sentences = []
    if World.current().is_first:
        (folder / "bad.pt").write_bytes(b"nonsense")
    for kind, config, path in (
        (CheckpointError, CONFIG, folder / "bad.pt"),
        (ValueError, dataclasses.replace(CONFIG, batch_size=25), None),
    ):
        try:
            outcome(False, path, config)
        except kind as error:
            sentences.append(str(error))
    return {"sentences": sentences, "loaded": one_by_one(lambda: World.current().rank)}


def test_same_loss_curve_as_one_process(tmp_path):
    """Sums of gradients are rounded in another order, so float32's 7 digits lose some over 15 steps."""
    alone = outcome(norm=False)
    shared = two(tmp_path / "two", without_norm)
    assert alone["processes"] == 1 and shared[0]["processes"] == 2
    assert shared[0]["history"] == shared[1]["history"]
    for one, both in zip(alone["history"], shared[0]["history"], strict=True):
        # An image between two classes may go either way by the last digit.
        for number in ("train_accuracy", "test_accuracy"):
            images = len(TEST) if number == "test_accuracy" else len(TRAIN)
            assert both.pop(number) == pytest.approx(one.pop(number), abs=1.01 / images)
        assert both == pytest.approx(one, rel=1e-4)
    for name, value in alone["weights"].items():
        torch.testing.assert_close(torch.tensor(shared[0]["weights"][name]), torch.tensor(value), rtol=1e-3, atol=1e-5)
        assert shared[0]["weights"][name] == shared[1]["weights"][name]


def test_batch_norm_sees_its_own_part(tmp_path):
    """Each process normalises by its half, so the curve differs from one process's; both test the same network."""
    first, second = two(tmp_path / "two", with_norm)
    assert first["history"] == second["history"] and first["weights"] == second["weights"]
    alone = outcome(norm=True)["history"]
    assert first["history"][0]["train_loss"] != pytest.approx(alone[0]["train_loss"], rel=1e-6)
    assert first["history"][0]["train_loss"] == pytest.approx(alone[0]["train_loss"], rel=0.1)


def test_an_interrupted_run_of_two_goes_on_from_one_checkpoint(tmp_path):
    whole = two(tmp_path / "whole", with_norm)[0]
    parts = two(tmp_path / "parts", in_two_parts)
    for part in parts:
        assert part["files"] == ["run.pt"]
        assert part["history"] == whole["history"]
        assert part["weights"] == whole["weights"]
    with pytest.raises(CheckpointError, match="number of processes was 2 there and is 1 here"):
        outcome(True, tmp_path / "parts" / "run.pt")


def test_all_processes_hear_what_is_wrong(tmp_path):
    for rank, heard in enumerate(two(tmp_path / "two", refused)):
        broken, uneven = heard["sentences"]
        assert "bad.pt cannot be read as a checkpoint" in broken
        assert "batch_size=25 cannot be shared evenly by 2 processes" in uneven
        assert heard["loaded"] == rank


def test_processes_share_the_augmented_batches_of_one():
    options = {"shuffle": True, "augment": True, "image_size": 16, "seed": 3}
    cpu = torch.device("cpu")
    whole = Batches(TRAIN, 24, cpu, **options).epoch(2)
    parts = [Batches(TRAIN, 24, cpu, part=(rank, 3), **options).epoch(2) for rank in range(3)]
    for (images, labels), *shares in zip(whole, *parts, strict=True):
        for rank, (own, own_labels) in enumerate(shares):
            assert torch.equal(own, images[rank::3]) and torch.equal(own_labels, labels[rank::3])
    rest = [Batches(TEST.first(4), 3, cpu, part=(rank, 3), image_size=16) for rank in range(3)]
    assert [sum(len(labels) for _, labels in part) for part in rest] == [2, 1, 1]


def test_alone_without_torchrun(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    with process_group("cpu") as device:
        assert device == torch.device("cpu") and World.current() == World(0, 1) and not dist.is_initialized()
    assert one_by_one(lambda: 7) == 7


COMMAND = """train squeezenet1_1 --set dropout=0 --data shapes --limit 32 --test-limit 15 --epochs 2
--recipe batch_size=16 --recipe learning_rate=0.01 --device cpu --json --out""".split()


def test_torchrun_writes_one_record_with_the_curve_of_one_process(tmp_path):
    """The command line as a user types it. SqueezeNet has no batch norm, and without dropout nothing is random."""
    folders = [tmp_path / "one", tmp_path / "two"]
    alone = start(main, tmp_path / "log", [*COMMAND, str(folders[0] / "run.json")])
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "lightnets_edu", *COMMAND, str(folders[1] / "run.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    alone.join(60)
    assert done.stderr.count("epoch 1:") == done.stderr.count("epoch 2:") == 1
    assert [[path.name for path in folder.iterdir()] for folder in folders] == [["run.json"], ["run.json"]]
    one, two = (json.loads((folder / "run.json").read_text()) for folder in folders)
    assert json.loads(done.stdout[done.stdout.index("{") :]) == two  # some versions of PyTorch print a line before
    assert (one["environment"]["processes"], two["environment"]["processes"]) == (1, 2)
    assert one["config"] == two["config"] and one["data"] == two["data"]
    for before, after in zip(one["history"], two["history"], strict=True):
        for loss in ("train_loss", "test_loss"):
            assert after[loss] == pytest.approx(before[loss], rel=1e-3)
