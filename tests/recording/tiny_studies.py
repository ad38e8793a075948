"""Studies that end in seconds, in a module that worker processes can import."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import nn

from lightnets_edu.recording.studies import ACCURACY, RECIPE, Comparison, Context, HeldEqual, Measure, Study, Variant


class Tiny(nn.Sequential):
    """A convolution and a classifier of drawn images."""

    def __init__(self, channels: int = 4, bias: bool = False) -> None:
        layers = nn.Conv2d(3, channels, 3, stride=4, bias=bias), nn.BatchNorm2d(channels), nn.ReLU()
        super().__init__(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, 10))


def weights(context: Context) -> dict[str, float]:
    """A measure of the trained network."""
    return {"largest": max(float(p.detach().abs().max()) for p in context.trained.parameters())}


def without_first(context: Context) -> dict[str, float]:
    """The trained network without its first channel; the change must not reach other variants."""
    with torch.no_grad():
        context.trained.get_submodule("0").get_parameter("weight")[0] = 0
    return {"accuracy": context.accuracy()}


def drawn(context: Context) -> dict[str, float]:
    """No network at all."""
    return {"accuracy": float(torch.rand(())) * 100}


TINY = Study(
    name="tiny",
    claim="Biases help.",
    source="a test",
    variants=(
        Variant("plain", "networks without biases", Tiny),
        Variant("bias", "networks with biases", partial(Tiny, bias=True)),
        Variant("cut", "networks without biases and without their first channel", run=without_first, after="plain"),
        Variant("drawn", "random numbers", run=drawn),
    ),
    comparisons=(
        Comparison("bias", "plain", by=50),
        Comparison("plain", "cut", by=1, claim="The first channel is needed."),
        Comparison("plain", "bias", by=1, kind="no worse", measure="largest", claim="Weights are no larger."),
    ),
    held_equal=(HeldEqual("macs", ("plain", "bias")), HeldEqual("parameters", ("plain", "bias"), tolerance=0.05)),
    measures=(ACCURACY, Measure("largest", "largest weight", better="lower", digits=2)),
    measure=weights,
    recipe=replace(RECIPE, epochs=2, batch_size=16, warmup_epochs=0.5, image_size=32, channels=3),
    data="shapes",
    train_images=64,
    test_images=40,
)
UNFAIR = replace(TINY, name="unfair", held_equal=(HeldEqual("parameters", ("plain", "bias"), tolerance=0.001),))
