"""Recorded runs: a JSON file for each, checked when it is written and when it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightnets_edu.runtime.files import atomic_file

SCHEMA = 1  # raise it when a field changes its meaning or goes

_NUMBER = (int, float)
_TEXT_OR_NONE = (str, type(None))

_ENVIRONMENT = {
    **dict.fromkeys(("device", "device_name", "cpu"), str),
    "threads": int,
    **dict.fromkeys(("platform", "python", "torch"), str),
    "torchvision": _TEXT_OR_NONE,
    **dict.fromkeys(("package", "date"), str),
    "commit": _TEXT_OR_NONE,
}
_SET = {"name": str, "images": int, "source": str, "is_real": bool}
_TRAINED = {
    "config": dict,
    "data": {"train": _SET, "test": _SET, "normalisation": {"mean": list, "std": list}},
    "history": list,
}
_FIELDS: dict[str, dict[str, Any]] = {
    "training": {"model": str, "options": dict, "parameters": int, "environment": _ENVIRONMENT, **_TRAINED},
    # All that is known of one network on one device. What was not run is null: the fields of training (``_TRAINED``,
    # ``test_accuracy`` and ``training_seconds``) together, or ``timings`` and ``timing_environment``. ``environment``
    # is that of the training, if there was one; the two may differ in threads and day.
    "network": {
        "model": str,
        "options": dict,
        "seed": int,
        "input_size": list,
        **dict.fromkeys(("parameters", "macs", "activations", "memory_access"), int),
        "environment": _ENVIRONMENT,
        "test_accuracy": (*_NUMBER, type(None)),
        "training_seconds": (*_NUMBER, type(None)),
        "timings": (list, type(None)),
        "timing_environment": (dict, type(None)),
    },
    "guidelines": {"environment": _ENVIRONMENT, "settings": dict, "rows": list},
    "races": {"environment": _ENVIRONMENT, "settings": dict, "races": list},
    "operations": {"environment": _ENVIRONMENT, "networks": list},
    # All designs of a search space, each trained once, some of them again; times are relative to the first design's.
    "designs": {
        "space": dict,
        "config": dict,
        "images": dict.fromkeys(("train", "held_out", "test"), _SET),
        "rows": list,
        "repeats": list,
        "timing": (dict, type(None)),  # null until all designs are trained and timed
        "environment": _ENVIRONMENT,
    },
    # Several variants of a network, several seeds, and what their differences say of a claim. Where SciPy was not
    # installed, what it computes is null: ``lightnets_edu.records.verdicts.judged`` fills it in.
    "study": {
        **dict.fromkeys(("name", "chapter", "claim", "source"), str),
        **dict.fromkeys(("evidence", "held_equal", "measures", "variants", "runs", "comparisons"), list),
        "recipe": dict,
        "images": {"train": _SET, "test": _SET},
        "verdict": _TEXT_OR_NONE,
        "sentence": _TEXT_OR_NONE,
        "environment": _ENVIRONMENT,
    },
}
_EPOCH = {
    "epoch": int,
    **dict.fromkeys(
        ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "learning_rate", "seconds"), _NUMBER
    ),
}
_GUIDELINE = {
    "guideline": str,
    "variant": str,
    "macs": int,
    "memory_access": int,
    "images_per_second": _NUMBER,
    "relative": _NUMBER,  # to the guideline's first variant
    "is_noisy": bool,
}
_RACE = {"name": str, "sides": list}
_OPERATIONS = {
    "model": str,
    "input_size": list,
    "seconds": _NUMBER,  # of a pass
    "noting": _NUMBER,  # seconds of each operation that went into noting its time, and were taken off
    "classes": dict,  # class of operations to their number and seconds
}
# Accuracies 0 … 1: on the images held out, by which a search may judge, and on those of the test.
_TRAINED_DESIGN = {"design": str, "accuracy": _NUMBER, "test_accuracy": _NUMBER}
_DESIGN_LISTS: dict[str, dict[str, Any]] = {
    "rows": _TRAINED_DESIGN | {"parameters": int, "macs": int, "relative_time": (*_NUMBER, type(None))},
    "repeats": _TRAINED_DESIGN | {"seed": int},
}
_DESIGN_TIMING = {
    "reference": str,  # the design that has the relative time 1
    "milliseconds": _NUMBER,  # of the reference, one image
    "rounds": int,
    "channels_last": bool,
    "environment": _ENVIRONMENT,
}
_TIMING = {"samples": list, "median": _NUMBER, "p10": _NUMBER, "p90": _NUMBER, "spread": _NUMBER, "repeats": int}
_SIDE = {
    "label": str,
    "input_size": list,
    "macs": int,  # of all its images
    "measured": {name: kind for name, kind in _TIMING.items() if name != "samples"} | {"is_noisy": bool},
    "in_place": (dict, type(None)),  # seconds of all operations of a class, in the network; null on a GPU
}
# One timing of a "network" record. Seconds and bytes are null where they were not asked for or refused.
_MEASUREMENT = {
    "step": str,  # forward or training
    "options": dict,  # of the network; those of the record are the trained one's
    "input_size": list,
    "macs": int,  # of one image
    "amp": str,
    "channels_last": bool,
    "runtime": str,  # eager, compile or onnxruntime
    "threads": (int, type(None)),  # of one operation; null on a GPU
    "keeps_memory": bool,
    "measured": (dict, type(None)),
    "refused": _TEXT_OR_NONE,  # why there is no ``measured``
    "predicted_seconds": (dict, type(None)),  # by rung of the ladder
    "peak_bytes": (int, type(None)),
    "predicted_peak_bytes": (int, type(None)),
}
# The entries of a study's lists.
_STUDY_LISTS: dict[str, dict[str, Any]] = {
    "evidence": dict.fromkeys(("what", "value", "source"), str),
    "held_equal": {"what": str, "tolerance": _NUMBER, "values": dict},  # values by variant
    "measures": dict.fromkeys(("name", "label", "unit", "better"), str) | {"digits": int},
    "variants": {
        **dict.fromkeys(("name", "description"), str),
        "after": _TEXT_OR_NONE,  # the variant whose trained networks it works on
        **dict.fromkeys(("parameters", "macs"), (int, type(None))),  # null if it is no network to be trained
        "definition": str,  # a checksum: runs of another definition are not mixed with these
    },
    "runs": {
        "variant": str,
        "seed": int,
        "curve": (dict, type(None)),  # train_loss and test_accuracy (0 … 1), a list of epochs each; null if not trained
        "measures": dict,
        "seconds": _NUMBER,
    },
    "comparisons": {
        **dict.fromkeys(("claim", "measure", "a", "b", "kind"), str),
        "smallest_difference": _NUMBER,
        "seeds": (int, type(None)),
        "mean_difference": (*_NUMBER, type(None)),  # a − b
        "interval": (list, type(None)),
        "verdict": _TEXT_OR_NONE,
        "sentence": _TEXT_OR_NONE,
    },
}


class RecordError(ValueError):
    """A record lacks a field, or a field is not what it should be."""


def save_record(path: str | os.PathLike, record: Mapping[str, Any]) -> None:
    """Check a record and write it as JSON; a failure on the way leaves an older file as it was.

    Args:
        path: The file to write; missing folders are made.
        record: From ``lightnets_edu.recording.network_record`` or ``TrainResult.to_record``.

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


def load_record(path: str | os.PathLike) -> dict[str, Any]:
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
        raise RecordError(f"{where} has kind={kind!r}, but only {', '.join(map(repr, _FIELDS))} are known.")
    _check_fields(record, _FIELDS[kind], where, "")
    if kind == "training":
        _check_history(record["history"], where)
    elif kind == "guidelines":
        for index, row in enumerate(record["rows"]):
            _check_fields(row, _GUIDELINE, where, f"rows[{index}].")
    elif kind == "races":
        for index, race in enumerate(record["races"]):
            _check_fields(race, _RACE, where, f"races[{index}].")
            for number, side in enumerate(race["sides"]):
                _check_fields(side, _SIDE, where, f"races[{index}].sides[{number}].")
    elif kind == "operations":
        for index, row in enumerate(record["networks"]):
            _check_fields(row, _OPERATIONS, where, f"networks[{index}].")
            for name, entry in row["classes"].items():
                fields = {"operations": int, "seconds": _NUMBER}
                _check_fields(entry, fields, where, f"networks[{index}].classes.{name}.")
    elif kind == "designs":
        _check_designs(record, where)
    elif kind == "study":
        _check_study(record, where)
    else:
        _check_network(record, where)


def _check_network(record: Mapping[str, Any], where: str) -> None:
    together = (*_TRAINED, "test_accuracy", "training_seconds")
    trained = {name: record.get(name) is not None for name in together}
    if any(trained.values()):
        missing = [name for name, there in trained.items() if not there]
        if missing:
            raise RecordError(
                f"{where} has no {' and no '.join(missing)}, but other fields of a training: all or none."
            )
        _check_fields(record, _TRAINED, where, "")
        _check_history(record["history"], where)
    if record["timings"]:
        _check_fields(record["timing_environment"], _ENVIRONMENT, where, "timing_environment.")
    for index, row in enumerate(record["timings"] or ()):
        _check_fields(row, _MEASUREMENT, where, f"timings[{index}].")
        if (row["measured"] is None) == (row["refused"] is None):
            raise RecordError(f"{where}: timings[{index}] must have either 'measured' or 'refused', and not both.")
        if row["measured"] is not None:
            _check_fields(row["measured"], _TIMING, where, f"timings[{index}].measured.")


def _check_designs(record: Mapping[str, Any], where: str) -> None:
    for name, fields in _DESIGN_LISTS.items():
        for index, row in enumerate(record[name]):
            _check_fields(row, fields, where, f"{name}[{index}].")
    names = [row["design"] for row in record["rows"]]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise RecordError(f"{where}: rows holds the design {twice[0]!r} more than once.")
    if record["timing"] is not None:
        _check_fields(record["timing"], _DESIGN_TIMING, where, "timing.")
        for index, row in enumerate(record["rows"]):
            if row["relative_time"] is None:
                raise RecordError(f"{where}: rows[{index}].relative_time is null, but the record has a timing.")


def _check_study(record: Mapping[str, Any], where: str) -> None:
    for name, fields in _STUDY_LISTS.items():
        for index, entry in enumerate(record[name]):
            _check_fields(entry, fields, where, f"{name}[{index}].")
    variants, measures = ({entry["name"] for entry in record[name]} for name in ("variants", "measures"))
    seen = set()
    for index, run in enumerate(record["runs"]):
        if (key := (run["variant"], run["seed"])) in seen:
            raise RecordError(f"{where}: runs[{index}] is a second run of {key[0]!r} with seed {key[1]}.")
        seen.add(key)
        if run["variant"] not in variants:
            raise RecordError(f"{where}: runs[{index}] is of {run['variant']!r}, which is no variant of the study.")
        for measure, value in run["measures"].items():
            if measure not in measures or not isinstance(value, _NUMBER):
                raise RecordError(
                    f"{where}: runs[{index}].measures has {measure}={value!r}, but must hold a number for some of "
                    f"{', '.join(sorted(measures))}."
                )
    if not record["comparisons"]:
        raise RecordError(f"{where} has no comparison: the first one gives the study's verdict.")
    for index, comparison in enumerate(record["comparisons"]):
        if not {comparison["a"], comparison["b"]} <= variants or comparison["measure"] not in measures:
            raise RecordError(
                f"{where}: comparisons[{index}] names a variant or a measure that the study does not have."
            )


def _check_history(history: list, where: str) -> None:
    if not history:
        raise RecordError(f"{where} has an empty history: a run has at least one epoch.")
    for index, epoch in enumerate(history):
        _check_fields(epoch, _EPOCH, where, f"history[{index}].")
        if epoch["epoch"] != index + 1:
            raise RecordError(f"{where}: history[{index}].epoch is {epoch['epoch']}, but must be {index + 1}.")
        for accuracy in ("train_accuracy", "test_accuracy"):
            if not 0 <= epoch[accuracy] <= 1:
                raise RecordError(
                    f"{where}: history[{index}].{accuracy} is {epoch[accuracy]}, but must be between 0 and 1."
                )


def _check_fields(values: object, expected: Mapping[str, Any], where: str, prefix: str) -> None:
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
