"""Chapter 14: the formulas are the real networks', the statistics are right, the widget shows the records."""

from __future__ import annotations

import numpy as np
import pytest
import torchvision

from lightnets_edu.chapters.scoreboard import board as scoreboard
from lightnets_edu.models.registry import get_entry, list_models
from lightnets_edu.pages import get_widget
from lightnets_edu.pages.board.explore import explore
from lightnets_edu.pages.clocks import all_clocks
from lightnets_edu.records import recorded_networks
from lightnets_edu.timing import EVALUATION_NETWORKS


def test_every_network_has_a_formula_and_a_family():
    for name in list_models():
        assert scoreboard.formula_cost(name).macs > 0 and get_entry(name).family
    with pytest.raises(ValueError, match="no model"):
        scoreboard.formula_cost("lenet")


def test_claims_are_about_known_networks_and_agree_or_say_why():
    assert set(scoreboard.claims()) <= set(list_models())
    assert "agree" in scoreboard.claims_table().notes[0]


def test_best_scaling_is_the_best():
    rng = np.random.default_rng(0)
    for _ in range(5):
        proxy, measured = rng.uniform(1, 9, 15), rng.uniform(1, 9, 15)
        factor, error = scoreboard.best_scaling(proxy, measured)
        tried = [np.mean(np.abs(a * proxy - measured) / measured) for a in np.linspace(0.01, 9, 4_000)]
        assert error <= min(tried) + 1e-9
        assert error == pytest.approx(np.mean(np.abs(factor * proxy - measured) / measured))


def test_rows_hold_what_was_recorded():
    rows = {row["network"]: row for row in scoreboard.scoreboard_rows("cpu")}
    assert list(rows) == list_models()
    record = recorded_networks("cpu")["ghostnet"]
    timed = next(t for t in record["timings"] if t["step"] == "forward" and t["input_size"][0] == 16)
    assert rows["ghostnet"]["measured_16"] == pytest.approx(1000 * timed["measured"]["median"] / 16)
    assert rows["ghostnet"]["roofline_16"] == pytest.approx(1000 * timed["predicted_seconds"]["roofline"] / 16)
    assert rows["wide_resnet28_10"]["top1"] is None, "its accuracy is not ImageNet's"
    axes = {"x": "macs", "y": "top1", "label": "network", "shape": "family", "pareto": True}
    columns = scoreboard.scoreboard_columns([1, 16])
    assert "ghostnet" in str(explore(list(rows.values()), columns, name="board", title="Board", **axes))


def test_guests_are_torchvisions_networks():
    """Counted as published with their weights, and with the times that others have measured."""
    known, guests = scoreboard.scoreboard_rows(), scoreboard.board_rows()[-len(scoreboard.GUESTS) :]
    assert scoreboard.board_rows()[: len(known)] == known
    rows = {row["network"]: row for row in guests}
    assert list(rows) == list(scoreboard.GUESTS) and not set(rows) & set(list_models())
    for name, row in rows.items():
        meta = next(iter(torchvision.models.get_model_weights(name))).meta
        assert row["params"] == meta["num_params"] and round(row["macs"] / 1e9, 3) == meta["_ops"]
        assert row["top1"] == pytest.approx(meta["_metrics"]["ImageNet-1K"]["acc@1"], abs=0.05)
        timed = {key: row[scoreboard.clock_key(key)] for key in all_clocks()}
        assert {key for key, value in timed.items() if value} == {"t4", "snapdragon855"}
        assert row["measured_1"] is None and set(row) == set(known[0])
        assert sum(scoreboard.network_parts().of[name][0]) == row["macs"]


def test_every_clock_is_on_the_board():
    """Also those of others; one of them at a time, so that accuracy, parameters, MACs and a time are in sight."""
    rows = {row["network"]: row for row in scoreboard.scoreboard_rows("cpu")}
    columns = scoreboard.scoreboard_columns([1, 16])
    clocks = {column.key for column in columns if column.among == "time"}
    assert clocks == {scoreboard.clock_key(name) for name in all_clocks()}
    for name, clock in all_clocks().items():
        for network, row in rows.items():
            assert row[scoreboard.clock_key(name)] == clock.milliseconds.get(network)
    in_sight = [column.key for column in columns if not column.folded and not column.among]
    assert in_sight == ["network", "family", "top1", "params", "macs"]


@pytest.mark.parametrize("name", ["ghostnet", "resnext50_32x4d", "alexnet_2012"])
def test_the_classes_of_layers_add_up(name):
    """What a comparison shows by class is the whole network: MACs exactly, parameters but for norms and gates."""
    parts = scoreboard.network_parts()
    macs, params, activations = parts.of[name]
    cost = scoreboard.formula_cost(name)
    assert sum(macs) == cost.macs
    assert sum(params) <= cost.params < 1.02 * sum(params)
    assert sum(activations) - activations[parts.kinds.index("linear")] == cost.activations
    grouped = macs[parts.kinds.index("grouped")]
    assert bool(grouped) == (name != "ghostnet")


def test_small_images_are_left_out_of_comparisons_in_time():
    rows = scoreboard.scoreboard_rows("cpu")
    proxies, measured = scoreboard.proxy_values(rows, 1)
    assert len(measured) == len([row for row in rows if row["image"] >= 224 and row["measured_1"]])
    assert all(len(values) == len(measured) for values in proxies.values())
    with pytest.raises(ValueError, match="take three"):
        scoreboard.proxy_quality(rows[:2], 1)


def test_a_device_with_few_networks_gets_no_rank_correlation():
    rows = scoreboard.scoreboard_rows("cpu")
    assert scoreboard.proxy_table({"cpu": rows}).rows[0][1:]
    assert {row[1:] for row in scoreboard.proxy_table({"cpu": rows[:2]}).rows} == {()}


def test_fronts():
    rows = [
        {"network": name, "macs": macs, "top1": top1}
        for name, macs, top1 in (("a", 1, 60.0), ("b", 2, 70.0), ("c", 3, 65.0), ("d", 4, None))
    ]
    assert [row[0] for row in scoreboard.fronts_table(rows, {"macs": "MACs"}).rows] == ["a", "b"]


def test_trainings_are_grouped_by_recipe_and_never_ranked():
    rows = scoreboard.trained_rows()
    keys = [(row["recipe"], row["params"]) for row in rows]
    assert keys == sorted(keys)
    assert all(row["seen"] == row["images"] * row["epochs"] for row in rows)
    with pytest.raises(ValueError, match="no training"):
        scoreboard.trained_table([])


@pytest.fixture(scope="module")
def widget():
    return get_widget("proxy_explorer")()


@pytest.mark.parametrize("among", ["all", "light", "heavy", "evaluation"])
@pytest.mark.parametrize("batch", [1, 16])
def test_widget_shows_the_rank_correlation(widget, among, batch):
    choose = {
        "all": lambda row: True,
        "light": lambda row: row["macs"] < 1e9,
        "heavy": lambda row: row["macs"] >= 1e9,
        "evaluation": lambda row: row["network"] in EVALUATION_NETWORKS,
    }[among]
    rows = [row for row in scoreboard.scoreboard_rows("cpu") if choose(row) and row["image"] >= 224]
    rows = [row for row in rows if row[f"measured_{batch}"]]  # a new network has no record at first
    numbers = widget.evaluate(proxy="activations", device="cpu", batch_size=batch, among=among)
    # Spearman's is the linear correlation of the ranks; equal values share the mean of their places.
    ranks = []
    for key in ("activations", f"measured_{batch}"):
        places = sorted(row[key] for row in rows)
        ranks.append([np.mean([i for i, value in enumerate(places) if value == row[key]]) for row in rows])
    expected = np.corrcoef(ranks)[0, 1]
    assert numbers["rank_correlation"] == pytest.approx(expected, abs=5e-4)
    assert numbers["compared"] == len(rows)
    assert numbers["activations_rank"] == numbers["rank_correlation"]
    assert numbers["activations_error"] == numbers["mean_error"]


def test_widget_says_what_was_not_recorded(widget):
    with pytest.raises(ValueError, match="nothing was recorded on cpu with 256 images"):
        widget.evaluate(device="cpu", batch_size=256)


def test_the_front_on_a_clock_names_what_nothing_beats():
    """Networks with a time there and a printed accuracy; one that is slower and no better than another is not named."""
    rows = [
        {"network": name, "top1": top1, "clock_t4": ms}
        for name, top1, ms in (
            ("a", 70.0, 1.0),
            ("b", 69.0, 2.0),
            ("c", 75.0, 3.0),
            ("d", None, 0.1),
            ("e", 80.0, None),
        )
    ]
    sentence = scoreboard.front_sentence(rows, "t4")
    assert (
        sentence.startswith("GPU: T4, 1 image. Of 3 networks") and "none beats a (1.0 ms, 70.0 %), c (3.0" in sentence
    )
    assert " b (" not in sentence and "longer" not in sentence
    many = [{"network": f"n{i}", "top1": 50.0 + i, "clock_t4": 1.0 + i} for i in range(9)]
    assert scoreboard.front_sentence(many, "t4").endswith("n5 (6.0 ms, 55.0 %) and 3 that take longer.")
