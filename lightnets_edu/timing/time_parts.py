"""Where does a measured time go? The measured times of ShuffleNetV2's guidelines, taken apart.

Four parts, which add up to the measured time of a forward pass. The first three are those of
`lightnets_edu.timing.causes`: arithmetic at the machine's peak, starts, and memory. The **rest** is convolutions that
run below their roof, and whatever else an operation's code does. It is less than nothing where maps stay in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lightnets_edu.timing.causes import ARITHMETIC, MEMORY, STARTING, seconds_by_cause
from lightnets_edu.timing.guideline_experiments import guideline_input, guideline_networks
from lightnets_edu.timing.operations import Operation, operations
from lightnets_edu.timing.profile import DeviceProfile

PARTS = ("arithmetic", "starts", "memory", "rest")


@dataclass(frozen=True)
class TimeParts:
    """A measured time with its parts, in seconds.

    Attributes:
        name: Of what was measured.
        operations: How many are started.
        bytes: That they read and write.
        seconds: Measured.
        arithmetic: At the machine's peak.
        starts: Of all operations.
        memory: What the bytes take beyond the arithmetic, and operations without MACs beyond their start.
    """

    name: str
    operations: int
    bytes: int
    seconds: float
    arithmetic: float
    starts: float
    memory: float

    @property
    def rest(self) -> float:
        """Seconds that the other three parts do not explain."""
        return self.seconds - self.arithmetic - self.starts - self.memory

    @property
    def of_peak(self) -> float:
        """The part of the peak that is reached in the time that is neither starts nor memory; at most all of it."""
        return self.arithmetic / (self.arithmetic + max(0.0, self.rest))

    def beyond(self, other: TimeParts) -> dict[str, float]:
        """How many seconds more than another one this one takes, for each of ``PARTS``."""
        return {part: getattr(self, part) - getattr(other, part) for part in PARTS}


def time_parts(name: str, ops: Sequence[Operation], seconds: float, profile: DeviceProfile) -> TimeParts:
    """Take a measured time apart.

    Args:
        name: Of what was measured.
        ops: The operations that ran, from `operations`.
        seconds: Their measured time.
        profile: Of the machine that ran them.
    """
    causes = seconds_by_cause(ops, profile)
    return TimeParts(
        name=name,
        operations=len(ops),
        bytes=sum(profile.bytes(operation) for operation in ops),
        seconds=seconds,
        arithmetic=causes[ARITHMETIC],
        starts=causes[STARTING],
        memory=causes[MEMORY],
    )


def guideline_causes(record: Mapping[str, Any], profile: DeviceProfile) -> dict[str, list[TimeParts]]:
    """Take the recorded times of ShuffleNetV2's guidelines apart: guideline to its variants, in the record's order.

    Args:
        record: Of the guidelines, from ``record_guidelines``.
        profile: Of the same machine with the same settings.

    Raises:
        ValueError: If the profile says nothing about the record's machine or settings.
    """
    settings, where = record["settings"], record["environment"]
    on_cpu = where["device"] == "cpu"
    profile.require(
        device=where["device"],
        gpu=None if on_cpu else where["device_name"],
        threads=where["threads"],
        amp=settings["amp"],
        channels_last=settings["channels_last"],
        keeps_memory=settings["keeps_memory"] if on_cpu else None,
    )
    found: dict[str, list[TimeParts]] = {}
    for row in record["rows"]:
        network = guideline_networks(row["guideline"])[row["variant"]]
        ops = operations(network, guideline_input(network, settings["batch_size"]))
        seconds = settings["batch_size"] / row["images_per_second"]
        found.setdefault(row["guideline"], []).append(time_parts(row["variant"], ops, seconds, profile))
    return found
