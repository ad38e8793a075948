"""What is in a checkpoint: a network's bytes on disk, and the state from which a run goes on."""

from __future__ import annotations

import os
import pickle
import random
import re
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lightnets_edu.runtime.files import atomic_file

FORMAT = "lightnets_edu training checkpoint 2"


class CheckpointError(ValueError):
    """A checkpoint cannot be read, or belongs to another run."""


# --- Bytes of a network -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CheckpointBytes:
    """The size of a network's checkpoint, in bytes.

    Attributes:
        parameter_bytes: Parameters: 4 bytes each in float32.
        buffer_bytes: Buffers: a BN layer has 2 float32 for each channel (running mean and variance), and an int64
            counter.
        tensors: Number of tensors, parameters and buffers.
        file_bytes: The file that ``torch.save(model.state_dict(), path)`` writes.
    """

    parameter_bytes: int
    buffer_bytes: int
    tensors: int
    file_bytes: int

    @property
    def tensor_bytes(self) -> int:
        """Parameters and buffers together."""
        return self.parameter_bytes + self.buffer_bytes

    @property
    def overhead_bytes(self) -> int:
        """What the file holds beside the tensors' bytes.

        The file is an uncompressed zip archive with an entry for each tensor. To an entry belong two headers and
        padding (a tensor's bytes begin at a multiple of 64), and a pickle holds every tensor's name, type and
        shape: some hundreds of bytes for each tensor, which do not grow with it.
        """
        return self.file_bytes - self.tensor_bytes


def checkpoint_bytes(model: nn.Module) -> CheckpointBytes:
    """Measure the checkpoint of a network: its tensors, and the file that holds them.

    A tensor that appears under two names (tied weights) is counted once, as it is saved once.

    Args:
        model: Any network; it is not changed.

    Returns:
        The sizes in bytes.
    """
    state = model.state_dict()
    parameters = {parameter.data_ptr() for parameter in model.parameters()}
    unique = {
        (value.data_ptr(), value.shape, name if value.numel() == 0 else ""): value for name, value in state.items()
    }
    sizes = [(value.numel() * value.element_size(), value.data_ptr() in parameters) for value in unique.values()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.pt")
        torch.save(state, path)
        file_bytes = path.stat().st_size
    return CheckpointBytes(
        parameter_bytes=sum(size for size, is_parameter in sizes if is_parameter),
        buffer_bytes=sum(size for size, is_parameter in sizes if not is_parameter),
        tensors=len(unique),
        file_bytes=file_bytes,
    )


# --- Random numbers -----------------------------------------------------------------------------------------


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators (PyTorch's on every device).

    Call it before you build a network if its first weights are to be the same each time.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


# --- State of a run -----------------------------------------------------------------------------------------


def describe_model(model: nn.Module) -> dict[str, str]:
    """What must be equal for a checkpoint to fit: layers with their settings, and every tensor's shape."""
    layers = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(model))  # addresses differ from process to process
    described = {"model class": type(model).__name__}
    for name, value in model.state_dict().items():
        described[f"shape of the model's {name}"] = str(list(value.shape))
    described["model layers (checksum of its printed form)"] = f"{zlib.crc32(layers.encode()):08x}"
    return described


def save_checkpoint(path: str | os.PathLike, state: dict[str, Any]) -> None:
    """Write the state of a run; a failure on the way leaves the older checkpoint as it was.

    Raises:
        OSError: If the file cannot be written.
    """
    with atomic_file(path) as handle:
        try:
            torch.save({"format": FORMAT, **state}, handle)
        except RuntimeError as error:  # what torch makes of a full disk
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise


def load_checkpoint(path: str | os.PathLike, identity: dict[str, Any]) -> dict[str, Any]:
    """Read the state of a run and check that it belongs to this run.

    Only plain data and tensors are read (``weights_only=True``): a checkpoint from a stranger cannot run
    code.

    Args:
        path: The file.
        identity: What describes this run, name to value; the checkpoint's must be equal.

    Returns:
        What ``save_checkpoint`` was given.

    Raises:
        CheckpointError: If the file is no checkpoint of ours, or its identity differs; the sentence names the
            field.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint "
            f"({str(error).splitlines()[0] if str(error) else error!r}). Delete it to train from the start, "
            "or name another file."
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is no checkpoint of a training run ({FORMAT!r}): it may hold weights only. Name another file."
        )
    saved = state["identity"]
    for field in {**identity, **saved}:
        if field not in saved or field not in identity or saved[field] != identity[field]:
            raise CheckpointError(
                f"{path} belongs to another run: {field} was {saved.get(field, 'absent')!r} there and is "
                f"{identity.get(field, 'absent')!r} here. A run goes on only with the settings it began "
                "with. Name another checkpoint file, or delete this one to train from the start."
            )
    return state
