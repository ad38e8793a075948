"""Run a study or go on with it: all variants and seeds, in as many processes as there are cores, one record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from tqdm import tqdm

from lightnets_edu.checks import real_number, whole_number
from lightnets_edu.recording.plan import RESERVE, device_folder
from lightnets_edu.recording.studies.catalogue import studies_in
from lightnets_edu.recording.studies.declaration import Study
from lightnets_edu.recording.studies.runs import Job, described_variants, image_sets, recipe_of, run_job
from lightnets_edu.recording.workers import in_processes
from lightnets_edu.records import load_record, save_record, study_file
from lightnets_edu.records.verdicts import judged
from lightnets_edu.runtime.environment import cpu_threads, describe_environment, resolve_device
from lightnets_edu.runtime.files import check_writable, locked_folder
from lightnets_edu.training.distributed import launched, process_group

SEEDS = 5
SAME = ("device_name", "torch")  # of the environment, for all runs of a record
Runs = list[dict[str, Any]]


def run_study(
    study: Study,
    *,
    folder: str | Path,
    seeds: int = SEEDS,
    only: Sequence[str] = (),
    device: str | torch.device = "auto",
    budget_minutes: float | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Make the runs of a study that are not in its record yet.

    The record is written after each run, so whatever is killed, only runs in progress are lost; the same call goes on.
    On a CPU each run has one thread, and there are as many runs at once as cores; their number changes no result.
    Processes of ``torchrun`` on one machine share the runs, a GPU each.

    Args:
        study: From ``get_study``.
        folder: The record is ``studies/<device>/<name>.json`` in it.
        seeds: Seeds 0 to this number less 1.
        only: Variants (none means all).
        device: As for ``resolve_device``.
        budget_minutes: Begin no run that is likely to end later than this from now.
        workers: Processes (None: as many as cores on a CPU, one elsewhere and where times are measured).
        progress: Show a bar over all runs, on standard error.

    Returns:
        The record, with the verdict on the runs so far.

    Raises:
        ValueError: If an argument is not allowed, what is held equal is not, or the record holds runs that were made
            otherwise.
        RecordError: If the file there is not a valid record.
        OSError: If the record cannot be written.
    """
    rank, size = launched()
    device = resolve_device(device)
    if size > 1 and device.type == "cuda":
        device = resolve_device(f"cuda:{os.environ['LOCAL_RANK']}")
    seeds = whole_number("seeds", seeds, 1)
    if budget_minutes is not None:
        real_number("budget_minutes", budget_minutes, "a number above 0", (0, float("inf")), open_low=True)
    threads = 1 if device.type == "cpu" else None
    path = study_file(folder, device_folder(device), study.name)
    with cpu_threads(threads):
        keeper = _Keeper(path, empty_record(study, device))
    jobs = keeper.missing(_jobs(study, seeds, only, device, threads)[rank::size])
    if workers is None:
        workers = (os.cpu_count() or 1) if device.type == "cpu" and size == 1 and not study.takes_time else 1
    workers = min(whole_number("workers", workers, 1), len(jobs)) if study.module else 1
    with tqdm(total=len(jobs), unit="run", desc=study.name, disable=not progress or rank > 0) as bar:
        in_time = _Budget(budget_minutes).allows
        if workers > 1:
            made = in_processes(partial(_work, study.module, study.name), jobs, workers, in_time)
        else:
            made = _here(study, jobs, in_time)
        for runs in made:
            keeper.add(runs)
            bar.update()
            bar.set_postfix_str(f"{runs[0]['variant']}, seed {runs[0]['seed']}")
    if size > 1:
        with process_group("cpu"):
            dist.barrier()  # the first process answers when all are done
    return keeper.record()


def quick_look(study: Study, *, device: str | torch.device = "auto", progress: bool = True) -> dict[str, Any]:
    """Make a short run of each variant, with one seed, few epochs and few images; nothing is written.

    Args:
        study: From ``get_study``.
        device: As for ``resolve_device``.
        progress: Show a bar over all runs, on standard error.

    Returns:
        What a record of it would be; it decides nothing.
    """
    device = resolve_device(device)
    threads = 1 if device.type == "cpu" else None
    record = empty_record(study, device, quick=True)
    jobs = _jobs(study, 1, (), device, threads, quick=True)
    for job in tqdm(jobs, unit="run", desc=study.name, disable=not progress):
        record["runs"] += run_job(study, job)
    return judged(record)


def empty_record(study: Study, device: torch.device, quick: bool = False) -> dict[str, Any]:
    """A study's record before its first run.

    Raises:
        ValueError: If what is to be held equal is not.
    """
    variants = described_variants(study)
    cost = {entry["name"]: entry for entry in variants}
    train_set, test_set = image_sets(study, quick)
    recipe = recipe_of(study, quick).to_dict()
    del recipe["seed"]  # each run's own
    first, *_ = study.measures
    return {
        "schema": 1,
        "kind": "study",
        **{name: getattr(study, name) for name in ("name", "chapter", "claim", "source")},
        "evidence": [asdict(one) for one in study.evidence],
        "held_equal": [
            {
                "what": held.what,
                "tolerance": held.tolerance,
                "values": {name: cost[name][held.what] for name in held.variants},
            }
            for held in study.held_equal
        ],
        "recipe": recipe,
        "images": {"train": train_set.describe(), "test": test_set.describe()},
        "measures": [asdict(measure) for measure in study.measures],
        "variants": variants,
        "comparisons": [
            {
                "claim": one.claim or study.claim,
                "measure": one.measure or first.name,
                **{name: getattr(one, name) for name in ("a", "b", "kind")},
                "smallest_difference": one.by,
            }
            for one in study.comparisons
        ],
        "runs": [],
        "environment": describe_environment(device),
    }


def _jobs(
    study: Study, seeds: int, only: Sequence[str], device: torch.device, threads: int | None, quick: bool = False
) -> list[Job]:
    """All runs, seed by seed, so that a part of them can be compared."""
    chosen = [study.variant(name) for name in only] or list(study.variants)
    first = dict.fromkeys(variant.after or variant.name for variant in chosen)  # each once, in order
    after = {
        name: tuple(one.name for one in study.variants if one.after == name and (not only or one in chosen))
        for name in first
    }
    return [Job(name, after[name], seed, device, threads, quick) for seed in range(seeds) for name in first]


class _Budget:
    """The time that is left for runs that begin."""

    def __init__(self, minutes: float | None) -> None:
        self.end = float("inf") if minutes is None else time.monotonic() + 60 * minutes

    def allows(self, longest: float) -> bool:
        """Whether a run that takes as long as the longest so far would end in time."""
        return time.monotonic() + RESERVE * longest < self.end


class _Keeper:
    """The file of a study's record, which several processes may write."""

    def __init__(self, path: Path, begun: dict[str, Any]) -> None:
        self.path, self.begun = path, begun
        with suppress(OSError):  # the next check has a sentence for it
            path.parent.mkdir(parents=True, exist_ok=True)
        with locked_folder(path.parent) if path.parent.is_dir() else nullcontext():
            check_writable(path)
        if path.exists():
            _check_same(path, load_record(path), begun)

    def record(self) -> dict[str, Any]:
        """All runs so far, judged; it is written if that changed anything in the file."""
        return self.add([])

    def missing(self, jobs: Iterable[Job]) -> list[Job]:
        """Those of the jobs that are not in the file, as a whole."""
        there = {(run["variant"], run["seed"]) for run in self._runs()}
        return [job for job in jobs if not {(name, job.seed) for name in (job.variant, *job.others)} <= there]

    def add(self, runs: Runs) -> dict[str, Any]:
        """Put runs into the file, unless they are there."""
        order = [variant["name"] for variant in self.begun["variants"]]
        with locked_folder(self.path.parent):
            found = {(run["variant"], run["seed"]): run for run in [*runs, *self._runs()]}
            ordered = sorted(found.values(), key=lambda run: (order.index(run["variant"]), run["seed"]))
            record = judged({**self.begun, "runs": ordered})
            old = load_record(self.path) if self.path.exists() else None
            if old:
                record["environment"] = old["environment"]
            if record != old and ordered:
                save_record(self.path, record)
        return record

    def _runs(self) -> Runs:
        return load_record(self.path)["runs"] if self.path.exists() else []


def _check_same(path: Path, there: dict[str, Any], begun: dict[str, Any]) -> None:
    """Refuse to mix runs that were made in different ways."""
    if there["kind"] != "study":
        raise ValueError(f"{str(path)!r} is no record of a study, but of kind {there['kind']!r}: name another folder")
    for field, old, new in _compared(there, begun):
        if old != new:
            raise ValueError(
                f"{str(path)!r} was recorded with {field}={old!r}, and now it is {new!r}: runs that were made in "
                "different ways are not compared. Delete the file to record the study anew, or name another folder."
            )


def _compared(there: dict[str, Any], begun: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name, value in begun["recipe"].items():
        yield name, there["recipe"].get(name), value
    for split in ("train", "test"):
        for name in ("name", "images", "fingerprint"):
            yield f"{split} set's {name}", there["images"][split].get(name), begun["images"][split][name]
    for name in SAME:
        yield name, there["environment"][name], begun["environment"][name]
    definitions = {variant["name"]: variant["definition"] for variant in begun["variants"]}
    for variant in there["variants"]:
        if any(run["variant"] == variant["name"] for run in there["runs"]):
            name = variant["name"]
            yield f"the definition of variant {name} (a checksum)", variant["definition"], definitions.get(name)


def _here(study: Study, jobs: Sequence[Job], in_time: Callable[[float], bool]) -> Iterator[Runs]:
    """Make the runs one after the other in this process."""
    longest = 0.0
    for job in jobs:
        if not in_time(longest):
            return
        started = time.monotonic()
        yield run_job(study, job)
        longest = max(longest, time.monotonic() - started)


def _work(module: str, name: str, job: Job) -> Runs:
    return run_job(studies_in(module)[name], job)
