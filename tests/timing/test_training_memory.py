"""Predicted training memory against arithmetic by hand and against what is measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.timing import kept_bytes, measure_memory, training_memory, training_step

MAP = 4 * 2 * 16 * 16  # bytes of one channel at 2 x 16 x 16


def conv(a: int, b: int) -> nn.Conv2d:
    return nn.Conv2d(a, b, 3, padding=1, bias=False)


@pytest.mark.parametrize(
    ("layers", "kept"),
    [
        ([conv(3, 8), conv(8, 4)], 8 + 4),
        ([conv(3, 8), nn.ReLU(), conv(8, 4)], 8 + 4),
        ([conv(3, 8), nn.ReLU(inplace=True), conv(8, 4)], 8 + 4),
        ([conv(3, 8), nn.Hardswish(), conv(8, 4)], 8 + 8 + 4),  # input and result
        ([conv(3, 8), nn.SiLU(inplace=True), conv(8, 4)], 8 + 8 + 4),  # a copy of the input
        ([nn.ReLU(), conv(3, 4)], 3 + 4),  # the first ReLU's result is the convolution's input
    ],
)
def test_maps_by_hand(layers, kept):
    assert training_memory(nn.Sequential(*layers), (2, 3, 16, 16)).activations == kept * MAP


def test_batch_norm_and_max_pool_by_hand():
    model = nn.Sequential(conv(3, 8), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    # The convolution's result, two numbers a channel, the batch norm's result, a quarter of a map and its indices.
    assert training_memory(model, (2, 3, 16, 16)).activations == 8 * MAP + 2 * 4 * 8 + 8 * MAP + 2 * MAP + 2 * 2 * MAP


def test_nothing_is_kept_where_nothing_learns():
    model = nn.Sequential(conv(3, 8), nn.ReLU(), conv(8, 4)).requires_grad_(False)
    assert training_memory(model, (2, 3, 16, 16)).activations == 4 * MAP  # the output, which the caller holds


NETWORKS = "mobilenet_v1 resnet50 shufflenet_v2_x1_0 shufflenet_v1 ghostnet squeezenet1_1 mnasnet_a1".split()


@pytest.mark.parametrize("name", NETWORKS)
def test_kept_bytes_are_exact(name):
    model, size = get_model(name).train(), (2, 3, 64, 64)
    predicted, images = training_memory(model, size).activations, torch.randn(size)
    assert predicted == measure_memory(lambda: model(images)).kept_bytes


@pytest.mark.parametrize(
    "layer",
    [
        *(
            nn.BatchNorm2d(16),
            nn.GroupNorm(4, 16),
            nn.InstanceNorm2d(16, affine=True),
            nn.LayerNorm(32),
            nn.RMSNorm(32),
        ),
        *(nn.LocalResponseNorm(3), nn.PReLU(16), nn.RReLU(), nn.ReLU6(), nn.ELU(), nn.CELU(), nn.SELU(), nn.GLU(1)),
        *(nn.LogSigmoid(), nn.Softplus(), nn.Softsign(), nn.Tanh(), nn.Tanhshrink(), nn.Hardshrink(), nn.Softshrink()),
        *(nn.Mish(), nn.SiLU(inplace=True), nn.Hardswish(inplace=True), nn.Softmax(1), nn.LogSoftmax(1), nn.Softmin(1)),
        *(nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveMaxPool2d(4), nn.AdaptiveAvgPool2d(4), nn.LPPool2d(2, 2)),
        *(nn.FractionalMaxPool2d(2, output_size=4), nn.Dropout(), nn.Dropout2d(), nn.Upsample(scale_factor=2)),
        *(nn.PixelUnshuffle(2), nn.ChannelShuffle(4), nn.ZeroPad2d(1), nn.ReflectionPad2d(1), nn.Unfold(3)),
    ],
    ids=repr,
)
def test_what_each_layer_of_torch_keeps(layer):
    head = nn.Flatten() if layer(torch.zeros(2, 16, 32, 32)).dim() != 4 else nn.Tanh()
    model, images = nn.Sequential(conv(3, 16), layer, head).train(), torch.randn(2, 3, 32, 32)
    assert kept_bytes(model, images.shape) == measure_memory(lambda: model(images)).kept_bytes


@pytest.mark.parametrize("name", NETWORKS)
def test_the_peak_of_a_step(name):
    """The step frees the gradients of the step before, so its peak is on top of what it holds all the time."""
    model, size = get_model(name).train(), (2, 3, 64, 64)
    step = training_step(model, size, device="cpu")
    step()
    parts = training_memory(model, size)
    resident = parts.parameters + parts.optimizer_state + parts.images
    step()
    measured = resident + measure_memory(step, "cpu").peak_bytes
    assert parts.total == pytest.approx(measured, rel=0.1)


def test_parts_by_hand():
    model = nn.Sequential(conv(3, 8), nn.BatchNorm2d(8))
    numbers = 8 * 27 + 16
    parts = training_memory(model, (2, 3, 16, 16), "adam")
    assert parts.parameters == 4 * (numbers + 16) + 8  # mean, variance, and the number of batches, an int64
    assert parts.gradients == 4 * numbers
    assert parts.optimizer_state == 2 * 4 * numbers
    assert parts.images == 3 * MAP
    assert parts.activations == 8 * MAP + 2 * 4 * 8 + 8 * MAP


def test_optimizers():
    model, size = nn.Linear(10, 10, bias=False), (1, 10)
    totals = [training_memory(model, size, *o).total for o in (("sgd", False), ("sgd", True), ("adam", False))]
    assert [total - totals[0] for total in totals] == [0, 400, 800]
    with pytest.raises(ValueError, match=r"optimizer='adan' is unknown.*did you mean 'adam'"):
        training_memory(model, size, "adan")


def test_more_images_take_more():
    model = get_model("mobilenet_v1")
    one, two = (training_memory(model, (n, 3, 64, 64)) for n in (1, 2))
    statistics = sum(2 * 4 * m.num_features for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    assert two.activations - statistics == 2 * (one.activations - statistics)
    assert two.parameters == one.parameters
