"""Why does it take so long? A forward pass's time, by cause, with the constants of one recorded machine.

The prediction of `lightnets_edu.timing.predict` from microbenchmarks is taken apart, operation by operation:

- **arithmetic**: its MACs at the machine's peak;
- **starting**: what each operation takes in a network before it has computed anything;
- **memory**: the bytes that take longer than the arithmetic, at the machine's bandwidth, and all that operations
  without MACs (batch norms, ReLUs, sums, copies) take after their start;
- for each class of convolution, and for linear layers, what they take **beyond their roofline time**;
- on a GPU, **waiting** for Python to issue the work.

So the causes of a pass add up to its prediction, and what the clock says beyond that is **not explained**.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightnets_edu.timing.operations import MULTIPLYING, Operation
from lightnets_edu.timing.predict import Microbenchmarks, predictor
from lightnets_edu.timing.profile import DeviceProfile

ARITHMETIC, STARTING, MEMORY, WAITING = "arithmetic", "starting", "memory", "waiting"
CAUSES = (ARITHMETIC, STARTING, MEMORY, *MULTIPLYING, WAITING)


@dataclass(frozen=True)
class MachineConstants:
    """What the book says of a machine, wherever it speaks of it.

    Attributes:
        peak: MACs a second of the fastest large convolution.
        bandwidth: Bytes a second that a large sum of two tensors reads and writes.
        start_alone: Seconds of an operation on eight numbers that is called again and again: all is in the caches.
        start: Seconds of the start of an operation in a network: `start_alone`, and what chains of layers take for each
            operation beyond the layers alone (calling the module, making the map, finding code and data again).
        reached: For each class of operation, the median part of the peak (if it multiplies) or of the bandwidth that
            single layers reached.
    """

    peak: float
    bandwidth: float
    start_alone: float
    start: float
    reached: dict[str, float]


def machine_constants(profile: DeviceProfile) -> MachineConstants:
    """The constants of the machine that a profile was measured on."""
    inside = _microbenchmarks(profile).calibration.per_operation
    return MachineConstants(
        profile.peak_macs, profile.bandwidth, profile.overhead, profile.overhead + inside, dict(profile.efficiency)
    )


def seconds_by_cause(ops: Sequence[Operation], profile: DeviceProfile) -> dict[str, float]:
    """The predicted seconds of a forward pass, by cause.

    Args:
        ops: Its operations, from `operations`.
        profile: Of the machine.

    Returns:
        Each of ``CAUSES`` with its seconds; together they are those of ``predict`` from microbenchmarks. A class of
        layer that is faster than its roofline time, because its data lie in a cache, has less than 0.
    """
    constants = machine_constants(profile)
    fitted = _microbenchmarks(profile)
    predicted = fitted.seconds(ops)
    found = dict.fromkeys(CAUSES, 0.0)
    for op, seconds in zip(ops, map(float, predicted), strict=True):
        start = min(constants.start, seconds)
        found[STARTING] += start
        if op.kind not in MULTIPLYING:
            found[MEMORY] += seconds - start
            continue
        arithmetic = op.macs / constants.peak
        memory = max(0.0, profile.bytes(op) / constants.bandwidth - arithmetic)
        found[ARITHMETIC] += arithmetic
        found[MEMORY] += memory
        found[op.kind] += seconds - start - arithmetic - memory
    found[WAITING] = fitted.total(predicted) - float(predicted.sum())
    return found


def _microbenchmarks(profile: DeviceProfile) -> Microbenchmarks:
    fitted = predictor("microbenchmarks", profile)
    assert isinstance(fitted, Microbenchmarks)
    return fitted
