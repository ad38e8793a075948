"""Chapter 11's study: does evolution beat random search, and what does a search find that counts MACs?"""

from __future__ import annotations

from functools import partial

from lightnets_edu.chapters.mnasnet.designs import design_table
from lightnets_edu.recording import device_folder
from lightnets_edu.recording.studies import Comparison, Context, Evidence, Measure, Study, Variant

TRAININGS = 20  # that a search may make
MORE_TRAININGS = 40


def search(context: Context, evolves: bool, counts_macs: bool = False) -> dict[str, float]:
    """One search on the table of designs, and what the design is worth that it finds.

    Args:
        context: Of the run: the seed, and the device whose table is searched.
        evolves: Evolution, or else random search.
        counts_macs: The objective has MACs in place of the time. What was found is measured by the time all the same.
    """
    table = design_table(device_folder(context.device))
    value = table.by_macs if counts_macs else table.by_time
    tried = table.evolution(context.seed, value=value) if evolves else table.random_search(context.seed)
    found, later = (max(tried[:count], key=value) for count in (TRAININGS, MORE_TRAININGS))
    known, top = table.designs[found], table.top()
    measures = {"reward": table.by_time(found), "later_reward": table.by_time(later)}
    measures |= {"time": known.time, "macs": known.macs / 1e6, "test_accuracy": known.test_accuracy}
    if not counts_macs:
        measures["needed"] = 1 + next(place for place, design in enumerate(tried) if design in top)
    return measures


STUDY = Study(
    name="mnasnet",
    claim="A search that learns from the networks it has trained finds better ones than random search with as many "
    "trainings.",
    source="the idea of the search in Tan et al. 2019, arXiv:1807.11626v3, section 4.2; here evolution learns, there a "
    "recurrent network",
    evidence=(
        Evidence("the search itself", "about 8,000 networks, five epochs each, 4.5 days on 64 TPUs", "section 5"),
        Evidence(
            "time and accuracy in the objective instead of accuracy alone, the same space of cells",
            "100 ms and 72.0 % instead of 183 ms and 74.0 %",
            "table 5",
        ),
        Evidence("the same objective in MnasNet's space, which chooses for each stage", "78 ms and 75.2 %", "table 5"),
        Evidence(
            "why not count MACs: MobileNetV1 beside NASNet",
            "575 M MACs in 113 ms, 564 M MACs in 183 ms",
            "section 1",
        ),
    ),
    variants=(
        Variant("evolution", "evolution", run=partial(search, evolves=True)),
        Variant("random", "random search", run=partial(search, evolves=False)),
        Variant("macs", "evolution with MACs in the objective", run=partial(search, evolves=True, counts_macs=True)),
    ),
    comparisons=(
        Comparison("evolution", "random", by=0.5),
        Comparison(
            "evolution",
            "random",
            by=10,  # of the 43 that random search needs: (designs + 1) / (designs that count + 1)
            measure="needed",
            claim="Evolution needs fewer trainings than random search to find one of the best two per cent.",
        ),
        Comparison(
            "evolution",
            "macs",
            by=0.5,
            claim="A search with the time in its objective finds designs of a higher reward than one with MACs.",
        ),
        Comparison(
            "evolution",
            "macs",
            by=0.1,
            measure="time",
            claim="A search with the time in its objective finds faster designs than one with MACs.",
        ),
        Comparison(
            "evolution",
            "macs",
            by=0.5,
            kind="no worse",
            measure="test_accuracy",
            claim="The designs found with the time are no less accurate than those found with MACs.",
        ),
    ),
    measures=(
        Measure("reward", f"reward of the best design after {TRAININGS} trainings", "%", digits=2),
        Measure(
            "needed",
            "number of trainings until one of the best two per cent is found",
            better="lower",
        ),
        Measure("time", "time of the design found relative to the smallest design's", better="lower", digits=2),
        Measure("test_accuracy", "test accuracy of the design found", "%"),
        Measure("macs", "number of MACs of the design found", "M", better="lower", digits=2),
        Measure("later_reward", f"reward of the best design after {MORE_TRAININGS} trainings", "%", digits=2),
    ),
)
