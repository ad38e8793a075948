"""How long does it take, and how much memory? Clocks and counters for real runs, and predictions beside them."""

from lightnets_edu.timing.allocator import keep_memory
from lightnets_edu.timing.causes import CAUSES, MachineConstants, machine_constants, seconds_by_cause
from lightnets_edu.timing.clock import Timing, forward_step, measure, paired_ratio, time_interleaved, training_step
from lightnets_edu.timing.evaluation import (
    DEVELOPMENT_NETWORKS,
    EVALUATION_BATCH_SIZES,
    EVALUATION_NETWORKS,
    error_table,
    left_out_error,
)
from lightnets_edu.timing.guideline_experiments import GuidelineRow, guideline_networks, measure_guidelines
from lightnets_edu.timing.in_place import seconds_in_place
from lightnets_edu.timing.memory import MemoryUse, measure_memory
from lightnets_edu.timing.microbenchmarks import Bench
from lightnets_edu.timing.operations import Operation, operations
from lightnets_edu.timing.predict import RUNGS, LayerSeconds, Prediction, predict, predict_operations
from lightnets_edu.timing.profile import DeviceProfile, measure_profile
from lightnets_edu.timing.time_parts import TimeParts, guideline_causes, time_parts
from lightnets_edu.timing.training_memory import TrainingMemory, kept_bytes, training_memory

__all__ = [
    "CAUSES",
    "DEVELOPMENT_NETWORKS",
    "EVALUATION_BATCH_SIZES",
    "EVALUATION_NETWORKS",
    "RUNGS",
    "Bench",
    "DeviceProfile",
    "GuidelineRow",
    "LayerSeconds",
    "MachineConstants",
    "MemoryUse",
    "Operation",
    "Prediction",
    "TimeParts",
    "Timing",
    "TrainingMemory",
    "error_table",
    "forward_step",
    "guideline_causes",
    "guideline_networks",
    "keep_memory",
    "kept_bytes",
    "left_out_error",
    "machine_constants",
    "measure",
    "measure_guidelines",
    "measure_memory",
    "measure_profile",
    "operations",
    "paired_ratio",
    "predict",
    "predict_operations",
    "seconds_by_cause",
    "seconds_in_place",
    "time_interleaved",
    "time_parts",
    "training_memory",
    "training_step",
]
