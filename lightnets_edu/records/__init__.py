"""What was measured? The form of a record, and the library of those that come with the package."""

from lightnets_edu.records.library import (
    forward_timings,
    recorded_batches,
    recorded_devices,
    recorded_file,
    recorded_networks,
    recorded_run,
    recorded_study,
    records_in,
    results_folder,
    studied_devices,
    study_file,
)
from lightnets_edu.records.schema import RecordError, load_record, save_record

__all__ = [
    "RecordError",
    "forward_timings",
    "load_record",
    "recorded_batches",
    "recorded_devices",
    "recorded_file",
    "recorded_networks",
    "recorded_run",
    "recorded_study",
    "records_in",
    "results_folder",
    "save_record",
    "studied_devices",
    "study_file",
]
