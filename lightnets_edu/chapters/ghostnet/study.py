"""Chapter 12's study: can cheap kernels make half of a convolution's maps, and is that better than fewer maps?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from lightnets_edu.models.ghostnet import GhostModule
from lightnets_edu.recording.studies import Comparison, Evidence, HeldEqual, Study, Variant

STEM_CHANNELS = 12  # the first convolution has one input channel: a ghost of it would cost as much
WIDTHS = (
    # maps of each 3x3 convolution; a maximum pool halves the side before each line
    (24,),  #     14 x 14
    (48, 48),  #   7 x 7
    (96, 96),  #   3 x 3
)
FEWER = ((17,), (33, 33), (67, 67))  # about 1 / sqrt(2) of them: as many MACs as with a ghost for every other map
TRANSCRIBED = "the paper's table as an article on Paperspace's blog gives it"


def convolution(in_channels: int, out_channels: int) -> nn.Module:
    """A 3x3 convolution with batch norm and ReLU: ``[N, in_channels, H, W] -> [N, out_channels, H, W]``."""
    layer = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out_channels), nn.ReLU())


def ghosts(ratio: int = 2, cheap_kernel_size: int = 3) -> Callable[[int, int], nn.Module]:
    """What builds a Ghost module in place of such a convolution, as in the paper's VGG-16."""
    return partial(GhostModule, ratio=ratio, cheap_kernel_size=cheap_kernel_size, kernel_size=3)


class SmallVGG(nn.Module):
    """A chain of 3x3 convolutions with batch norm, and pools between them: VGG-16's pattern with six convolutions.

    Args:
        layer: Builds all but the first convolution from ``(in_channels, out_channels)``.
        widths: Maps of each of them, in lines with a pool before each.

    Shape:
        ``[N, 1, 28, 28] -> [N, 10]``
    """

    def __init__(
        self, layer: Callable[[int, int], nn.Module] = convolution, widths: tuple[tuple[int, ...], ...] = WIDTHS
    ) -> None:
        super().__init__()
        channels, layers = STEM_CHANNELS, [convolution(1, STEM_CHANNELS)]
        for line in widths:
            layers.append(nn.MaxPool2d(2))
            for out_channels in line:
                layers.append(layer(channels, out_channels))
                channels = out_channels
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.features(x).mean((2, 3)))


STUDY = Study(
    name="ghostnet",
    claim="Cheap kernels can make half of every convolution's maps without a loss of accuracy.",
    source="Han et al. 2020, arXiv:1911.11907, the experiments with CIFAR-10 (not read in the paper itself)",
    evidence=(
        Evidence(
            "Ghost modules (s = 2) instead of convolutions, VGG-16, CIFAR-10",
            "accuracy 93.7 % with 158 M MACs instead of 93.6 % with 313 M",
            TRANSCRIBED,
        ),
        Evidence(
            "Ghost-ResNet-56 and two pruned ResNet-56 (CP, AMC), 63 M MACs each, CIFAR-10",
            "accuracy 92.7 % instead of 92.0 and 91.9 %; ResNet-56 itself has 93.0 % with 125 M",
            TRANSCRIBED,
        ),
        Evidence("the ratio s = 2, 3, 4, VGG-16, CIFAR-10", "accuracy 93.7, 93.4, 93.0 %", TRANSCRIBED),
        Evidence("cheap kernels of d = 1, 3, 5, VGG-16, CIFAR-10", "accuracy 93.5, 93.7, 93.4 %", TRANSCRIBED),
    ),
    variants=(
        Variant("ghosts", "networks with ghosts (s = 2, d = 3)", partial(SmallVGG, ghosts())),
        Variant("plain", "networks of the same width without ghosts", SmallVGG),
        Variant("fewer", "networks with fewer maps and no ghosts, with as many MACs", partial(SmallVGG, widths=FEWER)),
        Variant("s3", "networks with two ghosts a map (s = 3)", partial(SmallVGG, ghosts(ratio=3))),
        Variant("s4", "networks with three ghosts a map (s = 4)", partial(SmallVGG, ghosts(ratio=4))),
        Variant("d1", "networks with cheap kernels of 1 × 1", partial(SmallVGG, ghosts(cheap_kernel_size=1))),
        Variant("d5", "networks with cheap kernels of 5 × 5", partial(SmallVGG, ghosts(cheap_kernel_size=5))),
    ),
    comparisons=(
        Comparison("ghosts", "plain", by=0.5, kind="no worse"),
        Comparison("ghosts", "fewer", by=0.5, claim="Ghosts are worth more than the same MACs spent on fewer maps."),
        Comparison("s3", "ghosts", by=0.5, kind="no worse", claim="Two ghosts a map (s = 3) are no worse than one."),
        Comparison("s4", "ghosts", by=0.5, kind="no worse", claim="Three ghosts a map (s = 4) are no worse than one."),
        Comparison("ghosts", "d1", by=0.5, claim="A cheap kernel of 3 × 3 is better than one of 1 × 1."),
        Comparison(
            "ghosts", "d5", by=0.5, kind="no worse", claim="A cheap kernel of 3 × 3 is no worse than one of 5 × 5."
        ),
    ),
    held_equal=(HeldEqual("macs", ("ghosts", "fewer"), tolerance=0.005),),
)
