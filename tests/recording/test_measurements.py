"""One step of one network: what is measured, what is refused, and how it is shown."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from lightnets_edu.models import get_model
from lightnets_edu.recording import StepSetting, format_rows, measure_step
from lightnets_edu.recording.measurements import Instruments
from lightnets_edu.runtime.environment import compiled
from lightnets_edu.timing import Timing, measure, measure_memory

TINY = "shufflenet_v2_x0_5"
FORWARD = StepSetting("forward", 2, 32)


def row_of(name, options, setting, *, clock=None, memory=measure_memory, compiler=compiled) -> dict:
    """A row without noise, unless a clock is given, and without a change to how this process gets its memory."""
    calm = clock or (lambda step, **options: Timing((0.1,) * 3, "cpu", options["images"]))
    instruments = Instruments(clock=calm, memory=memory, compiler=compiler, keep_memory=lambda: False)
    return measure_step(name, options, setting, device="cpu", instruments=instruments)


def test_memory_is_what_the_network_holds_and_makes():
    settings = (StepSetting(step, 4, 64) for step in ("forward", "training"))
    forward, training = (row_of("mobilenet_v1", {"width_mult": 0.25}, setting) for setting in settings)
    network = get_model("mobilenet_v1", width_mult=0.25)
    held = sum(t.numel() * t.element_size() for t in (*network.parameters(), *network.buffers())) + 4 * 4 * 3 * 64 * 64
    # A forward pass needs at least its two largest neighbouring maps: 16 channels of 32², twice.
    assert forward["peak_bytes"] >= held + 4 * 4 * 2 * 8 * 32 * 32
    assert training["peak_bytes"] == pytest.approx(training["predicted_peak_bytes"], rel=0.02)
    assert forward["predicted_peak_bytes"] is None


def test_noise_is_refused():
    asked = []

    def noisy(step, **options):
        asked.append(options["min_seconds"])
        return Timing((0.1, 0.2, 0.3, 0.4), "cpu")

    row = row_of(TINY, {}, FORWARD, clock=noisy)
    assert row["measured"] is None and asked == [1.0, 2.0, 4.0]
    assert "spans 60% of their median, more than 10%, after 3 attempts: that is noise" in row["refused"]


@pytest.mark.parametrize("instrument", ["clock", "memory"])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_too_large_a_batch_is_said(instrument, error):
    def fail(*arguments, **options):
        raise error

    row = row_of(TINY, {}, FORWARD, **{instrument: fail})
    assert row["measured"] is None and row["refused"] == "2 images do not fit in the device's memory."


def test_batch_norm_on_single_values_is_refused():
    """At 32 pixels the last maps have one pixel, so one image is one value a channel."""
    row = row_of(TINY, {}, StepSetting("training", 1, 32), clock=measure)
    assert row["measured"] is None and "batch norm cannot train on one value a channel" in row["refused"]


def test_each_network_is_compiled_anew():
    """PyTorch compiles the code of a class a few times, and then runs it eagerly without a word."""
    graphs = []

    def count_graphs(graph, inputs):
        graphs.append(graph)
        return graph.forward

    setting = StepSetting("forward", 1, 32, runtime="compile", seconds=1e-3)
    with torch._dynamo.config.patch(recompile_limit=1):
        for classes in (10, 11):
            before = len(graphs)
            compiler = partial(compiled, backend=count_graphs)
            row_of("squeezenet1_1", {"num_classes": classes}, setting, clock=measure, compiler=compiler)
            assert len(graphs) > before


def test_settings():
    assert StepSetting().input_size("wide_resnet28_10", {}) == (1, 3, 32, 32)  # as in its paper
    for settings in (
        {"step": "backward"},
        {"batch_size": 0},
        {"image_size": 1.5},
        {"amp": "bf16"},
        {"runtime": "jit"},
        {"threads": 0},
    ):
        with pytest.raises(ValueError, match=next(iter(settings))):
            StepSetting(**settings)


def test_rows_as_text():
    rows = [{"model": TINY, **row_of(TINY, {}, FORWARD)}, {"model": TINY, **row_of(TINY, {}, FORWARD, clock=_fail)}]
    head, first, second, *rest = format_rows(rows).splitlines()
    assert head.split()[:6] == ["network", "step", "images", "amp", "runtime", "threads"]
    assert "100.00 ms" in first and "20.0" in first and "–" in second  # 2 images in 0.1 s
    assert rest == [
        "A column with ? is predicted, the others are measured.",
        f"{TINY}, forward, 2: 2 images do not fit in the device's memory.",
    ]


def _fail(*arguments, **options):
    raise torch.OutOfMemoryError("CUDA out of memory")
