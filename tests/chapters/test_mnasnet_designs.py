"""Chapter 11's table of designs and the searches on it: by hand on a made-up table, replayed on the recorded one."""

from __future__ import annotations

import random
from statistics import stdev

import pytest
import torch

from lightnets_edu.chapters.mnasnet.designs import DesignTable, design_table
from lightnets_edu.chapters.mnasnet.figures import design_chart
from lightnets_edu.chapters.mnasnet.study import STUDY
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.search_space import layers
from lightnets_edu.recording.design_record import DESIGN_SPACE, DesignPlan
from lightnets_edu.recording.studies.runs import Job, run_job
from lightnets_edu.records import recorded_devices, recorded_study, studied_devices
from lightnets_edu.records.library import results_folder

DEVICE = torch.device("cpu")
NAMES = [design.name for design in DESIGN_SPACE.designs()]
RECORDED = [device for device in recorded_devices() if (results_folder() / device / "designs.json").is_file()]


def made_up() -> dict:
    """A record in which nothing was trained."""
    draw = random.Random(1)
    rows = [
        {
            "design": name,
            "parameters": 1000,
            "macs": draw.randint(10**5, 10**6),
            "accuracy": 0.8 + 0.1 * draw.random(),
            "test_accuracy": 0.8 + 0.1 * draw.random(),
            "relative_time": 1.0 if name == NAMES[0] else 1 + draw.random(),
        }
        for name in NAMES
    ]
    repeats = [
        {"design": name, "seed": seed, "accuracy": 0.8 + 0.1 * draw.random(), "test_accuracy": 0.8}
        for name in NAMES[::50]
        for seed in (1, 2)
    ]
    return {"rows": rows, "repeats": repeats, "timing": {"reference": NAMES[0], "milliseconds": 0.5}}


@pytest.fixture
def table() -> DesignTable:
    return DesignTable(made_up())


def test_both_objectives_by_hand(table):
    rows = made_up()["rows"]
    for row, design in zip(rows, table.designs, strict=True):
        assert table.by_time(design) == pytest.approx(100 * row["accuracy"] * row["relative_time"] ** -0.07)
        ratio = row["macs"] / rows[0]["macs"]
        assert table.by_macs(design) == pytest.approx(100 * row["accuracy"] * ratio**-0.07)
    rewards = sorted((100 * row["accuracy"] * row["relative_time"] ** -0.07 for row in rows), reverse=True)
    assert sorted(map(table.by_time, table.top()), reverse=True) == pytest.approx(rewards[:5])  # 2 % of 256
    assert [table.by_time(known.design) for known in table.best(3, table.by_time)] == pytest.approx(rewards[:3])


def test_nothing_beats_the_front_and_the_rest_is_beaten(table):
    front, rows = table.front(), list(table.designs.values())
    for row in rows:
        beaten = any(o.time <= row.time and o.accuracy >= row.accuracy and o is not row for o in rows)
        assert beaten == (row not in front)
    assert table.best(1, table.by_time)[0] in front


def test_the_scatter_of_seeds(table):
    record = made_up()
    first = {row["design"]: row["accuracy"] for row in record["rows"]}
    runs = {n: [first[n], *(r["accuracy"] for r in record["repeats"] if r["design"] == n)] for n in NAMES[::50]}
    assert table.again == {name: pytest.approx([100 * value for value in values]) for name, values in runs.items()}
    pooled = (sum(stdev(values) ** 2 for values in runs.values()) / len(runs)) ** 0.5
    assert table.scatter_of_seeds() == pytest.approx(100 * pooled)
    assert -1 <= table.rank_agreement() <= 1


def test_three_trainings_that_agree():
    record = made_up()
    first = {row["design"]: row["accuracy"] for row in record["rows"]}
    for row in record["repeats"]:
        row["accuracy"] = first[row["design"]] - 0.01 * row["seed"]
    table = DesignTable(record)
    assert table.rank_agreement() == pytest.approx(1) and table.scatter_of_seeds() == pytest.approx(1)


def test_the_effect_of_a_choice():
    """Where each choice multiplies the time and adds to the accuracy by itself, its effect is that factor and sum."""
    record = made_up()
    for row in record["rows"]:
        deep, gated, wide = map(row["design"].count, ("×2", "SE", "t6"))
        row["relative_time"], row["accuracy"] = 1.5**deep * 1.2**gated, 0.7 + 0.01 * deep + 0.02 * gated
        row["macs"] = 1000 * 2**wide
    table = DesignTable(record)
    depth, squeeze, expansion = map(table.effect, ("depth", "squeeze", "expand_ratio"))
    assert (depth.time, depth.accuracy, depth.macs) == pytest.approx((1.5, 1, 1))
    assert (squeeze.time, squeeze.accuracy, squeeze.macs) == pytest.approx((1.2, 2, 1))
    assert (expansion.time, expansion.accuracy, expansion.macs) == pytest.approx((1, 0, 2), abs=1e-9)
    assert depth.pairs == 2 * 128  # half of the designs, for each of two stages


def test_both_searches_begin_alike_and_get_no_worse(table):
    for seed in range(5):
        at_random, evolved = table.random_search(seed, 30), table.evolution(seed, 30)
        assert at_random[:8] == evolved[:8] and len(set(evolved)) == len(set(at_random)) == 30
        best = table.best_so_far(evolved)
        assert best == sorted(best) and best[-1] == max(map(table.by_time, evolved))


def test_what_a_search_measures(table, monkeypatch):
    monkeypatch.setattr("lightnets_edu.chapters.mnasnet.study.design_table", lambda device: table)
    for variant in STUDY.variants:
        run = run_job(STUDY, Job(variant.name, (), 3, DEVICE, 1))[0]["measures"]
        value = table.by_macs if variant.name == "macs" else table.by_time
        tried = table.random_search(3) if variant.name == "random" else table.evolution(3, value=value)
        found = max(tried[:20], key=value)
        assert run["reward"] == pytest.approx(table.by_time(found), rel=1e-5)
        assert run["time"] == pytest.approx(table.designs[found].time, rel=1e-5)
        assert ("needed" in run) == (variant.name != "macs")
        if "needed" in run:
            needed = int(run["needed"])
            assert tried[needed - 1] in table.top() and not table.top() & set(tried[: needed - 1])


def test_a_table_that_is_not_whole_is_refused():
    record = made_up()
    with pytest.raises(ValueError, match=r"255 of 256 designs, and a search needs them all: .* record --designs"):
        DesignTable({**record, "rows": record["rows"][1:]})
    with pytest.raises(ValueError, match="256 of 256 designs and no times"):
        DesignTable({**record, "timing": None})


def test_the_figure_shows_every_design(table):
    axes = design_chart(table).axes[0]
    assert sum(len(line.get_xdata()) for line in axes.lines[:3]) == 256


@pytest.mark.parametrize("device", RECORDED)
def test_the_recorded_table_is_that_of_the_plan(device):
    table, plan = design_table(device), DesignPlan()
    for design, known in list(table.designs.items())[::37]:
        assert known.macs == network_cost(layers(design, size=plan.size)).macs
    assert all(len(values) == plan.seeds for values in table.again.values())
    assert list(table.again) == NAMES[:: plan.every]
    assert table.first.time == pytest.approx(1, abs=0.05)  # it was timed beside itself
    assert min(known.accuracy for known in table.designs.values()) > 60  # chance is 10
    assert (results_folder() / device / "designs.json").stat().st_size <= 60_000


@pytest.mark.parametrize("device", RECORDED)
def test_the_recorded_searches_are_those_of_the_recorded_table(device):
    runs = recorded_study("mnasnet", device)["runs"] if device in studied_devices("mnasnet") else []
    for run in runs[::11]:
        job = Job(run["variant"], (), run["seed"], DEVICE, 1)
        assert run_job(STUDY, job)[0]["measures"] == run["measures"]
