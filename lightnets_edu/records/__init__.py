"""What was measured? The form of a record, and the library of those that come with the package."""

from lightnets_edu.records.library import (
    clock_words,
    forward_timings,
    recorded_batches,
    recorded_devices,
    recorded_file,
    recorded_formats,
    recorded_networks,
    recorded_run,
    recorded_study,
    records_in,
    results_folder,
    studied_devices,
    study_file,
)
from lightnets_edu.records.published import PublishedClock, PublishedNetwork, published_clocks
from lightnets_edu.records.schema import RecordError, load_record, save_record

__all__ = [
    "PublishedClock",
    "PublishedNetwork",
    "RecordError",
    "clock_words",
    "forward_timings",
    "load_record",
    "published_clocks",
    "recorded_batches",
    "recorded_devices",
    "recorded_file",
    "recorded_formats",
    "recorded_networks",
    "recorded_run",
    "recorded_study",
    "records_in",
    "results_folder",
    "save_record",
    "studied_devices",
    "study_file",
]
