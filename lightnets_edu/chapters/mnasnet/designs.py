"""Chapter 11's table: every design of a small search space, trained once and timed; searches are replayed on it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

from lightnets_edu.models.search_space import Design, evolution, pareto_front, random_search, reward
from lightnets_edu.recording.design_record import DESIGN_SPACE
from lightnets_edu.records import load_record, recorded_file
from lightnets_edu.statistics import spearman

TOP_SHARE = 0.02  # the designs that count as found


@dataclass(frozen=True)
class TrainedDesign:
    """What is known of a design.

    Attributes:
        design: The design.
        parameters: Of the network.
        macs: For one image.
        accuracy: Per cent of the images held out from the training that are right: what a search may see.
        test_accuracy: Per cent of the test images; no search sees it.
        time: Of one image, as a multiple of the first design's.
    """

    design: Design
    parameters: int
    macs: int
    accuracy: float
    test_accuracy: float
    time: float


@dataclass(frozen=True)
class Effect:
    """What one choice of one stage changes, as a mean over all pairs of designs that differ in it alone.

    Attributes:
        macs: Factor of the MACs (geometric mean).
        time: Factor of the time (likewise).
        accuracy: Points of accuracy that are added, on the images held out.
        pairs: Number of pairs.
    """

    macs: float
    time: float
    accuracy: float
    pairs: int


class DesignTable:
    """All designs of the space, with both objectives.

    Attributes:
        designs: What is known of each.
        first: The smallest design; its time and its MACs are the targets of the objectives.
        milliseconds: Of one image in the first design.
        again: For each design that was trained with several seeds its accuracies in per cent, the first seed's first.

    Args:
        record: Of kind ``"designs"``, complete and timed.

    Raises:
        ValueError: If it is not.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        named = {design.name: design for design in DESIGN_SPACE.designs()}
        if [row["design"] for row in record["rows"]] != list(named) or record["timing"] is None:
            missing = "" if record["timing"] else " and no times"
            raise ValueError(
                f"the record has {len(record['rows'])} of {len(named)} designs{missing}, and a search needs them all: "
                "python -m lightnets_edu record --designs goes on with it"
            )
        self.designs = {
            named[row["design"]]: TrainedDesign(
                named[row["design"]],
                row["parameters"],
                row["macs"],
                100 * row["accuracy"],
                100 * row["test_accuracy"],
                row["relative_time"],
            )
            for row in record["rows"]
        }
        self.first = self.designs[named[record["timing"]["reference"]]]
        self.milliseconds: float = record["timing"]["milliseconds"]
        self.again = {row["design"]: [self.designs[named[row["design"]]].accuracy] for row in record["repeats"]}
        for row in record["repeats"]:
            self.again[row["design"]].append(100 * row["accuracy"])

    def by_time(self, design: Design) -> float:
        """MnasNet's soft objective, in per cent: an accuracy that is worth as much in the first design's time."""
        known = self.designs[design]
        return reward(known.accuracy, known.time, self.first.time)

    def by_macs(self, design: Design) -> float:
        """The same with MACs in place of the time, as it was used to find EfficientNet (Tan and Le 2019, section 4)."""
        known = self.designs[design]
        return reward(known.accuracy, known.macs, self.first.macs)

    def best(self, count: int, value: Callable[[Design], float]) -> list[TrainedDesign]:
        """The best designs of the whole space by an objective, the best one first."""
        return [self.designs[design] for design in sorted(self.designs, key=value, reverse=True)[:count]]

    def top(self) -> set[Design]:
        """The best ``TOP_SHARE`` of all designs by the objective with the time."""
        return {known.design for known in self.best(round(TOP_SHARE * len(self.designs)), self.by_time)}

    def front(self) -> list[TrainedDesign]:
        """The designs that no other beats in time and accuracy, the fastest first."""
        rows = list(self.designs.values())
        return [rows[index] for index in pareto_front([(row.time, row.accuracy) for row in rows])]

    def effect(self, choice: str) -> Effect:
        """What the second of two values of a choice does, in place of the first.

        Args:
            choice: ``"depth"``, ``"kernel_size"``, ``"expand_ratio"`` or ``"squeeze"``.
        """
        less, more = getattr(DESIGN_SPACE, choice)
        pairs = []
        for design, known in self.designs.items():
            for place, stage in enumerate(design.stages):
                if getattr(stage, choice) == less:
                    stages = list(design.stages)
                    stages[place] = replace(stage, **{choice: more})
                    pairs.append((known, self.designs[replace(design, stages=tuple(stages))]))
        return Effect(
            macs=float(np.exp(np.mean([np.log(b.macs / a.macs) for a, b in pairs]))),
            time=float(np.exp(np.mean([np.log(b.time / a.time) for a, b in pairs]))),
            accuracy=float(np.mean([b.accuracy - a.accuracy for a, b in pairs])),
            pairs=len(pairs),
        )

    def random_search(self, seed: int, trainings: int | None = None) -> list[Design]:
        """The designs that a random search tries, in their order (None: until there is no other)."""
        return random_search(DESIGN_SPACE, trainings or len(self.designs), random.Random(seed))

    def evolution(
        self, seed: int, trainings: int | None = None, value: Callable[[Design], float] | None = None
    ) -> list[Design]:
        """The designs that an evolution tries, in their order; its first ones are those of the random search.

        Args:
            seed: Of all chance.
            trainings: So many (None: until there is no other design).
            value: The objective (None: the one with the time).
        """
        return evolution(DESIGN_SPACE, value or self.by_time, trainings or len(self.designs), random.Random(seed))

    def best_so_far(self, tried: Sequence[Design]) -> list[float]:
        """The best reward, by time, after each training, in per cent."""
        return list(np.maximum.accumulate([self.by_time(design) for design in tried]))

    def scatter_of_seeds(self) -> float:
        """Standard deviation of a design's accuracy over seeds, in points, pooled over those trained several times."""
        return float(np.sqrt(np.mean([np.var(values, ddof=1) for values in self.again.values()])))

    def scatter_of_designs(self) -> float:
        """Standard deviation of the accuracy over all designs, one training each, in points."""
        return float(np.std([known.accuracy for known in self.designs.values()], ddof=1))

    def rank_agreement(self) -> float:
        """How alike two trainings sort the designs: Spearman's correlation, mean over the pairs of seeds."""
        by_seed = list(zip(*self.again.values(), strict=True))
        return float(np.mean([spearman(a, b) for a, b in combinations(by_seed, 2)]))


@cache
def design_table(device: str = "cpu") -> DesignTable:
    """The recorded table of a device.

    Raises:
        ValueError: If it was not recorded there, or not to its end.
    """
    return DesignTable(load_record(recorded_file(device, "designs")))
