"""The record of all designs of a small search space, each trained once and timed: any search can be replayed on it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from lightnets_edu.checks import whole_number
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.search_space import Design, DesignedNetwork, SearchSpace, layers
from lightnets_edu.recording.plan import device_folder
from lightnets_edu.recording.studies.declaration import RECIPE
from lightnets_edu.recording.workers import in_processes
from lightnets_edu.records import load_record, save_record
from lightnets_edu.runtime.environment import cpu_threads, describe_environment, resolve_device
from lightnets_edu.runtime.files import check_writable
from lightnets_edu.timing import forward_step, time_interleaved
from lightnets_edu.training import ImageDataset, TrainConfig, evaluate, load_fashion_mnist, seed_everything, train

SAME = ("space", "config", "images")  # of the record, and of its environment the next two, for all its trainings
SAME_ENVIRONMENT = ("device_name", "torch")

# Two stages of the paper's choices: 0.4 to 2.1 M MACs for images of 28 x 28, few enough that each can be trained.
DESIGN_SPACE = SearchSpace(((24,), (48,)), depth=(1, 2), kernel_size=(3, 5), expand_ratio=(3, 6), stem_stride=2)
DESIGN_RECIPE = replace(RECIPE, epochs=4, channels=3)  # about four seconds on one core


@dataclass(frozen=True)
class DesignPlan:
    """Which designs, how they are trained and timed.

    Attributes:
        space: All its designs are recorded, on images of one size.
        config: Of the trainings; short, because there are many.
        train_images: The first of the training images, to learn from; the others are held out, to judge a design by.
        every: Of so many designs one is trained again, to see how far the same design scatters.
        seeds: Trainings of each of those.
        rounds: Timings of each design, in turns with the first one's.
    """

    space: SearchSpace = DESIGN_SPACE
    config: TrainConfig = DESIGN_RECIPE
    train_images: int = 4000
    every: int = 15  # and not a divisor of the choices of a stage, which would keep that stage the same
    seeds: int = 3
    rounds: int = 201

    @property
    def size(self) -> int:
        """The side of the images in pixels."""
        return self.config.image_size

    def image_sets(self) -> dict[str, ImageDataset]:
        """The images to learn from, those to judge designs by, and those that no search may see."""
        return _image_sets(self.train_images)


@cache
def _image_sets(train_images: int) -> dict[str, ImageDataset]:
    whole, test = load_fashion_mnist("train"), load_fashion_mnist("test")
    rest = replace(whole, images=whole.images[train_images:], labels=whole.labels[train_images:])
    return {"train": whole.first(train_images), "held_out": rest, "test": test}


@dataclass(frozen=True)
class _Training:
    """One design, one seed; it can be sent to another process."""

    design: Design
    seed: int
    device: torch.device


def record_designs(
    folder: str | Path,
    device: str | torch.device = "auto",
    *,
    plan: DesignPlan | None = None,
    trains: bool = True,
    times: bool = True,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Train every design of a space once and some of them again, then time all of them; write ``designs.json``.

    The record is written after each training; the same call goes on where another one ended. The times come last, with
    nothing beside them, on one thread of a CPU.

    Args:
        folder: The folder of all records; the file is in the device's own.
        device: As for ``resolve_device``.
        plan: What to record (None: the book's).
        trains: Make the trainings that are not there yet.
        times: Time the designs: if they have no times yet, or if nothing is trained in this call.
        workers: Processes that train (None: as many as cores on a CPU, one elsewhere).
        progress: Show bars on standard error.

    Returns:
        The file.

    Raises:
        ValueError: If the device is not there, or the file was recorded in another way, or there is nothing to time.
        RecordError: If the file there is not a valid record.
        OSError: If the file cannot be written.
    """
    plan, device = plan or DesignPlan(), resolve_device(device)
    path = Path(folder, device_folder(device), "designs.json")
    check_writable(path)
    with cpu_threads(1 if device.type == "cpu" else None):
        record = _begun(plan, device)
        if path.exists():
            record = _gone_on_with(path, record)
        if trains:
            for training, found in _trained(plan, _missing(plan, record, device), workers, progress):
                _add(record, plan, training, found)
                save_record(path, record)
        if times and (record["timing"] is None or not trains):
            _time(record, plan, device, progress)
            save_record(path, record)
    return path


def _begun(plan: DesignPlan, device: torch.device) -> dict[str, Any]:
    config = plan.config.to_dict()
    del config["seed"]  # each training's own
    return {
        "schema": 1,
        "kind": "designs",
        "space": {name: _listed(value) for name, value in asdict(plan.space).items()},
        "config": config,
        "images": {name: images.describe() for name, images in plan.image_sets().items()},
        "rows": [],
        "repeats": [],
        "timing": None,
        "environment": describe_environment(device),
    }


def _listed(value: Any) -> Any:
    """Tuples as the lists that JSON gives back."""
    return [_listed(one) for one in value] if isinstance(value, tuple | list) else value


def _gone_on_with(path: Path, begun: dict[str, Any]) -> dict[str, Any]:
    """The record that is there, if its trainings were made in this way."""
    there = load_record(path)
    if there["kind"] != "designs":
        raise ValueError(f"{str(path)!r} is no record of designs, but of kind {there['kind']!r}: name another folder")
    pairs = [(name, there[name], begun[name]) for name in SAME]
    pairs += [(name, there["environment"][name], begun["environment"][name]) for name in SAME_ENVIRONMENT]
    for name, old, new in pairs:
        if old != new:
            raise ValueError(
                f"{str(path)!r} was recorded with {name}={old!r}, and now it is {new!r}: designs that were trained in "
                "different ways are not compared. Delete the file to record them anew, or name another folder."
            )
    return there


def _missing(plan: DesignPlan, record: dict[str, Any], device: torch.device) -> list[_Training]:
    """The trainings that are not in the record: each design once, then further seeds of some."""
    designs = list(plan.space.designs())
    wanted = [_Training(design, 0, device) for design in designs]
    wanted += [_Training(d, seed, device) for seed in range(1, plan.seeds) for d in designs[:: plan.every]]
    there = {(row["design"], 0) for row in record["rows"]}
    there |= {(row["design"], row["seed"]) for row in record["repeats"]}
    return [training for training in wanted if (training.design.name, training.seed) not in there]


def _trained(
    plan: DesignPlan, trainings: list[_Training], workers: int | None, progress: bool
) -> Iterator[tuple[_Training, dict[str, float]]]:
    """Each training with what came out, as soon as it is done."""
    if not trainings:
        return
    if workers is None:
        workers = (os.cpu_count() or 1) if trainings[0].device.type == "cpu" else 1
    workers = min(whole_number("workers", workers, 1), len(trainings))
    work = partial(_train, plan)
    made: Iterable = map(work, trainings) if workers == 1 else in_processes(work, trainings, workers)
    yield from tqdm(made, total=len(trainings), unit="training", desc="designs", disable=not progress)


def _train(plan: DesignPlan, training: _Training) -> tuple[_Training, dict[str, float]]:
    """Train a design; on a CPU the same training gives the same numbers to the last bit."""
    images, config = plan.image_sets(), replace(plan.config, seed=training.seed)
    seed_everything(training.seed)
    model = DesignedNetwork(training.design)
    after_each_epoch = images["held_out"].first(config.batch_size)  # nobody reads it: both sets are tested at the end
    result = train(model, images["train"], after_each_epoch, config, device=training.device, progress=False)
    how: dict[str, Any] = {"image_size": config.image_size, "channels": config.channels}
    how |= {"device": training.device, "normalisation": result.normalisation}
    judged = {name: evaluate(model, images[name], **how)[1] for name in ("held_out", "test")}
    return training, {"accuracy": round(judged["held_out"], 5), "test_accuracy": round(judged["test"], 5)}


def _add(record: dict[str, Any], plan: DesignPlan, training: _Training, found: dict[str, float]) -> None:
    """Put a training into the record, in the order of the space's designs."""
    design = training.design
    if training.seed:
        record["repeats"].append({"design": design.name, "seed": training.seed, **found})
    else:
        cost = network_cost(layers(design, size=plan.size))
        about = {"design": design.name, "parameters": cost.params, "macs": cost.macs}
        record["rows"].append({**about, **found, "relative_time": None})
        record["timing"] = None  # of fewer designs
    order = {one.name: place for place, one in enumerate(plan.space.designs())}
    record["rows"].sort(key=lambda row: order[row["design"]])
    record["repeats"].sort(key=lambda row: (order[row["design"]], row["seed"]))


def _time(record: dict[str, Any], plan: DesignPlan, device: torch.device, progress: bool) -> None:
    """Time one image of each design in turns with the space's first one, and keep the tenth percentiles' ratio."""
    designs = {design.name: design for design in plan.space.designs()}
    if len(record["rows"]) < len(designs):
        raise ValueError(
            f"{len(record['rows'])} of {len(designs)} designs are trained: the times are taken when all of them are"
        )
    size = (1, plan.config.channels, plan.size, plan.size)
    layout = plan.config.in_channels_last(device.type)

    def step(design: Design) -> Any:
        return forward_step(DesignedNetwork(design), size, device=device, channels_last=layout)

    first = next(iter(designs.values()))
    reference, fastest = step(first), float("inf")
    for row in tqdm(record["rows"], unit="design", desc="times", disable=not progress):
        steps = {"this": step(designs[row["design"]]), "first": reference}
        timings = time_interleaved(steps, device=device, repeats=plan.rounds)
        row["relative_time"] = round(timings["this"].p10 / timings["first"].p10, 4)
        fastest = min(fastest, timings["first"].p10)
    record["timing"] = {
        "reference": first.name,
        "milliseconds": round(1000 * fastest, 4),
        "rounds": plan.rounds,
        "channels_last": layout,
        "environment": describe_environment(device),
    }
