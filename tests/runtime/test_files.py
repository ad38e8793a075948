"""Files are the old one or the new one, never half of one, whoever writes them and whatever breaks off."""

from __future__ import annotations

import fcntl
import os

import pytest

from lightnets_edu.recording import network_record
from lightnets_edu.records import save_record
from lightnets_edu.runtime.files import atomic_file, locked_folder
from lightnets_edu.training import TrainConfig
from lightnets_edu.training.checkpoints import save_checkpoint


def write_bytes(path, seed: int) -> None:
    with atomic_file(path) as handle:
        handle.write(bytes([seed]) * 9)


def write_record(path, seed: int) -> None:
    save_record(path, network_record("squeezenet1_1", {}, TrainConfig(seed=seed), device="cpu"))


def write_checkpoint(path, seed: int) -> None:
    save_checkpoint(path, {"epoch": seed})


@pytest.mark.parametrize("write", [write_bytes, write_record, write_checkpoint])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt("stopped")])
def test_failure_in_the_middle_leaves_the_old_file(tmp_path, monkeypatch, write, error):
    path = tmp_path / "new" / "file"
    write(path, 1)
    before = path.read_bytes()

    def fail(handle):
        raise error

    with monkeypatch.context() as patched, pytest.raises(type(error), match=str(error)):
        patched.setattr(os, "fsync", fail)
        write(path, 2)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["file"]
    write(path, 2)
    assert path.read_bytes() != before


def test_one_process_at_a_time_has_a_folders_lock(tmp_path):
    other = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(RuntimeError, match="broke off"), locked_folder(tmp_path):
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            raise RuntimeError("broke off")
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(other)
    assert not list(tmp_path.iterdir())
