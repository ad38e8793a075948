"""The record of ShuffleNetV2's four guidelines on one device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from lightnets_edu.recording.plan import device_folder
from lightnets_edu.records import save_record
from lightnets_edu.runtime import describe_environment, resolve_device
from lightnets_edu.runtime.files import check_writable
from lightnets_edu.timing import GuidelineRow, keep_memory, measure_guidelines

BATCH_SIZE = {"cpu": 1, "cuda": 64}  # images; a GPU needs many to be busy
SECONDS = 4.0  # of samples for each guideline, at least


def record_guidelines(
    folder: str | Path,
    device: str | torch.device = "auto",
    *,
    measurer: Callable[..., list[GuidelineRow]] = measure_guidelines,
) -> Path:
    """Measure the guidelines and write ``guidelines.json`` into the device's folder (about half a minute).

    Args:
        folder: The folder of all records.
        device: As for ``resolve_device``.
        measurer: Measures them, as ``lightnets_edu.timing.measure_guidelines``.

    Returns:
        The file.

    Raises:
        ValueError: If there is no such device.
        OSError: If the file cannot be written.
    """
    device = resolve_device(device)
    path = Path(folder, device_folder(device), "guidelines.json")
    check_writable(path)
    kept = device.type == "cpu" and keep_memory()
    batch_size = BATCH_SIZE.get(device.type, 1)
    rows = measurer(device, batch_size=batch_size, min_seconds=SECONDS)
    record = {
        "schema": 1,
        "kind": "guidelines",
        "environment": describe_environment(device),
        "settings": {"batch_size": batch_size, "amp": "off", "channels_last": False, "keeps_memory": kept},
        "rows": [asdict(row) for row in rows],
    }
    save_record(path, record)
    return path
