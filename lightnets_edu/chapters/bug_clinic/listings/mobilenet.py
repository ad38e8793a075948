"""A MobileNetV1 with the four mistakes that tutorials add to the paper's table, one switch each."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from lightnets_edu.models.layers import scaled_channels
from lightnets_edu.models.mobilenet_v1 import BODY

STEM_CHANNELS = 32
POOL = 7  # side of the last map for 224 x 224 images


@dataclass(frozen=True)
class MobileNetRepairs:
    """Which mistakes are repaired; all False is the listing as it is.

    Attributes:
        no_bias: No biases in front of batch norms.
        initialise: The classifier starts with torch's random weights. In the listing all of them are 1.
        logits: No softmax at the end.
        any_size: A mean over whatever map is there. In the listing: a fixed 7 x 7 pool, and a view.
    """

    no_bias: bool = False
    initialise: bool = False
    logits: bool = False
    any_size: bool = False


REPAIRED = MobileNetRepairs(no_bias=True, initialise=True, logits=True, any_size=True)


class ListedMobileNet(nn.Module):
    """MobileNetV1 by the paper's table, and the mistakes that are not repaired.

    Args:
        repairs: Which mistakes are repaired.
        width_mult: Scales every number of channels.
        num_classes: Outputs.

    Shape:
        ``[N, 3, 224, 224] -> [N, num_classes]``
    """

    def __init__(
        self, repairs: MobileNetRepairs = MobileNetRepairs(), width_mult: float = 1.0, num_classes: int = 1000
    ) -> None:
        super().__init__()
        self.repairs = repairs
        channels = scaled_channels(STEM_CHANNELS, width_mult)
        parts = [self._convolution(3, channels, 3, 2)]
        for stride, thin in (block for stage in BODY for block in stage):
            out = scaled_channels(thin, width_mult)
            parts += [self._convolution(channels, channels, 3, stride, channels), self._convolution(channels, out, 1)]
            channels = out
        self.features = nn.Sequential(*parts)
        self.channels = channels
        self.pool = nn.AdaptiveAvgPool2d(1) if repairs.any_size else nn.AvgPool2d(POOL)
        self.classifier = nn.Linear(channels, num_classes)
        if not repairs.initialise:
            nn.init.ones_(self.classifier.weight)
        self.end: nn.Module = nn.Identity() if repairs.logits else nn.Softmax(dim=1)

    def _convolution(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1
    ) -> nn.Sequential:
        shape = (in_channels, out_channels, kernel_size, stride, kernel_size // 2)
        convolution = nn.Conv2d(*shape, groups=groups, bias=not self.repairs.no_bias)
        return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits, or to what a softmax makes of them."""
        x = self.pool(self.features(x)).view(-1, self.channels)
        return self.end(self.classifier(x))
