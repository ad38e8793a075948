"""The command ``study``: it lists the studies, runs one, or goes on with one."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightnets_edu.recording.studies.catalogue import get_study, list_studies
from lightnets_edu.recording.studies.runner import quick_look, run_study
from lightnets_edu.records import load_record, studied_devices, study_file
from lightnets_edu.records.verdicts import level_text, t_interval, values_of
from lightnets_edu.tables import aligned
from lightnets_edu.training.distributed import launched

NOT_JUDGED = "SciPy is not installed here: call the same command where it is, and the verdict is added"


def answer(args: Namespace) -> tuple[dict[str, Any], str] | None:
    """What the command prints: as data and as text; None in all but the first of torchrun's processes.

    Args:
        args: ``name, seeds, only, workers, quick, device, budget_minutes, out, json``.

    Raises:
        ValueError: If there is no such study, or an argument is not allowed.
        OSError: If the record cannot be written.
    """
    if args.name is None:
        return _listed(Path(args.out))
    study = get_study(args.name)
    if args.quick:
        record = quick_look(study, device=args.device, progress=not args.json)
        return record, f"{_table(record)}\nA quick look with one seed: it decides nothing."
    record = run_study(
        study,
        folder=args.out,
        seeds=args.seeds,
        only=args.only,
        device=args.device,
        budget_minutes=args.budget_minutes,
        workers=args.workers,
        progress=not args.json,
    )
    if launched()[0] > 0:
        return None
    lines = [_table(record), f"The claim: {study.claim}", record["sentence"] or NOT_JUDGED]
    lines += [f"- {one['claim']} {one['sentence']}" for one in record["comparisons"][1:] if one["sentence"]]
    return record, "\n".join(lines)


def _listed(folder: Path) -> tuple[dict[str, Any], str]:
    found, lines = {}, []
    for name in list_studies():
        study = get_study(name)
        states = {device: _state(study_file(folder, device, name)) for device in studied_devices(name, folder)}
        found[name] = {"chapter": study.chapter, "claim": study.claim, "recorded": states}
        words = [f"{device}: {one['verdict']}, {one['seeds']} seeds" for device, one in states.items()]
        lines.append((name, "; ".join(words) or "not recorded", study.claim))
    return {"studies": found}, "\n".join(aligned(lines)) if lines else "No study is declared yet."


def _state(path: Path) -> dict[str, Any]:
    """The verdict of a record, and the seeds that every variant has."""
    record = load_record(path)
    seeds = [{r["seed"] for r in record["runs"] if r["variant"] == v["name"]} for v in record["variants"]]
    return {"verdict": record["verdict"], "seeds": len(set.intersection(*seeds))}


def _table(record: Mapping[str, Any]) -> str:
    """Each variant's cost and measures, with their intervals."""
    lines = [("variant", "parameters", "MACs", *(measure["label"] for measure in record["measures"]), "seeds")]
    for variant in record["variants"]:
        cost = [f"{variant[name]:,}" if variant[name] is not None else "–" for name in ("parameters", "macs")]
        seeds = len({run["seed"] for run in record["runs"] if run["variant"] == variant["name"]})
        measures = [_shown(record, variant["name"], measure) for measure in record["measures"]]
        lines.append((variant["name"], *cost, *measures, str(seeds)))
    return "\n".join(aligned(lines, range(1, len(lines[0]))))


def _shown(record: Mapping[str, Any], variant: str, measure: Mapping[str, Any]) -> str:
    values = list(values_of(record, variant, measure["name"]).values())
    if not values:
        return "–"
    mean = level_text(sum(values) / len(values), measure)
    try:
        found = t_interval(values)
    except ImportError:
        return mean
    if found.low is None or found.high is None:
        return mean
    return f"{mean} ({level_text(found.low, {**measure, 'unit': ''})} to {level_text(found.high, measure)})"
