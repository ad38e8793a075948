"""The runs that are recorded in the repository's ``results/`` folder, which travels inside the installed package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightnets_edu.records.schema import load_record

STUDIES = "studies"  # the folder beside the devices' that holds, for each device, what was studied on it
_NOT_NETWORKS = ("profile", "guidelines", "races", "designs", "operations")  # files beside the networks' records


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
    if not path.is_file() or path.stem in _NOT_NETWORKS or name.startswith(f"{STUDIES}/"):
        known = [f"{device}/{run}" for device in recorded_devices() for run in _names(folder / device)]
        raise ValueError(f"there is no recorded run {name!r}; recorded are {', '.join(known) or 'none yet'}")
    return load_record(path)


def recorded_devices() -> list[str]:
    """The devices that something was recorded on: the folders of ``results/``."""
    return _devices_in(results_folder(), but=STUDIES)


def recorded_networks(device: str = "cpu") -> dict[str, dict[str, Any]]:
    """The records of whole networks on one device, by the network's name.

    Raises:
        ValueError: If nothing was recorded on such a device.
        RecordError: If a file is not a valid record.
    """
    if device not in recorded_devices():
        raise ValueError(f"nothing was recorded on {device!r}, only on {', '.join(recorded_devices()) or 'no device'}")
    records = records_in(results_folder() / device)
    return {path.stem: record for path, record in records if record["kind"] == "network"}


def forward_timings(
    device: str = "cpu", batch_size: int = 1, *, amp: str = "off", threads: int | None = None
) -> dict[str, dict[str, Any]]:
    """The recorded forward passes on one device, with so many images: network to the record's row.

    A row whose measurement was refused as noise has None for ``measured``.

    Args:
        device: A folder of ``results/``.
        batch_size: Number of images.
        amp: Number format; "off" is float32.
        threads: Of one operation (None: the most that were recorded).

    Raises:
        ValueError: If nothing was recorded on such a device.
    """
    found = _forwards(device, amp=amp, threads=threads)
    return {name: row for name, row in found if row["input_size"][0] == batch_size}


def recorded_formats(device: str = "cpu") -> list[str]:
    """The number formats of the recorded forward passes on one device, "off" (float32) first.

    Raises:
        ValueError: If nothing was recorded on such a device.
    """
    rows = (row for record in recorded_networks(device).values() for row in record["timings"] or ())
    found = {row["amp"] for row in rows if row["step"] == "forward"}
    return sorted(found, key=lambda amp: (amp != "off", amp))


def clock_words(device: str) -> str:
    """What a page calls a folder of ``results/``: the processor's with the runtime, others by their own name.

    Args:
        device: Such as ``"cpu"`` or ``"cpu-onnxruntime"``.
    """
    return {"cpu": "PyTorch", "cpu-onnxruntime": "ONNX Runtime"}.get(device, device)


def recorded_batches(device: str = "cpu") -> list[int]:
    """The batch sizes of the recorded float32 forward passes on one device.

    Raises:
        ValueError: If nothing was recorded on such a device.
    """
    return sorted({row["input_size"][0] for _, row in _forwards(device)})


def _forwards(device: str, amp: str = "off", threads: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    plain = {"step": "forward", "amp": amp, "channels_last": False, "options": {}}
    for name, record in recorded_networks(device).items():
        rows = record["timings"] or ()
        most = max((row["threads"] or 0 for row in rows), default=0)
        for row in rows:
            asked = row["threads"] in (None, threads or most) and row["runtime"] != "compile"
            if asked and plain.items() <= row.items():
                yield name, row


def records_in(folder: str | Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """All records in a device's folder, with their files, by name; its other files are left out.

    Args:
        folder: Such as ``results/cpu``.

    Raises:
        RecordError: If a file is not a valid record.
    """
    for name in _names(Path(folder)):
        path = Path(folder, f"{name}.json")
        yield path, load_record(path)


def recorded_file(device: str, name: str) -> Path:
    """A device's other recorded file: ``profile`` (a ``DeviceProfile``), ``guidelines``, ``races``, ``designs`` or
    ``operations``.

    Raises:
        ValueError: If it was not recorded on this device.
    """
    path = results_folder() / device / f"{name}.json"
    if name not in _NOT_NETWORKS or not path.is_file():
        raise ValueError(f"no {name!r} was recorded on {device!r}: there are {', '.join(_NOT_NETWORKS)} at most")
    return path


def study_file(folder: str | Path, device: str, name: str) -> Path:
    """Where a study's record is.

    Args:
        folder: Such as ``results``.
        device: A device's folder, such as ``"cpu"``.
        name: The study's.
    """
    return Path(folder, STUDIES, device, f"{name}.json")


def studied_devices(name: str, folder: str | Path | None = None) -> list[str]:
    """The devices that a study was recorded on.

    Args:
        name: The study's.
        folder: Of the results (None: the library's own).
    """
    folder = results_folder() if folder is None else Path(folder)
    return [device for device in _devices_in(folder / STUDIES) if study_file(folder, device, name).is_file()]


def recorded_study(name: str, device: str = "cpu") -> dict[str, Any]:
    """The record of a study.

    Raises:
        ValueError: If it was not recorded on this device; the sentence says how to record it.
        RecordError: If the file is not a valid record.
    """
    path = study_file(results_folder(), device, name)
    if not path.is_file():
        raise ValueError(
            f"there is no record of a study {name!r} on {device!r}: python -m lightnets_edu study lists the studies, "
            "and with a study's name it records one"
        )
    return load_record(path)


def _devices_in(folder: Path, but: str = "") -> list[str]:
    """The folders that hold records."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.name != but and any(path.glob("*.json")))


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.json") if path.stem not in _NOT_NETWORKS)
