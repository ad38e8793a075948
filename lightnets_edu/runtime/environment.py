"""On what did it run? The device, the number format and the versions that a recorded result names."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lightnets_edu.checks import one_of, whole_number

AMP_CHOICES = ("auto", "off", "bfloat16", "float16")


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Turn a name into a device that is there.

    Args:
        device: ``"auto"`` (an NVIDIA or AMD GPU if there is one, else Apple's GPU, else the CPU), ``"cpu"``,
            ``"cuda"``, ``"cuda:1"``, ``"mps"``, or a ``torch.device``.

    Returns:
        The device, with an index if it is a CUDA one.

    Raises:
        ValueError: If the name is unknown or this machine has no such device.
    """
    if isinstance(device, str) and device == "auto":
        there = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()), ("cpu", True)]
        device = next(name for name, is_there in there if is_there)
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError, ValueError):
        found = None
    if found is None or found.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device={str(device)!r} is unknown: choose 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'.")
    if found.type == "cuda":
        return _resolve_cuda(found)
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(
            "device='mps' is not there: PyTorch finds no Apple GPU on this machine. "
            "Use device='auto', which takes what there is, or device='cpu'."
        )
    return found


def _resolve_cuda(device: torch.device) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        raise ValueError(
            f"device='{device}' is not there: PyTorch finds no CUDA GPU on this machine (torch "
            f"{torch.__version__}; a build that ends in +cpu never finds one). Use device='auto', which "
            "takes what there is, or 'cpu'."
        )
    index = torch.cuda.current_device() if device.index is None else device.index
    if index >= count:
        raise ValueError(f"device='{device}' is not there: this machine's GPUs are cuda:0 … cuda:{count - 1}.")
    return torch.device("cuda", index)


def resolve_amp(amp: str, device: torch.device) -> str:
    """Decide the number format of automatic mixed precision (Micikevicius et al. 2018, arXiv:1710.03740).

    Args:
        amp: ``"auto"`` (bfloat16 on a CUDA GPU that computes in it natively, off elsewhere), ``"off"``,
            ``"bfloat16"`` or ``"float16"``.
        device: A device from ``resolve_device``.

    Returns:
        ``"off"``, ``"bfloat16"`` or ``"float16"``.

    Raises:
        ValueError: If the choice is unknown, or float16 is asked for without a CUDA GPU.
    """
    one_of("amp", amp, AMP_CHOICES)
    if amp == "auto":
        native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if native else "off"
    if amp == "float16" and device.type != "cuda":
        raise ValueError(
            f"amp='float16' is not offered on {device.type}: float16 gradients underflow without loss "
            "scaling, which is used here on CUDA only. Choose 'bfloat16', which has float32's range, or "
            "'off'."
        )
    return amp


def autocast(device: torch.device, amp: str) -> AbstractContextManager:
    """The autocast context of a format from ``resolve_amp``."""
    dtype = torch.float16 if amp == "float16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=amp != "off")


def compiled(model: nn.Module, mode: str | None = None, backend: str | Callable = "inductor") -> Any:
    """The network through ``torch.compile``, compiled anew whatever was compiled before.

    PyTorch compiles the code of a class for a few networks only, and runs further ones eagerly without a word.

    Args:
        model: The network.
        mode: What to optimise for, as ``torch.compile`` takes it.
        backend: What compiles the graphs, as ``torch.compile`` takes it.
    """
    torch.compiler.reset()
    return torch.compile(model, mode=mode, backend=backend)


def is_out_of_memory(error: Exception) -> bool:
    """Decide whether an error says that a device's memory does not suffice."""
    # CUDA's allocator raises OutOfMemoryError; others, and NVIDIA's libraries, a RuntimeError with one of these texts.
    texts = ("out of memory", "allocate memory", "not enough memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in texts)


def float32_convolutions(device: torch.device) -> str:
    """Decide how a CUDA device multiplies in convolutions of float32 tensors.

    NVIDIA's GPUs since Ampere (compute capability 8.0) have TF32: inputs keep ten bits of their fraction, and sums stay
    float32. It is several times as fast, and PyTorch uses it for convolutions, though not for linear layers, unless it
    is told otherwise (PyTorch's notes "CUDA semantics", section "TensorFloat-32").

    Returns:
        ``"tf32"`` or ``"float32"``.
    """
    nvidia = torch.version.cuda is not None  # None in PyTorch's builds for AMD, whose device type is cuda, too
    has_tf32 = nvidia and torch.cuda.get_device_capability(device) >= (8, 0)
    precision = torch.backends.cudnn.conv.fp32_precision  # type: ignore[attr-defined]  # made while torch is imported
    return "tf32" if has_tf32 and precision == "tf32" else "float32"


@contextmanager
def cpu_threads(count: int | None) -> Iterator[int]:
    """Let one PyTorch operation on the CPU use so many threads, until the block ends.

    Args:
        count: The number of threads. None leaves it as it is.

    Yields:
        The number that holds in the block.

    Raises:
        ValueError: If ``count`` is not a whole number of at least 1.
    """
    before = torch.get_num_threads()
    threads = before if count is None else whole_number("threads", count, 1)
    torch.set_num_threads(threads)
    try:
        yield threads
    finally:
        torch.set_num_threads(before)


def describe_environment(device: str | torch.device = "auto") -> dict[str, Any]:
    """Describe where a number was measured, as a dictionary that JSON can hold.

    It names the hardware and the versions, and nothing that identifies a person or a machine (no host name,
    no path).

    Args:
        device: The device used, as for ``resolve_device``.

    Returns:
        ``device`` (cpu, cuda or mps), ``device_name``, ``device_memory_bytes`` (CUDA only, else None),
        ``cuda`` (version, else None), ``float32_convolutions`` (on CUDA ``tf32`` or ``float32``, see
        ``float32_convolutions``; else None), ``cpu``, ``threads`` (of one PyTorch operation), ``cores`` (logical),
        ``platform``, ``python``, ``torch``, ``torchvision`` (None if absent), ``package``, ``date`` (UTC, ISO
        8601), ``commit`` and ``commit_is_clean`` (None unless the package lies in a git checkout).

    Raises:
        ValueError: See ``resolve_device``.
    """
    from lightnets_edu._version import __version__

    device = resolve_device(device)
    cuda = device.type == "cuda"
    commit, clean = _git_commit()
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if cuda else _cpu_model(),
        "device_memory_bytes": torch.cuda.get_device_properties(device).total_memory if cuda else None,
        "cuda": torch.version.cuda if cuda else None,
        "float32_convolutions": float32_convolutions(device) if cuda else None,
        "cpu": _cpu_model(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": _version_of("torchvision"),
        "package": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "commit_is_clean": clean,
    }


def _version_of(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    """The processor's name as its maker writes it, or its architecture where the system does not say."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    if platform.system() == "Darwin":
        name = _answer("sysctl", "-n", "machdep.cpu.brand_string")
        if name:
            return name
    return platform.processor() or platform.machine() or "unknown"


def _git_commit() -> tuple[str | None, bool | None]:
    """The commit of the checkout that tracks this package, and whether the package is unchanged since."""
    package = Path(__file__).resolve().parents[1]
    git = ("git", "-C", str(package))
    # An installed copy may lie inside somebody's unrelated checkout (a virtual environment in a project
    # folder): only a repository that tracks this very file may name the commit.
    if _answer(*git, "ls-files", "--error-unmatch", str(Path(__file__).resolve())) is None:
        return None, None
    commit = _answer(*git, "rev-parse", "HEAD")
    changes = _answer(*git, "status", "--porcelain", "--", str(package))
    return commit, None if commit is None or changes is None else changes == ""


def _answer(*command: str) -> str | None:
    """What a command prints, or None if it is missing, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
