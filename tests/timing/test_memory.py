"""Memory: the tensor counter against arithmetic by hand and against PyTorch's own allocator events."""

from __future__ import annotations

import json
from itertools import accumulate, pairwise

import pytest
import torch
from torch import Tensor, nn

from lightnets_edu.timing import measure_memory

N, SIDE = 2, 16
MAP = 4 * N * SIDE * SIDE  # bytes of one channel of float32


def chain(*widths: int, norm: bool = False, inplace: bool = False) -> nn.Sequential:
    """Convolutions 3 × 3 with padding, each but the last followed by (BN and) ReLU; the maps keep their size."""
    layers: list[nn.Module] = []
    for index, (a, b) in enumerate(pairwise(widths)):
        layers.append(nn.Conv2d(a, b, 3, padding=1, bias=False))
        if index < len(widths) - 2:
            layers += [nn.BatchNorm2d(b)] * norm
            layers.append(nn.ReLU(inplace=inplace))
    return nn.Sequential(*layers)


def images(channels: int = 3) -> Tensor:
    return torch.randn(N, channels, SIDE, SIDE)


def forward_use(model: nn.Module, x: Tensor):
    return measure_memory(lambda: model(x), "cpu")


def peak_memory(function) -> int:
    return measure_memory(function).peak_bytes


@pytest.mark.parametrize(("a", "b", "c"), [(8, 16, 4), (5, 3, 7), (1, 32, 2)])
def test_forward_for_training(a, b, c):
    """conv1 keeps its input (there before), ReLU its result r1, conv2 r1, ReLU r2, conv3 r2; the caller holds y.

    So r1, r2 and y are kept: a + b + c maps. A ReLU's input lives only until the ReLU is done. The most at once is the
    largest of: r1 with its input (2a), r1 + r2 with its input (a + 2b), all that is kept (a + b + c).
    """
    use = forward_use(chain(3, a, b, c), images())
    assert use.kept_bytes == (a + b + c) * MAP
    assert use.peak_bytes == max(2 * a, a + 2 * b, a + b + c) * MAP
    assert use.counter == "tensors"


def test_inplace_relu_saves_no_second_map():
    use = forward_use(chain(3, 8, 16, 4, inplace=True), images())
    assert use.kept_bytes == use.peak_bytes == (8 + 16 + 4) * MAP


def test_batch_norm_keeps_its_input_and_two_numbers_a_channel():
    """BN keeps its input x and each channel's mean and inverse deviation; ReLU keeps its own result."""
    model = chain(3, 8, 4, norm=True)
    kept = (8 + 8 + 4) * MAP + 2 * 4 * 8  # conv1's output, r1, y; 2 × 8 float32
    assert forward_use(model, images()).kept_bytes == kept


def test_inference_keeps_the_output_only():
    """Without autograd a map is freed once the next layer has read it: the peak is the largest neighbouring pair."""
    with torch.inference_mode():
        use = forward_use(chain(3, 8, 16, 4).eval(), images())
    assert use.kept_bytes == 4 * MAP
    assert use.peak_bytes == max(8 + 8, 8 + 16, 16 + 16, 16 + 4) * MAP


def test_training_step_ends_with_the_gradients():
    model, x = chain(3, 8, 16, 4), images()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    use = measure_memory(lambda: model(x).sum().backward())
    assert use.kept_bytes == 4 * parameters
    # During the backward of conv3 at least the activations, the slope of y and of r2, and conv3's gradient are there.
    assert use.peak_bytes >= (8 + 16 + 4 + 16) * MAP + 4 * model[-1].weight.numel()


def test_views_and_what_was_there_before_are_free():
    x = images(8)
    assert peak_memory(lambda: x.flatten(1).transpose(0, 1)[2:]) == 0
    assert peak_memory(lambda: x.mul_(2).relu_()) == 0
    assert peak_memory(lambda: [x, x.view(-1)]) == 0
    assert peak_memory(lambda: x + 1) == 8 * MAP
    use = measure_memory(lambda: (x + 1).view(-1)[:3])  # a view holds the whole storage
    assert use.kept_bytes == 8 * MAP


def test_peak_of_a_sequence_is_not_its_sum():
    def run():
        for _ in range(5):
            torch.empty(1000, dtype=torch.uint8).fill_(0)
        return torch.empty(10, dtype=torch.uint8)

    use = measure_memory(run)
    assert (use.peak_bytes, use.kept_bytes) == (1000, 10)


def test_several_results_of_one_operation():
    x = torch.randn(100)
    use = measure_memory(lambda: x.sort())  # values, 4 bytes each, and indices, 8 bytes each
    assert use.kept_bytes == 100 * 4 + 100 * 8


def test_other_devices_are_not_counted():
    assert peak_memory(lambda: torch.empty(1000, device="meta")) == 0


def test_counting_stops_with_the_call():
    before = peak_memory(lambda: torch.empty(100))
    held = torch.empty(5000)
    assert peak_memory(lambda: torch.empty(100)) == before == 400
    del held


def test_errors_pass_and_the_counter_is_gone():
    def fail():
        torch.empty(10)
        raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        peak_memory(fail)
    assert peak_memory(lambda: torch.empty(1)) == 4


def allocator_events(function, folder) -> list[int]:
    """Bytes of each allocation (+) and release (-) on the CPU, as PyTorch's profiler saw them, in order."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = function()
    profiler.export_chrome_trace(str(folder / "trace.json"))
    events = json.loads((folder / "trace.json").read_text())["traceEvents"]
    events = sorted((e for e in events if e.get("name") == "[memory]"), key=lambda e: e["args"]["Ev Idx"])
    del result
    return [event["args"]["Bytes"] for event in events if event["args"]["Device Type"] == 0]


@pytest.mark.parametrize("norm", [False, True])
def test_against_the_allocator(tmp_path, norm):
    """An independent count: equal in what is kept; its peak may be higher, by scratch memory inside an operation."""
    model, x = chain(3, 8, 16, 4, norm=norm), images()
    model(x)
    running = list(accumulate(allocator_events(lambda: model(x), tmp_path)))
    use = forward_use(model, x)
    assert running[-1] == use.kept_bytes
    assert max(running) >= use.peak_bytes


def test_what_is_refused():
    with pytest.raises(ValueError, match="device='gpu' is unknown"):
        measure_memory(lambda: None, "gpu")
