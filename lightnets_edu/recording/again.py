"""Predict recorded timings once more, with a better profile; what was measured stays as it is."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from lightnets_edu.deployment import exported_network
from lightnets_edu.models import get_entry, get_model
from lightnets_edu.recording.measurements import StepSetting, predict_file, predict_step
from lightnets_edu.records import records_in, save_record
from lightnets_edu.timing import DeviceProfile


def predict_again(folder: str | Path, profile: DeviceProfile, only: Collection[str] = ()) -> int:
    """Replace the predictions in the records of networks in a device's folder.

    Args:
        folder: Such as ``results/cpu``.
        profile: The profile of the same device, with as many threads as the records'.
        only: The networks; all if empty.

    Returns:
        The number of timings predicted.

    Raises:
        ValueError: If there is no such network, or a record was taken with another number of threads than the profile.
        RecordError: If a file is not a valid record.
        OSError: If a file cannot be read or written.
    """
    for name in only:
        get_entry(name)
    predicted = 0
    for path, record in records_in(folder):
        if record["kind"] != "network" or not record["timings"] or (only and record["model"] not in only):
            continue
        where = record["timing_environment"]
        profile.require(device=where["device"], threads=where["threads"])
        record["timings"] = [_predicted(record["model"], row, profile) for row in record["timings"]]
        predicted += len(record["timings"])
        save_record(path, record)
    return predicted


def _predicted(name: str, row: dict[str, Any], profile: DeviceProfile) -> dict[str, Any]:
    batch, _, side, _ = row["input_size"]
    same = {field: row[field] for field in ("amp", "channels_last", "runtime", "threads")}
    setting = StepSetting(row["step"], batch, side, **same)
    if setting.runtime == "onnxruntime":
        exported = exported_network(name, row["options"], side)
        return row | predict_file(exported, row["input_size"], setting, profile)
    with torch.device("meta"):
        model = get_model(name, **row["options"]).eval()
    return row | predict_step(model, row["input_size"], setting, row["amp"], profile)
