"""Bytes of a checkpoint."""

from __future__ import annotations

import zipfile

import torch
from torch import nn

from lightnets_edu.training import checkpoint_bytes


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Linear(8, 10))


def test_bytes_by_hand():
    size = checkpoint_bytes(network())
    assert size.parameter_bytes == 4 * (3 * 8 * 9 + 2 * 8 + 8 * 10 + 10)
    assert size.buffer_bytes == 4 * 2 * 8 + 8  # running mean and variance, and an int64 counter
    assert size.tensor_bytes == size.parameter_bytes + size.buffer_bytes
    assert size.tensors == 1 + 5 + 2
    assert size.overhead_bytes == size.file_bytes - size.tensor_bytes > 0


def test_file_holds_exactly_these_bytes(tmp_path):
    """Read the file as the zip archive that it is, without torch."""
    torch.save(network().state_dict(), tmp_path / "checkpoint.pt")
    size = checkpoint_bytes(network())
    assert size.file_bytes == (tmp_path / "checkpoint.pt").stat().st_size
    with zipfile.ZipFile(tmp_path / "checkpoint.pt") as archive:
        entries = [entry for entry in archive.infolist() if "/data/" in entry.filename]
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    assert sum(entry.file_size for entry in entries) == size.tensor_bytes
    assert len(entries) == size.tensors


def test_half_precision_and_overhead():
    wide, narrow = nn.Linear(1000, 1000), nn.Linear(1000, 1000).half()
    assert checkpoint_bytes(narrow).parameter_bytes * 2 == checkpoint_bytes(wide).parameter_bytes == 4 * 1_001_000
    # The overhead belongs to the tensors' number, not to their size.
    assert abs(checkpoint_bytes(wide).overhead_bytes - checkpoint_bytes(nn.Linear(10, 10)).overhead_bytes) < 200


def test_tied_weights_are_counted_once():
    model = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False))
    model[1].weight = model[0].weight
    size = checkpoint_bytes(model)
    assert (size.tensor_bytes, size.tensors) == (4 * 36, 1)
