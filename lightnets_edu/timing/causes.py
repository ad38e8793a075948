"""Why does it take so long? A forward pass's time, by cause, with the constants of one recorded machine.

The seconds of each operation are taken apart, as they were measured in the network, or else as
`lightnets_edu.timing.predict` predicts them from microbenchmarks:

- **arithmetic**: its MACs at the machine's peak;
- **starting**: what an operation takes before it has computed anything, and the way from one to the next;
- **memory**: the bytes that take longer than the arithmetic, at the machine's bandwidth;
- for each class of convolution, for linear layers, and for all operations without MACs (batch norms, ReLUs, pools,
  sums, copies), what they take **beyond their roofline time**;
- on a GPU, **waiting** for Python to issue the work.

What the clock says of the whole pass beyond all these is **not explained**.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lightnets_edu.timing.operations import KINDS, MULTIPLYING, Operation
from lightnets_edu.timing.predict import predictor
from lightnets_edu.timing.profile import DeviceProfile

ARITHMETIC, STARTING, MEMORY, WITHOUT_MACS, WAITING = "arithmetic", "starting", "memory", "without_macs", "waiting"
CAUSES = (ARITHMETIC, STARTING, MEMORY, *MULTIPLYING, WITHOUT_MACS, WAITING)


@dataclass(frozen=True)
class MachineConstants:
    """What the book says of a machine, wherever it speaks of it.

    Attributes:
        peak: MACs a second of the fastest large convolution.
        bandwidth: Bytes a second that a large sum of two tensors reads and writes.
        start_alone: Seconds of an operation on eight numbers that is called again and again: all is in the caches.
        start: Seconds of the start of an operation in a network: `start_alone`, and what passes between two operations
            of a chain of layers (Python calls the next module, PyTorch looks up what to run).
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
    return MachineConstants(
        peak=profile.peak_macs,
        bandwidth=profile.bandwidth,
        start_alone=profile.overhead,
        start=profile.overhead + profile.between,
        reached=dict(profile.efficiency),
    )


def seconds_by_cause(
    ops: Sequence[Operation], profile: DeviceProfile, in_place: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The seconds of a forward pass, by cause.

    Args:
        ops: Its operations, from `operations`.
        profile: Of the machine.
        in_place: The seconds of all operations of each class, measured in the network as `seconds_in_place` does it;
            None predicts them.

    Returns:
        Each of ``CAUSES`` with its seconds. If they are predicted, they add up to those of ``predict`` from
        microbenchmarks. A class of layer that multiplies and is faster than its roofline time, because its data lie in
        a cache, has less than 0; operations without MACs have less for their memory.
    """
    constants = machine_constants(profile)
    found = dict.fromkeys(CAUSES, 0.0)
    if in_place is None:
        fitted = predictor("microbenchmarks", profile)
        predicted = fitted.seconds(ops)
        found[WAITING] = fitted.total(predicted) - float(predicted.sum())
        seconds = {kind: 0.0 for kind in KINDS}
        for op, taken in zip(ops, map(float, predicted), strict=True):
            seconds[op.kind] += taken
        inside = constants.start
    else:
        seconds, inside = dict(in_place), constants.start_alone
    found[STARTING] = constants.start * len(ops)
    for kind, taken in seconds.items():
        some = [op for op in ops if op.kind == kind]
        after = taken - inside * len(some)  # what is left of them after their starts
        if kind not in MULTIPLYING:
            moved = min(after, sum(map(profile.bytes, some)) / constants.bandwidth)
            found[MEMORY] += moved
            found[WITHOUT_MACS] += after - moved
            continue
        arithmetic = [op.macs / constants.peak for op in some]
        memory = sum(
            max(0.0, profile.bytes(op) / constants.bandwidth - least)
            for op, least in zip(some, arithmetic, strict=True)
        )
        found[ARITHMETIC] += sum(arithmetic)
        found[MEMORY] += memory
        found[kind] = after - sum(arithmetic) - memory
    return found
