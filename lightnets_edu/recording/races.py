"""Two networks, or two blocks, timed in turns on one machine: the clock's side of "why is it slower?".

A chapter declares its races in ``chapters/<chapter>/races.py``::

    RACES = (
        Race(
            "se_block",
            "Why does a gate cost more time than MACs?",
            Side("without gate", partial(Bottleneck, 256, 64, 256), (2, 256, 28, 28)),
            Side("with gate", partial(SEBottleneck, 256, 64, 256), (2, 256, 28, 28)),
        ),
    )
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from lightnets_edu.checks import one_of
from lightnets_edu.discovery import chapter_modules
from lightnets_edu.recording.plan import device_folder
from lightnets_edu.records import save_record
from lightnets_edu.runtime import describe_environment, resolve_device
from lightnets_edu.runtime.files import check_writable
from lightnets_edu.timing import Operation, forward_step, keep_memory, operations, time_interleaved
from lightnets_edu.timing.in_place import PassInPlace

ROUNDS = 15  # of both sides in turns, at least
SECONDS = 8.0  # of samples for each race, at least


@dataclass(frozen=True)
class Side:
    """One of two networks.

    Attributes:
        label: What a page calls it.
        build: Builds it.
        input_size: (N, C, H, W).
    """

    label: str
    build: Callable[[], nn.Module]
    input_size: tuple[int, int, int, int]

    def operations(self) -> list[Operation]:
        """What a forward pass runs; nothing is computed."""
        with torch.device("meta"):
            network = self.build().eval()
        return operations(network, self.input_size)


@dataclass(frozen=True)
class Race:
    """Two networks to be timed in turns.

    Attributes:
        name: Its name.
        question: What a page asks about it.
        first: The one that the other is compared with.
        second: The other one.
        per_image: Compare the times of an image, where the two have batches of different size.
    """

    name: str
    question: str
    first: Side
    second: Side
    per_image: bool = False

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both, in their order."""
        return self.first, self.second

    @property
    def images(self) -> tuple[int, int]:
        """By how many images the time of each side's pass is divided."""
        if self.per_image:
            return self.first.input_size[0], self.second.input_size[0]
        return 1, 1


@cache
def _races() -> dict[str, Race]:
    found: dict[str, Race] = {}
    for module in chapter_modules("races"):
        for race in importlib.import_module(module).RACES:
            if race.name in found:
                raise TypeError(f"two races have the name {race.name!r}; the second is in {module}")
            found[race.name] = race
    return found


def list_races() -> list[str]:
    """The names of all races, in alphabetical order."""
    return sorted(_races())


def get_race(name: str) -> Race:
    """A race by its name.

    Raises:
        ValueError: If there is none; the sentence lists all.
    """
    one_of("race", name, list_races())
    return _races()[name]


def record_races(
    folder: str | Path,
    device: str | torch.device = "auto",
    *,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    progress: bool = True,
) -> Path:
    """Time the races and write ``races.json`` into the device's folder (about two minutes).

    Args:
        folder: The folder of all records.
        device: As for ``resolve_device``.
        rounds: Of both sides in turns, at least.
        seconds: Of samples for each race, at least.
        progress: Show a bar over the races, on standard error.

    Returns:
        The file.

    Raises:
        ValueError: If there is no such device.
        OSError: If the file cannot be written.
    """
    device = resolve_device(device)
    races = [get_race(name) for name in list_races()]
    path = Path(folder, device_folder(device), "races.json")
    check_writable(path)
    kept = device.type == "cpu" and keep_memory()
    record: dict[str, Any] = {
        "schema": 1,
        "kind": "races",
        "environment": describe_environment(device),
        "settings": {"amp": "off", "channels_last": False, "keeps_memory": kept},
        "races": [],
    }
    for race in tqdm(races, unit="race", disable=not progress):
        steps = {
            str(i): forward_step(side.build(), side.input_size, device=device) for i, side in enumerate(race.sides)
        }
        # Whole passes and passes whose operations are timed, all in turns.
        watched = {}
        if device.type == "cpu":
            watched = {
                f"{i} in place": PassInPlace(steps[str(i)], side.operations()) for i, side in enumerate(race.sides)
            }
        timings = time_interleaved({**steps, **watched}, device=device, repeats=rounds, min_seconds=seconds)
        sides = [
            {
                "label": side.label,
                "input_size": list(side.input_size),
                "macs": sum(op.macs for op in side.operations()),
                "measured": {key: value for key, value in timings[str(i)].to_dict().items() if key != "samples"},
                "in_place": _by_class(watched[f"{i} in place"]) if watched else None,
            }
            for i, side in enumerate(race.sides)
        ]
        record["races"].append({"name": race.name, "sides": sides})
    save_record(path, record)
    return path


def _by_class(in_place: PassInPlace) -> dict[str, float]:
    """The seconds of all operations of each class, in the network."""
    found: dict[str, float] = {}
    for op, taken in zip(in_place.ops, in_place.seconds, strict=True):
        found[op.kind] = found.get(op.kind, 0.0) + taken
    return found
