"""Chapter 9's study: do the gates of squeeze-and-excitation make a small residual network more accurate?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from lightnets_edu.features import capture_gates, replaced_gates
from lightnets_edu.features.gates import gate_modules
from lightnets_edu.models.resnet import Bottleneck
from lightnets_edu.models.senet import REDUCTION, SEBottleneck
from lightnets_edu.recording.studies import ACCURACY, Comparison, Context, Evidence, HeldEqual, Measure, Study, Variant

STEM_CHANNELS = 16  # a 3x3 convolution with stride 2: 14 x 14
BLOCKS = (
    # (output channels, stride); two bottlenecks a stage
    (32, 1),  #  14 x 14
    (32, 1),
    (64, 2),  #   7 x 7
    (64, 1),
    (128, 2),  #  4 x 4
    (128, 1),
)
WIDTHS = (8, 16, 32)  # of the 3x3 convolutions of each stage: a quarter of the output, as in ResNet
WIDER = (8, 17, 35)  # as many parameters more as the gates with r = 16 have


class SmallResNet(nn.Module):
    """Six of ResNet's bottlenecks, with or without gates.

    Args:
        block: Builds a bottleneck from ``(in_channels, width, out_channels, stride)``.
        widths: Of each stage.

    Shape:
        ``[N, 1, 28, 28] -> [N, 10]``
    """

    def __init__(self, block: Callable[..., nn.Module] = Bottleneck, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        convolution = nn.Conv2d(1, STEM_CHANNELS, 3, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(convolution, nn.BatchNorm2d(STEM_CHANNELS), nn.ReLU())
        blocks, channels = [], STEM_CHANNELS
        for index, (out_channels, stride) in enumerate(BLOCKS):
            blocks.append(block(channels, widths[index // 2], out_channels, stride))
            channels = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def gate_spread(context: Context) -> dict[str, float]:
    """How far a gate moves from image to image: its standard deviation, averaged over all gates of the network."""
    if not any(isinstance(module, SEBottleneck) for module in context.trained.modules()):
        return {}
    gates = torch.cat(list(capture_gates(context.trained, context.images()[0]).values()), 1)
    return {"gate_spread": float(gates.std(0).mean())}


def at_their_means(context: Context) -> dict[str, float]:
    """Each gate is held at its mean over the test images: the same for every image."""
    means = {name: gates.mean(0) for name, gates in capture_gates(context.trained, context.images()[0]).items()}
    with replaced_gates(context.trained, lambda name, gates: means[name].view(1, -1, 1, 1).expand_as(gates)):
        return {"accuracy": context.accuracy()}


def of_another_image(context: Context) -> dict[str, float]:
    """Each image gets the gates of the image before it in the test set."""
    with replaced_gates(context.trained, lambda name, gates: gates.roll(1, 0)):
        return {"accuracy": context.accuracy()}


def all_one_half(context: Context) -> dict[str, float]:
    """Every gate is one half: all channels count the same."""
    with replaced_gates(context.trained, lambda name, gates: torch.full_like(gates, 0.5)):
        return {"accuracy": context.accuracy()}


def of_another_channel(context: Context) -> dict[str, float]:
    """In each module the gates are dealt out to the channels anew, in one random order for all images."""
    orders = {name: torch.randperm(module.fc2.out_channels) for name, module in gate_modules(context.trained).items()}
    with replaced_gates(context.trained, lambda name, gates: gates[:, orders[name]]):
        return {"accuracy": context.accuracy()}


STUDY = Study(
    name="senet",
    claim="Gates that are computed from the image make a residual network more accurate.",
    source="Hu et al. 2019, arXiv:1709.01507v4, section 4, table 2",
    evidence=(
        Evidence("SE-ResNet-50 instead of ResNet-50, ImageNet", "top-1 error 23.29 % instead of 24.80 %", "table 2"),
        Evidence("the reduction ratio r, SE-ResNet-50", "top-1 error 22.25 % at r = 4, 22.28 % at r = 16", "table 10"),
        Evidence("ResNet-50 itself, trained longer", "top-1 error 23.30 % instead of 24.80 %", "tables 2 and 10"),
    ),
    variants=(
        Variant("gates", "networks with gates (r = 16)", partial(SmallResNet, SEBottleneck)),
        Variant("plain", "networks without gates", SmallResNet),
        Variant("wider", "wider networks without gates, with as many parameters", partial(SmallResNet, widths=WIDER)),
        Variant(
            "r4", "networks with gates of r = 4", partial(SmallResNet, partial(SEBottleneck, reduction=REDUCTION // 4))
        ),
        Variant("mean", "the same trained networks with each gate at its mean", run=at_their_means, after="gates"),
        Variant("other", "the same trained networks with another image's gates", run=of_another_image, after="gates"),
        Variant("half", "the same trained networks with all gates at 0.5", run=all_one_half, after="gates"),
        Variant(
            "shuffled", "the same trained networks with another channel's gates", run=of_another_channel, after="gates"
        ),
    ),
    comparisons=(
        Comparison("gates", "plain", by=0.5),
        Comparison("gates", "wider", by=0.5, claim="Gates are worth more than the same parameters spent on width."),
        Comparison("gates", "r4", by=0.5, kind="no worse", claim="A reduction ratio of 16 is no worse than one of 4."),
        Comparison("gates", "mean", by=0.5, claim="A trained network needs gates that change from image to image."),
        Comparison("gates", "other", by=0.5, claim="A trained network needs the gates of the image itself."),
        Comparison("gates", "half", by=0.5, claim="A trained network needs channels that count differently."),
        Comparison("gates", "shuffled", by=0.5, claim="A trained network needs each gate at its own channel."),
    ),
    held_equal=(
        HeldEqual("macs", ("gates", "plain", "r4"), tolerance=0.02),
        HeldEqual("parameters", ("gates", "wider"), tolerance=0.001),
    ),
    measures=(ACCURACY, Measure("gate_spread", "movement of a gate from image to image", digits=3)),
    measure=gate_spread,
)
