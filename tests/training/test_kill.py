"""``train`` killed with SIGKILL, ten times at random points, ends as if nothing had happened."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import torch
from processes import start

from lightnets_edu.cli import main

EPOCHS = 18
COMMAND = f"""train mobilenet_v1 --set width_mult=0.1 --set dropout=0.2 --recipe batch_size=16 --data shapes
--limit 48 --test-limit 16 --epochs {EPOCHS} --device cpu --json --out""".split()


def train(out: Path) -> None:
    if main([*COMMAND, str(out)]):
        raise SystemExit(1)


def announced(log: Path) -> int:
    """The last epoch that the log calls finished."""
    lines = log.read_text().splitlines() if log.exists() else []
    return max((int(line.split()[1].rstrip(":")) for line in lines if line.startswith("epoch ")), default=0)


def saved(checkpoint: Path) -> int:
    """Epochs in the checkpoint, which must be whole."""
    return len(torch.load(checkpoint, weights_only=True)["history"]) if checkpoint.exists() else 0


def without_time(path: Path) -> dict:
    """A record but for its seconds, its date and the clean commit (others may edit the checkout meanwhile)."""
    record = json.loads(path.read_text())
    del record["training_seconds"]
    for name in ("date", "commit", "commit_is_clean"):
        del record["environment"][name]
    for epoch in record["history"]:
        del epoch["seconds"]
    return record


def test_ten_kills_lose_at_most_the_epoch_in_progress(tmp_path):
    whole, out, log = tmp_path / "whole.json", tmp_path / "runs" / "run.json", tmp_path / "log"
    undisturbed = start(train, tmp_path / "whole.log", whole)
    undisturbed.join(120)
    assert undisturbed.exitcode == 0, (tmp_path / "whole.log").read_text()

    chance = random.Random(0)
    seconds = json.loads(whole.read_text())["training_seconds"] / EPOCHS
    checkpoint = Path(f"{out}.checkpoint")
    for kill in range(10):
        before = announced(log)
        target, process = before + chance.randrange(2), start(train, log, out)
        while process.is_alive() and announced(log) < target:
            time.sleep(0.01)
        if kill in (4, 8):  # while a checkpoint is being written, if it can be caught
            while process.is_alive() and not list(out.parent.glob(".*.tmp")) and announced(log) < target + 2:
                time.sleep(0.002)
        else:
            time.sleep(chance.uniform(0, seconds))
        assert process.is_alive(), log.read_text()
        process.kill()
        process.join(30)
        assert process.exitcode == -9
        assert announced(log) <= saved(checkpoint) <= announced(log) + 1
        assert not out.exists()

    last = start(train, log, out)
    last.join(120)
    assert last.exitcode == 0, log.read_text()
    assert without_time(out) == without_time(whole)
    assert [path.name for path in out.parent.iterdir()] == ["run.json"]
    # No epoch that was announced was trained again.
    epochs = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("epoch ")]
    assert epochs == sorted(set(epochs), key=lambda text: int(text.rstrip(":")))
