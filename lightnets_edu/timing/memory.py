"""How much memory does it take? The peak of what one call allocates."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lightnets_edu.counting.trace import storage_of
from lightnets_edu.runtime.environment import resolve_device
from lightnets_edu.timing.operations import tensors_in


@dataclass(frozen=True)
class MemoryUse:
    """What one call took beyond what was there before it.

    Attributes:
        peak_bytes: The most at any one time during the call.
        kept_bytes: What is still there when the call has returned and its result is held. After a forward
            pass for training, these are the activations saved for the backward pass, and the output.
        counter: What counted: ``tensors``, or ``allocator`` on CUDA; see ``measure_memory``.
    """

    peak_bytes: int
    kept_bytes: int
    counter: str


def measure_memory(function: Callable[[], object], device: str | torch.device = "cpu") -> MemoryUse:
    """Measure the memory of one call.

    On the CPU and on Apple's GPU this adds up the storages of all tensors that PyTorch's operations create, from the
    operation that returns a tensor until the moment its storage is freed. It sees every operation, those of the
    backward pass and those below autograd included, counts a storage once however many views it has, and gives the same
    number on every machine. It does not see what an operation allocates and frees inside itself: copies in another
    memory layout, workspaces. Compiled functions hide their operations from it.

    On CUDA this asks PyTorch's allocator, which does see workspaces, and rounds every block up to 512 bytes.

    The process's resident memory (what the system shows) would be a third way. It is not offered: it counts pages, not
    tensors, and a C library that keeps freed memory for reuse makes it depend on what ran before.

    Args:
        function: What to measure. Call it once before, if its first call makes things that later ones do not.
        device: Where its tensors live; tensors elsewhere are not counted.

    Returns:
        Peak and kept bytes, beyond what was there before.

    Raises:
        ValueError: If the device is unknown.
    """
    device = resolve_device(device)
    if device.type == "cuda":
        return _ask_cuda(function, device)
    with _TensorCounter(device.type) as tensors:
        result = function()
        kept = tensors.live
        del result
    return MemoryUse(tensors.peak, kept, "tensors")


def _ask_cuda(function: Callable[[], object], device: torch.device) -> MemoryUse:
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    result = function()
    torch.cuda.synchronize(device)
    kept = torch.cuda.memory_allocated(device) - before
    del result
    return MemoryUse(torch.cuda.max_memory_allocated(device) - before, kept, "allocator")


class _TensorCounter(TorchDispatchMode):
    """Adds a storage when an operation returns it, and subtracts it when it is freed."""

    def __init__(self, device_type: str) -> None:
        super().__init__()
        self.device_type = device_type
        self.live = 0
        self.peak = 0
        self._watched: dict[int, weakref.finalize] = {}  # address of a storage's C++ object -> what runs at its end

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        """Run one operation and count the storages it made."""
        kwargs = kwargs or {}
        # A view or an in-place result shares its input's storage: it is not new, even if it was made before
        # the call.
        given = {storage_of(tensor) for tensor in tensors_in((args, kwargs))}
        result = function(*args, **kwargs)
        for tensor in tensors_in(result):
            storage = tensor.untyped_storage()
            if tensor.device.type == self.device_type and storage._cdata not in given:
                self._watch(storage)
        self.peak = max(self.peak, self.live)
        return result

    def __exit__(self, *details: object) -> None:
        """Stop counting."""
        super().__exit__(*details)
        for finalizer in self._watched.values():
            finalizer.detach()
        self._watched.clear()

    def _watch(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._watched:  # an operation may return two views of one new storage
            return
        self.live += size
        # The Python object of a storage lives as long as its C++ object, also while only autograd holds the
        # tensor.
        self._watched[key] = weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self.live -= size
        del self._watched[key]
