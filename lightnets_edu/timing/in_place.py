"""How long does each operation take where it stands, in a forward pass of its network, and how long is it between two?

A layer that is timed alone finds its code and its data in the caches, and a prediction knows layers that are only
similar. Here every call below autograd is timed while the network runs. What is left of the pass lies between the
operations: Python calls the next module, PyTorch looks up what to run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from torch.utils._python_dispatch import TorchDispatchMode

from lightnets_edu.counting.trace import storage_of
from lightnets_edu.timing.clock import time_interleaved
from lightnets_edu.timing.operations import CONVOLUTIONS, Operation, tensors_in

PASSES = 15


class _Stopwatch(TorchDispatchMode):
    """Notes the name and the seconds of every call that makes a new tensor or changes one; views are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, float]] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        started = time.perf_counter()
        result = function(*args, **(kwargs or {}))
        seconds = time.perf_counter() - started
        name = function.overloadpacket.__name__
        given = {storage_of(tensor) for tensor in tensors_in((args, kwargs))}
        if name.endswith("_") or any(storage_of(tensor) not in given for tensor in tensors_in(result)):
            self.calls.append((name, seconds))
        return result


class PassInPlace:
    """A forward pass on a CPU that times its operations each time it is called.

    Args:
        step: Runs the pass, from ``forward_step``.
        ops: Its operations, from `operations`.
    """

    def __init__(self, step: Callable[[], object], ops: Sequence[Operation]) -> None:
        self.step, self.ops = step, ops
        self.rows: list[list[float]] = []

    def __call__(self) -> None:
        """Run the pass.

        Raises:
            ValueError: If it does not run these operations.
        """
        with _Stopwatch() as watch:
            self.step()
        self.rows.append(_matched(watch.calls, self.ops))

    @property
    def seconds(self) -> list[float]:
        """Of each operation, the median over the calls."""
        return np.median(self.rows, axis=0).tolist()


def seconds_in_place(
    step: Callable[[], object], ops: Sequence[Operation], *, passes: int = PASSES
) -> tuple[list[float], float]:
    """Time the operations of a forward pass on a CPU while it runs.

    Args:
        step: Runs the pass, from ``forward_step``.
        ops: Its operations, from `operations`.
        passes: Each number is the median over so many passes.

    Returns:
        The seconds of each operation, and those of the whole pass when no operation is timed, both by the wall's clock.

    Raises:
        ValueError: If the pass does not run these operations.
    """
    in_place = PassInPlace(step, ops)
    timings = time_interleaved({"whole": step, "in place": in_place}, repeats=passes, warmup=1)
    return in_place.seconds, timings["whole"].median


def _matched(calls: Sequence[tuple[str, float]], ops: Sequence[Operation]) -> list[float]:
    """The seconds of each operation, in order."""
    ran = ["conv" in name for name, _ in calls]
    if ran != [op.kind in CONVOLUTIONS for op in ops]:
        raise ValueError(
            f"the pass runs {len(ran)} operations, {sum(ran)} of them convolutions, and not the {len(ops)} that it is "
            "said to run"
        )
    return [seconds for _, seconds in calls]


def between_operations(step: Callable[[], object], ops: Sequence[Operation]) -> float:
    """Seconds between two operations of a forward pass on a CPU: what it takes beyond them, shared out evenly.

    Args:
        step: Runs the pass, from ``forward_step``.
        ops: Its operations, from `operations`.
    """
    inside, whole = seconds_in_place(step, ops)
    return max(0.0, whole - sum(inside)) / len(ops)
