"""Chapter 2: the roofline widgets, layers under a roof, and its figures."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import matplotlib
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightnets_edu import count, get_model
from lightnets_edu.chapters.fewer_flops import exercises as fewer_flops
from lightnets_edu.chapters.fewer_flops.widget import NETWORKS
from lightnets_edu.pages import get_widget
from lightnets_edu.pages.machine_roofline import (
    attainable,
    device_words,
    draw_roofline,
    intensity,
    layers_to_time,
    measure_roofline,
    reached,
    reached_table,
    recorded_forwards,
    recorded_profiles,
    timed_batches,
)
from lightnets_edu.pages.plots import agreement_chart, roofline_chart, slope_chart
from lightnets_edu.records import library
from lightnets_edu.timing import EVALUATION_NETWORKS, DeviceProfile, operations
from lightnets_edu.timing.operations import MULTIPLYING, operations_of
from lightnets_edu.timing.profile import Sample

from .conftest import png_size, timing

matplotlib.use("Agg")


def on_meta(name: str) -> torch.nn.Module:
    with torch.device("meta"):
        return get_model(name).eval()


@pytest.fixture(scope="module")
def explorer():
    return get_widget("roofline_explorer")()


# --- Widgets --------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    layer=st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["standard", "grouped", "depthwise", "pointwise"]),
            "kernel_size": st.sampled_from([1, 3, 5, 7]),
            "channels": st.integers(1, 16).map(lambda width: 8 * width),
            "groups": st.sampled_from([1, 2, 4, 8]),
        }
    ),
    size=st.integers(1, 28),
    batch=st.integers(1, 5),
    number_bytes=st.sampled_from([2, 4]),
    peak=st.integers(1, 200).map(lambda tens: 10 * tens),
    bandwidth=st.integers(1, 500),
)
def test_explorer_equals_a_real_layer_under_two_roofs(explorer, layer, size, batch, number_bytes, peak, bandwidth):
    machine = {"number_bytes": number_bytes, "peak_gflops": peak, "bandwidth_gbs": bandwidth}
    numbers = explorer.evaluate(**layer, size=size, batch=batch, **machine)
    channels, kind = layer["channels"], layer["kind"]
    k = 1 if kind == "pointwise" else layer["kernel_size"]
    real_groups = {"grouped": layer["groups"], "depthwise": channels}.get(kind, 1)
    with torch.device("meta"):
        layer = torch.nn.Conv2d(channels, channels, k, padding=k // 2, groups=real_groups, bias=False)
    table = count(layer, (batch, channels, size, size))
    flops, moved = 2 * table.macs, number_bytes * table.memory_access
    arithmetic, memory = Fraction(flops, 1000 * peak), Fraction(moved, 1000 * bandwidth)
    assert (numbers["flops"], numbers["bytes_moved"]) == (flops, moved)
    assert numbers["time_us"] == pytest.approx(float(max(arithmetic, memory)))
    assert numbers["attainable_gflops"] == pytest.approx(flops / 1000 / float(max(arithmetic, memory)))
    assert numbers["memory_by_arithmetic"] == pytest.approx(float(memory / arithmetic))
    # The chapter's shortcut: 1/I = s (1/(K²w) + 1/(2NHW)).
    shortcut = number_bytes * (Fraction(real_groups, k**2 * channels) + Fraction(1, 2 * batch * size**2))
    assert numbers["intensity"] == pytest.approx(float(1 / shortcut))


def test_groups_matter_to_grouped_layers_only(explorer):
    with pytest.raises(ValueError, match="groups=3 does not divide channels=128: each group needs"):
        explorer.evaluate(kind="grouped", groups=3)
    assert explorer.evaluate(kind="standard", groups=3) == explorer.evaluate(kind="standard")


def test_what_the_chapter_says_about_the_sliders(explorer):
    standard, depthwise = explorer.evaluate(), explorer.evaluate(kind="depthwise")
    assert standard["flops"] == 128 * depthwise["flops"]
    assert round(standard["time_us"] / depthwise["time_us"]) == 29
    seven = explorer.evaluate(kind="depthwise", kernel_size=7)
    assert round(seven["time_us"] / depthwise["time_us"], 1) == 1.2
    few = explorer.evaluate(channels=512, size=7)
    assert few["intensity"] < explorer.evaluate(channels=512, size=7, batch=16)["intensity"] / 8
    assert round(9 * 512**2 / 1e6, 1) == 2.4
    for kind in ("standard", "grouped", "depthwise", "pointwise"):
        halved = explorer.evaluate(kind=kind, number_bytes=2)["intensity"]
        assert halved == 2 * explorer.evaluate(kind=kind)["intensity"]


@pytest.fixture(scope="module")
def budget():
    return get_widget("time_budget")()


@pytest.mark.parametrize("name", NETWORKS)
def test_time_budget_adds_up_the_operations_of_a_batch(budget, name):
    batch, peak, bandwidth, overhead = 4, 250, 30, 7.5
    numbers = budget.evaluate(batch=batch, peak_gflops=peak, bandwidth_gbs=bandwidth, overhead_us=overhead)
    ops = operations(on_meta(name), (batch, 3, 224, 224))
    expected = {
        "arithmetic": 2 * sum(op.macs for op in ops) / (peak * 1e9),
        "memory": 4 * sum(op.read + op.weights + op.written for op in ops) / (bandwidth * 1e9),
        "start": len(ops) * overhead / 1e6,
    }
    for what, seconds in expected.items():
        assert numbers[f"{name}_{what}"] == pytest.approx(1000 * seconds / batch), what
    assert numbers[f"{name}_total"] == pytest.approx(1000 * sum(expected.values()) / batch)


def test_only_arithmetic_makes_the_ghost_four_times_as_fast(budget):
    assert 1 / budget.evaluate()["macs_ratio"] == pytest.approx(4, rel=0.02)
    arithmetic_only = budget.evaluate(peak_gflops=10, bandwidth_gbs=500, overhead_us=0, batch=64)
    assert 1 / arithmetic_only["time_ratio"] > 3
    fast = {"peak_gflops": 1000, "bandwidth_gbs": 100, "overhead_us": 20}
    assert round(budget.evaluate(**fast)["time_ratio"], 1) == 1.8
    assert budget.evaluate(**fast, batch=32)["time_ratio"] == pytest.approx(2 / 3, abs=0.02)


# --- Layers under the roof ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mobilenet_v1", "resnet50", "resnext50_32x4d", "ghostnet", "shufflenet_v1"])
def test_layers_alone_are_those_of_the_network(name):
    model, size = on_meta(name), (2, 3, 224, 224)
    inside = {
        (op.kind, op.macs, op.read, op.written, op.shape) for op in operations(model, size) if op.kind in MULTIPLYING
    }
    layers = layers_to_time(model, size)
    alone = [op for layer in layers for op in operations_of(layer.function())]
    assert {(op.kind, op.macs, op.read, op.written, op.shape) for op in alone} == inside
    assert len(set(layers)) == len(layers)


def made_up_profile(samples: tuple[Sample, ...] = ()) -> DeviceProfile:
    environment = {"device_name": "a machine"}
    return DeviceProfile("cpu", 2, "off", False, True, 100e9, 40e9, 5e-6, samples, (), 1.0, environment)


def test_intensity_and_roofs():
    profile = made_up_profile()
    (layer,) = layers_to_time(torch.nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False), (1, 64, 56, 56))
    (operation,) = operations_of(layer.function())
    flops, moved = 2 * 9 * 64 * 56**2, 4 * (2 * 64 * 56**2 + 9 * 64)
    assert intensity(operation, profile) == pytest.approx(flops / moved)
    assert attainable(flops / moved, profile) == pytest.approx(40e9 * flops / moved)
    assert attainable(1e4, profile) == 200e9
    sample = Sample(operation, 2 * moved / 40e9)  # twice as long as the memory needs
    measured = replace(profile, samples=(sample,))
    assert reached(measured) == {"depthwise": [pytest.approx((flops / moved, 20e9 * flops / moved))]}
    (row,) = reached_table(measured).rows
    assert row[:2] == ("depthwise", 1)
    assert row[-1] == "50%"
    with pytest.raises(ValueError, match="no layer was timed"):
        reached_table(profile)


def test_a_machine_is_named_with_its_number_format():
    profile = made_up_profile()
    assert device_words(profile) == "a machine, 2 threads"
    gpu = {"device_name": "a GPU", "float32_convolutions": "tf32"}
    assert device_words(replace(profile, device="cuda", environment=gpu)) == "a GPU, TF32"
    assert device_words(replace(profile, device="cuda", environment=gpu, amp="bfloat16")) == "a GPU, bfloat16"


def test_the_roofs_of_this_machine_are_measured():
    before = torch.get_num_threads()
    profile = measure_roofline(device="cpu")
    assert min(profile.peak_macs, profile.bandwidth, profile.overhead) > 0
    assert (profile.samples, profile.chains) == ((), ())
    assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="no_such_net"):
        measure_roofline(["no_such_net"])


# --- Recorded machines ----------------------------------------------------------------------------------------------


def row(batch: int, measured: bool, predicted: bool, **changes: object) -> dict:
    return timing(0.5 if measured else None, {"flops": 0.25} if predicted else None, batch, **changes)


def test_recorded_forwards_are_float32_measured_and_of_networks_kept_aside(monkeypatch):
    kept_aside, records = EVALUATION_NETWORKS[:6], {"mnasnet0_75": {"timings": [row(1, True, True)]}}
    for index, name in enumerate(kept_aside):
        bfloat16, training = row(8, True, True, amp="bfloat16"), row(4, True, False, step="training")
        rows = [row(1, index != 2, True), row(16, True, index < 4), row(32, index < 4, True), bfloat16, training]
        records[name] = {"timings": rows}
    records["alexnet_2012"] = {"timings": None}
    monkeypatch.setattr(library, "recorded_networks", lambda device: {"cpu": records}[device])
    assert list(recorded_forwards("cpu", 1)) == [name for name in kept_aside if name != kept_aside[2]]
    assert recorded_forwards("cpu", 16)[kept_aside[0]]["predicted_seconds"] == {"flops": 0.25}
    assert timed_batches("cpu") == [1, 16]  # 32 has four networks only, 8 and 4 no float32 forward pass
    assert timed_batches("cpu", predicted=True) == [1]


def test_recorded_profiles_are_found():
    profiles = recorded_profiles()
    assert profiles["cpu"].device == "cpu"
    classes = {line[0] for line in reached_table(profiles["cpu"]).rows}
    assert classes == {"standard", "pointwise", "grouped", "depthwise", "linear"}


# --- Figures --------------------------------------------------------------------------------------------------------


def test_roofline_chart_has_both_roofs_and_the_points():
    points = {f"kind {i}": ([0.5 + i, 10.0 * i + 1], [5.0, 60.0]) for i in range(5)}
    figure = roofline_chart(200, 40, points, title="Roofline", marks={"a mark": 100.0})
    axes = figure.axes[0]
    (x_low, x_ridge, _), (y_low, *flat) = axes.lines[0].get_data()
    assert (x_ridge, flat) == (5, [200, 200])
    assert y_low == pytest.approx(40 * x_low)
    assert len({line.get_marker() for line in axes.lines[2:7]}) == 5
    assert axes.lines[-1].get_data()[1] == [200]
    assert png_size(figure) <= 150_000
    with pytest.raises(ValueError, match="two roofs above 0"):
        roofline_chart(0, 40, {}, title="")
    assert draw_roofline(made_up_profile()).get_suptitle() == "Roofline: a machine, 2 threads"
    gpu = roofline_chart(212_345, 2600.4, {}, title="GPU").axes[0]
    assert {"arithmetic: 212,345 GFLOP/s", "memory: 2,600 GB/s"} <= {text.get_text() for text in gpu.texts}


def test_slope_chart_ranks():
    columns = {"small": {"a": 1, "b": 2, "c": 3, "d": 4}, "large": {"b": 10, "a": 40, "c": 20, "d": 30}}
    figure = slope_chart(columns, title="Ranks")
    drawn = {tuple(line.get_ydata()): line.get_linewidth() for line in figure.axes[0].lines}
    assert set(drawn) == {(1, 4), (2, 1), (3, 2), (4, 3)}
    assert max(drawn, key=drawn.get) == (1, 4)
    assert png_size(figure) <= 150_000
    with pytest.raises(ValueError, match="'large' ranks other things"):
        slope_chart({"small": {"a": 1}, "large": {"b": 1}}, title="")


def test_agreement_chart_has_a_panel_a_rung():
    panels = {f"rung {i}": {"here": ([1, 10, 100], [i + 1, 12, 90]), "there": ([2], [3])} for i in range(3)}
    figure = agreement_chart(panels, title="Predicted and measured", unit="ms")
    drawn = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title("left") for axes in drawn] == list(panels)
    assert [list(axes.lines[1].get_ydata()) for axes in drawn] == [[i + 1, 12, 90] for i in range(3)]
    assert png_size(figure) <= 150_000


# --- Exercises ------------------------------------------------------------------------------------------------------


def test_answers_are_what_the_widgets_show(explorer, budget):
    answers = {one.name: one for one in fewer_flops.EXERCISES}
    shown = explorer.evaluate(kind="depthwise", channels=256, kernel_size=5, size=14)
    assert answers["depthwise_intensity"].answer() == pytest.approx(shown["intensity"])
    # A linear layer is a pointwise convolution on one pixel; the widget has at most 1,024 channels.
    images = answers["batch_for_linear_layer"].answer()
    assert (16 * 4096 / 4064, images) == (pytest.approx(16.126, abs=1e-3), 17)
    three, five = (explorer.evaluate(kind="depthwise", kernel_size=k) for k in (3, 5))
    assert five["flops"] / three["flops"] == pytest.approx(2.8, abs=0.03)
    assert five["time_us"] / three["time_us"] < 1.03
    start = {"batch": 1, "peak_gflops": 1000, "bandwidth_gbs": 100, "overhead_us": 20}
    changed = {
        "a": budget.evaluate(**{**start, "peak_gflops": 2000}),
        "b": budget.evaluate(**{**start, "bandwidth_gbs": 200}),
        "c": budget.evaluate(**{**start, "overhead_us": 10}),
    }
    fastest = min(changed, key=lambda key: changed[key]["ghostnet_total"])
    part = answers["which_part_to_buy"].by_letter[fastest]
    number_of_operations = len(operations(on_meta("ghostnet"), (1, 3, 224, 224)))
    assert part.right and f"runs {number_of_operations} operations" in part.feedback
