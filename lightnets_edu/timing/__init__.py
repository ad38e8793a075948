"""How long does it take, and how much memory? Clocks and counters for real runs."""

from lightnets_edu.timing.clock import (
    Timing,
    forward_step,
    measure,
    paired_ratio,
    time_forward,
    time_interleaved,
    time_training_step,
    timing_record,
    training_step,
)
from lightnets_edu.timing.memory import MemoryUse, measure_memory, peak_memory

__all__ = [
    "MemoryUse",
    "Timing",
    "forward_step",
    "measure",
    "measure_memory",
    "paired_ratio",
    "peak_memory",
    "time_forward",
    "time_interleaved",
    "time_training_step",
    "timing_record",
    "training_step",
]
