"""Recorded runs: one JSON file a run, checked when it is written and when it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from lightnets_edu.training.files import atomic_file

SCHEMA = 1  # raise it when a field changes its meaning or goes

_NUMBER = (int, float)
_TEXT_OR_NONE = (str, type(None))

_ENVIRONMENT = {
    "device": str,
    "device_name": str,
    "cpu": str,
    "threads": int,
    "platform": str,
    "python": str,
    "torch": str,
    "torchvision": _TEXT_OR_NONE,
    "package": str,
    "date": str,
    "commit": _TEXT_OR_NONE,
}
_FIELDS: dict[str, dict[str, object]] = {
    "training": {
        "model": str,
        "options": dict,
        "parameters": int,
        "config": dict,
        "data": {
            "train": {"name": str, "images": int, "source": str, "is_real": bool},
            "test": {"name": str, "images": int, "source": str, "is_real": bool},
            "normalisation": {"mean": list, "std": list},
        },
        "environment": _ENVIRONMENT,
        "history": list,
    },
    "timing": {"model": str, "options": dict, "settings": dict, "environment": _ENVIRONMENT, "timings": dict},
}
_EPOCH = {
    "epoch": int,
    "train_loss": _NUMBER,
    "train_accuracy": _NUMBER,
    "test_loss": _NUMBER,
    "test_accuracy": _NUMBER,
    "learning_rate": _NUMBER,
    "seconds": _NUMBER,
}
_TIMING = {
    "samples": list,
    "median": _NUMBER,
    "p10": _NUMBER,
    "p90": _NUMBER,
    "spread": _NUMBER,
    "repeats": int,
}


class RecordError(ValueError):
    """A record lacks a field, or a field is not what it should be."""


def save_record(path: str | os.PathLike, record: Mapping[str, object]) -> None:
    """Check a record and write it as JSON; a failure on the way leaves an older file as it was.

    Args:
        path: The file to write; missing folders are made.
        record: From ``TrainResult.to_record`` or ``timing_record``.

    Raises:
        RecordError: If a field is missing or wrong.
        OSError: If the file cannot be written.
    """
    check_record(record, "the record")
    try:
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RecordError(f"the record cannot be written as JSON: {error}.") from error
    with atomic_file(path) as handle:
        handle.write(text.encode() + b"\n")


def load_record(path: str | os.PathLike) -> dict[str, object]:
    """Read a record and check it.

    Raises:
        RecordError: If the file is no JSON, or a field is missing or wrong; the sentence names the file and
            the field.
        OSError: If the file cannot be read.
    """
    name = Path(path).name
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecordError(f"{name} is no JSON: {error}.") from error
    check_record(record, name)
    return record


def check_record(record: object, where: str = "the record") -> None:
    """Check every field that pages rely on. Further fields are allowed.

    Args:
        record: What JSON gave.
        where: What to call it in an error.

    Raises:
        RecordError: If a field is missing or wrong.
    """
    if not isinstance(record, Mapping):
        raise RecordError(f"{where} must be a JSON object, not {_name(type(record))}.")
    _check_fields(record, {"schema": int, "kind": str}, where, "")
    if record["schema"] != SCHEMA:
        raise RecordError(
            f"{where} has schema={record['schema']}, but this version reads schema {SCHEMA}: record it again."
        )
    kind = record["kind"]
    if kind not in _FIELDS:
        raise RecordError(f"{where} has kind={kind!r}, but only {' and '.join(map(repr, _FIELDS))} are known.")
    _check_fields(record, _FIELDS[kind], where, "")
    if kind == "timing":
        for name, timing in record["timings"].items():
            _check_fields(timing, _TIMING, where, f"timings.{name}.")
        return
    if not record["history"]:
        raise RecordError(f"{where} has an empty history: a run has at least one epoch.")
    for index, epoch in enumerate(record["history"]):
        _check_fields(epoch, _EPOCH, where, f"history[{index}].")
        if epoch["epoch"] != index + 1:
            raise RecordError(f"{where}: history[{index}].epoch is {epoch['epoch']}, but must be {index + 1}.")
        for accuracy in ("train_accuracy", "test_accuracy"):
            if not 0 <= epoch[accuracy] <= 1:
                raise RecordError(
                    f"{where}: history[{index}].{accuracy} is {epoch[accuracy]}, but must be between 0 and 1."
                )


def _check_fields(values: object, expected: Mapping[str, object], where: str, prefix: str) -> None:
    if not isinstance(values, Mapping):
        raise RecordError(f"{where}: {prefix.rstrip('.')} must be a dict, not {_name(type(values))}.")
    for field, kind in expected.items():
        if field not in values:
            raise RecordError(f"{where} lacks the field {prefix}{field}.")
        value = values[field]
        if isinstance(kind, Mapping):
            _check_fields(value, kind, where, f"{prefix}{field}.")
            continue
        kinds = kind if isinstance(kind, tuple) else (kind,)
        # bool is a kind of int in Python, but a count that is True is a mistake.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            allowed = " or ".join(_name(one) for one in kinds)
            raise RecordError(f"{where}: {prefix}{field} must be {allowed}, not {_name(type(value))} ({value!r:.40}).")


def _name(kind: type) -> str:
    return "null" if kind is type(None) else kind.__name__
