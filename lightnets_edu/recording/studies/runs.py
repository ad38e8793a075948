"""One run of a study: a variant and a seed, and all that is measured of its trained network."""

from __future__ import annotations

import ast
import copy
import inspect
import math
import re
import textwrap
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from lightnets_edu.counting import count
from lightnets_edu.recording.networks import has_batch_norm, start_without_norm
from lightnets_edu.recording.studies.declaration import ACCURACY, Context, Study, Variant
from lightnets_edu.runtime.environment import cpu_threads
from lightnets_edu.training import ImageDataset, TrainConfig, load_dataset, seed_everything, train

QUICK_EPOCHS, QUICK_IMAGES, QUICK_TEST_IMAGES = 2, 1000, 500
DIGITS = 6  # of a measure in a record


@dataclass(frozen=True)
class Job:
    """A run to be made; it can be sent to another process.

    Attributes:
        variant: The variant that is trained or run.
        others: Those that work on its trained network.
        seed: Of everything random.
        device: Where.
        threads: Of one PyTorch operation on a CPU (None: as many as now).
        quick: Whether it is a quick look.
    """

    variant: str
    others: tuple[str, ...]
    seed: int
    device: torch.device
    threads: int | None
    quick: bool = False


def recipe_of(study: Study, quick: bool = False) -> TrainConfig:
    """The settings of a study's trainings; of a quick look, those of a much shorter one."""
    if not quick:
        return study.recipe
    epochs = min(QUICK_EPOCHS, study.recipe.epochs)
    return replace(study.recipe, epochs=epochs, warmup_epochs=min(study.recipe.warmup_epochs, epochs / 4))


def image_sets(study: Study, quick: bool = False) -> tuple[ImageDataset, ImageDataset]:
    """The images that a study trains and tests on."""
    train_set = _loaded(study.data, "train", study.train_images, study.classes)
    test_set = _loaded(study.data, "test", study.test_images, study.classes)
    if not quick:
        return train_set, test_set
    return tuple(  # type: ignore[return-value]  # two of them
        images.first(min(most, len(images)))
        for images, most in ((train_set, QUICK_IMAGES), (test_set, QUICK_TEST_IMAGES))
    )


@cache
def _loaded(data: str, split: str, limit: int | None, classes: tuple[str, ...]) -> ImageDataset:
    found = load_dataset(data, split, limit)
    if not isinstance(found, ImageDataset):
        raise ValueError(f"a study's images are held in memory, and those of {data!r} are read from files")
    return found.of_classes(classes) if classes else found


def run_job(study: Study, job: Job) -> list[dict[str, Any]]:
    """Make a run, and what comes after it.

    On a CPU the same job gives the same numbers to the last bit, beside other processes or alone.

    Returns:
        One entry for the record's ``runs`` for the variant and for each of those that come after it.

    Raises:
        ValueError: If a function of the study gives what is no measure of it.
        TrainingDivergedError: If the loss becomes infinite or not a number.
    """
    train_set, test_set = image_sets(study, job.quick)
    recipe = replace(recipe_of(study, job.quick), seed=job.seed)
    context = Context(job.seed, recipe, train_set, test_set, job.device, job.quick)
    variant = study.variant(job.variant)
    with cpu_threads(job.threads):
        if variant.build is None:
            return [_called(study, variant, context)]
        started = time.perf_counter()
        seed_everything(job.seed)
        model = variant.build()
        if not has_batch_norm(model):
            start_without_norm(model)
        result = train(model, train_set, test_set, recipe, device=job.device, progress=False)
        context = replace(context, model=model)
        measures = {ACCURACY.name: 100 * result.last_test_accuracy}
        if study.measure:
            measures |= study.measure(context)
        curve = {
            "train_loss": [round(epoch.train_loss, 4) for epoch in result.history],
            "test_accuracy": [round(epoch.test_accuracy, 4) for epoch in result.history],
        }
        entries = [_entry(study, variant, job.seed, measures, started, curve)]
        for name in job.others:
            entries.append(_called(study, study.variant(name), replace(context, model=copy.deepcopy(model))))
    return entries


def _called(study: Study, variant: Variant, context: Context) -> dict[str, Any]:
    """A variant that is a function."""
    assert variant.run is not None
    started = time.perf_counter()
    seed_everything(context.seed)
    return _entry(study, variant, context.seed, variant.run(context), started, None)


def _entry(
    study: Study, variant: Variant, seed: int, measures: Mapping[str, float], started: float, curve: dict | None
) -> dict[str, Any]:
    known = [measure.name for measure in study.measures]
    for name, value in measures.items():
        if name not in known or not math.isfinite(value):
            raise ValueError(
                f"variant {variant.name!r} of study {study.name!r} gave {name}={value!r}: a run gives finite numbers "
                f"for the study's measures, which are {', '.join(known)}"
            )
    return {
        "variant": variant.name,
        "seed": seed,
        "curve": curve,
        "measures": {name: float(f"{value:.{DIGITS}g}") for name, value in measures.items()},
        "seconds": round(time.perf_counter() - started, 1),
    }


def described_variants(study: Study) -> list[dict[str, Any]]:
    """The record's ``variants``: what each is, what it costs, and a checksum of its definition.

    Raises:
        ValueError: If what is to be held equal is not; the sentence has the values.
    """
    found = [_described(study, variant) for variant in study.variants]
    for held in study.held_equal:
        values = {entry["name"]: entry[held.what] for entry in found if entry["name"] in held.variants}
        if max(values.values()) > (1 + held.tolerance) * min(values.values()):
            listed = ", ".join(f"{name} has {value:,}" for name, value in values.items())
            raise ValueError(
                f"study {study.name!r} holds {held.what} equal to {held.tolerance:.1%}, but {listed}: the "
                "comparison would not be fair"
            )
    return found


def _described(study: Study, variant: Variant) -> dict[str, Any]:
    parameters = macs = None
    definition: dict[str, Any] = {"after": variant.after, "data": study.data}
    if variant.build:
        with torch.device("meta"):
            model = variant.build().eval()
        size = study.recipe.image_size
        table = count(model, (1, study.recipe.channels, size, size))
        parameters, macs = table.params, table.macs
        definition |= {"cost": [parameters, macs, table.activations, table.memory_access], "layers": _layers(model)}
        definition["measure"] = _source(study.measure) if study.measure else None
    else:
        assert variant.run is not None
        definition["run"] = _source(variant.run)
    return {
        "name": variant.name,
        "description": variant.description,
        "after": variant.after,
        "parameters": parameters,
        "macs": macs,
        "definition": f"{zlib.crc32(repr(definition).encode()):08x}",
    }


def _layers(model: nn.Module) -> list[tuple[str, str]]:
    """Every module's name and class, and every tensor's name and shape."""
    modules = [(name, type(module).__name__) for name, module in model.named_modules()]
    return modules + [(name, str(list(value.shape))) for name, value in model.state_dict().items()]


def _source(function: Callable[..., Any]) -> str:
    """A function's code, without comments and docstrings, with the arguments that ``partial`` fixed."""
    if isinstance(function, partial):
        fixed = [(None, value) for value in function.args] + list(function.keywords.items())
        return f"{_source(function.func)} with {[(name, _named(value)) for name, value in fixed]}"
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except SyntaxError:
        raise ValueError(
            "a study's function should have a def of its own: what a lambda does is not recorded"
        ) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.unparse(tree)


def _named(value: object) -> str:
    return getattr(value, "__qualname__", "") or re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
