"""Where do the blocks of a network end? Their names, stage by stage, for `capture`."""

from __future__ import annotations

from torch import nn

from lightnets_edu.models import ghostnet, mobilenet_v1, regnet, resnet

BLOCKS = (resnet.Bottleneck, regnet.Bottleneck, ghostnet.GhostBottleneck, mobilenet_v1.DepthwiseSeparable)


def stage_blocks(model: nn.Module) -> list[list[str]]:
    """The modules that end each block of each stage: their outputs are what a block hands on.

    A stage is a run of blocks whose maps have one size: it begins where a block has a stride. (GhostNet's code and
    table 1 divide more finely; MobileNetV1's blocks are its pairs of a depthwise and a pointwise convolution.)

    Args:
        model: A ResNet, ResNeXt, Wide ResNet-50-2, SENet, RegNetX, G-Ghost RegNetX, GhostNet or MobileNetV1 of this
            package's registry.

    Returns:
        Names as in ``model.named_modules()``, one list a stage, in the order in which the blocks run. In an official
        G-Ghost stage: first block, thin blocks, last block.

    Raises:
        ValueError: If the network has none of these blocks.
    """
    stages: list[list[str]] = []
    for name, module in model.named_modules():
        if not isinstance(module, BLOCKS):
            continue
        if not stages or module.stride > 1:
            stages.append([])
        stages[-1].append(name)
    if not stages:
        raise ValueError(
            f"the blocks of {type(model).__name__} are not known here; known are those of ResNet and its descendants, "
            "RegNetX, GhostNet and MobileNetV1"
        )
    # G-Ghost's code names a stage's last block before its thin ones.
    return [sorted(stage, key=lambda name: name.endswith(".end")) for stage in stages]
