"""Predict recorded timings once more, with a better profile; what was measured stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from lightnets_edu.models import get_model
from lightnets_edu.recording.measurements import StepSetting, predict_step
from lightnets_edu.records import records_in, save_record
from lightnets_edu.timing import DeviceProfile


def predict_again(folder: str | Path, profile: DeviceProfile) -> int:
    """Replace the predictions in all records of networks in a device's folder.

    Args:
        folder: Such as ``results/cpu``.
        profile: The profile of the same device, with as many threads as the records'.

    Returns:
        The number of timings predicted.

    Raises:
        ValueError: If a record was taken with another number of threads than the profile.
        RecordError: If a file is not a valid record.
        OSError: If a file cannot be read or written.
    """
    predicted = 0
    for path, record in records_in(folder):
        if record["kind"] != "network" or not record["timings"]:
            continue
        where = record["timing_environment"]
        profile.require(device=where["device"], threads=where["threads"])
        record["timings"] = [_predicted(record["model"], row, profile) for row in record["timings"]]
        predicted += len(record["timings"])
        save_record(path, record)
    return predicted


def _predicted(name: str, row: dict[str, Any], profile: DeviceProfile) -> dict[str, Any]:
    setting = StepSetting(
        row["step"], row["input_size"][0], row["input_size"][2], row["amp"], row["channels_last"], row["compile"]
    )
    with torch.device("meta"):
        model = get_model(name, **row["options"]).eval()
    return row | predict_step(model, row["input_size"], setting, row["amp"], profile)
