"""Chapter 7's races: smaller images, and standard convolutions in the place of the pairs."""

from functools import partial

from torch import nn

from lightnets_edu.chapters.mobilenet_v1.study import full_convolution
from lightnets_edu.models import get_model
from lightnets_edu.models.mobilenet_v1 import DepthwiseSeparable, MobileNetV1
from lightnets_edu.recording import Race, Side

HALF = partial(get_model, "mobilenet_v1", width_mult=0.5)


def with_standard_convolutions() -> nn.Module:
    """MobileNetV1 with one standard convolution for each depthwise-separable pair: the paper's table 4.

    Shape:
        ``[N, 3, H, W] -> [N, 1000]``
    """
    model = get_model("mobilenet_v1")
    assert isinstance(model, MobileNetV1)
    for stage in model.blocks:
        assert isinstance(stage, nn.Sequential)
        for index, block in enumerate(stage):
            assert isinstance(block, DepthwiseSeparable)
            in_channels, out_channels = block.conv_dw.in_channels, block.conv_pw.out_channels
            stage[index] = full_convolution(in_channels, out_channels, block.stride)
    return model


RACES = (
    Race(
        "smaller_images",
        "Why do smaller images save less time than MACs?",
        Side("224 px, α = 0.5", HALF, (1, 3, 224, 224)),
        Side("96 px, α = 0.5", HALF, (1, 3, 96, 96)),
    ),
    Race(
        "separable",
        "How much of the saved arithmetic is saved time?",
        Side("Standard convolutions", with_standard_convolutions, (1, 3, 224, 224)),
        Side("MobileNetV1", partial(get_model, "mobilenet_v1"), (1, 3, 224, 224)),
    ),
)
