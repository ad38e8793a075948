"""Several processes that train one network, as ``torchrun`` starts them: PyTorch's DistributedDataParallel, no more.

Each process has its own copy of the network and its part of every batch; gradients are averaged after each step's
backward pass, so all copies stay equal. Process 0 writes checkpoints and records.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lightnets_edu.runtime.environment import resolve_device

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """Which process this is, of how many."""

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> World:
        """This process's place in PyTorch's process group; alone if there is none."""
        if not dist.is_available() or not dist.is_initialized():
            return cls()
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def sum(self, values: Tensor, device: torch.device) -> Tensor:
        """The sum over all processes, element by element, on the CPU.

        Args:
            values: Anywhere; not changed.
            device: Through which the processes talk.
        """
        if self.size == 1:
            return values.cpu()
        values = values.to(device, copy=True)
        dist.all_reduce(values)
        return values.cpu()

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """A network whose gradients are averaged over all processes; the network itself if there is one."""
        if self.size == 1:
            return model
        devices = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=devices)

    def share_buffers(self, model: nn.Module) -> None:
        """Give all processes the first one's buffers: each has its own running statistics of batch norm."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first process makes, in all; if it fails, all of them raise its error."""
        if self.size == 1:
            return make()
        made: list[Any] = [None, None]
        if self.is_first:
            try:
                made[0] = make()
            except Exception as error:
                made[1] = error
        dist.broadcast_object_list(made, 0)
        if made[1] is not None:
            raise made[1]
        return made[0]


def launched() -> tuple[int, int]:
    """This process's number among those that ``torchrun`` started, and how many they are; (0, 1) without it."""
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


@contextmanager
def process_group(device: str | torch.device = "auto") -> Iterator[torch.device]:
    """Join the processes that ``torchrun`` started; without it, do nothing.

    On CUDA they talk through NCCL and each takes the GPU of its number on its machine; on a CPU through gloo.

    Args:
        device: As for ``resolve_device``.

    Yields:
        The device to use.

    Raises:
        ValueError: If there is no such device here.
    """
    device = resolve_device(device)
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        yield device
        return
    if device.type == "cuda":
        device = resolve_device(f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def one_by_one(load: Callable[[], T]) -> T:
    """Load files in the first process of each machine, then in its others: what must be fetched is fetched once."""
    if World.current().size == 1:
        return load()
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    if not first:
        dist.barrier()
    loaded = load()
    if first:
        dist.barrier()
    return loaded
