"""The runs that are recorded in the repository's ``results/`` folder, which travels inside the installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightnets_edu.records.schema import load_record

NOT_NETWORKS = ("profile", "guidelines")  # files beside the records: what the device is like


def results_folder() -> Path:
    """The folder of recorded runs: the checkout's, or the installed package's."""
    package = Path(__file__).parents[1]
    installed = package / "results"
    return installed if installed.is_dir() else package.parent / "results"


def recorded_run(name: str) -> dict[str, Any]:
    """A recorded run by its name, such as ``"cpu/mobilenet_v1"``.

    Raises:
        ValueError: If there is none of that name; the message lists those there are.
        RecordError: If the file is not a valid record.
    """
    folder = results_folder()
    path = folder / f"{name}.json"
    if not path.is_file() or path.stem in NOT_NETWORKS:
        known = [f"{device}/{run}" for device in recorded_devices() for run in _runs(device)]
        raise ValueError(f"there is no recorded run {name!r}; recorded are {', '.join(known) or 'none yet'}")
    return load_record(path)


def recorded_devices() -> list[str]:
    """The devices that something was recorded on: the folders of ``results/``."""
    return sorted(path.name for path in results_folder().iterdir() if path.is_dir() and any(path.glob("*.json")))


def recorded_networks(device: str = "cpu") -> dict[str, dict[str, Any]]:
    """The records of whole networks on one device, by the network's name.

    Raises:
        ValueError: If nothing was recorded on such a device.
        RecordError: If a file is not a valid record.
    """
    if device not in recorded_devices():
        raise ValueError(f"nothing was recorded on {device!r}, only on {', '.join(recorded_devices()) or 'no device'}")
    records = {run: recorded_run(f"{device}/{run}") for run in _runs(device)}
    return {run: record for run, record in records.items() if record["kind"] == "network"}


def recorded_file(device: str, name: str) -> Path:
    """A device's other recorded file: ``profile`` (a ``DeviceProfile``) or ``guidelines``.

    Raises:
        ValueError: If it was not recorded on this device.
    """
    path = results_folder() / device / f"{name}.json"
    if name not in NOT_NETWORKS or not path.is_file():
        raise ValueError(f"no {name!r} was recorded on {device!r}: there are {', '.join(NOT_NETWORKS)} at most")
    return path


def _runs(device: str) -> list[str]:
    stems = sorted(path.stem for path in (results_folder() / device).glob("*.json"))
    return [stem for stem in stems if stem not in NOT_NETWORKS]
