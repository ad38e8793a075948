"""Chapter 12's races: a Ghost module, and a whole GhostNet, beside plain convolutions with as many maps."""

from functools import partial

from torch import nn

from lightnets_edu.models import get_model
from lightnets_edu.models.ghostnet import GhostBottleneck, GhostModule
from lightnets_edu.recording import Race, Side

MAPS, PHOTO = (1, 40, 28, 28), (1, 3, 224, 224)


def plain_module(ghost: GhostModule) -> nn.Sequential:
    """A plain 1x1 convolution with batch norm and activation that makes as many maps as a Ghost module."""
    convolution, _, activation = ghost.primary_conv
    assert isinstance(convolution, nn.Conv2d)
    layer = nn.Conv2d(convolution.in_channels, ghost.out_channels, 1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(ghost.out_channels), activation)


def without_ghosts() -> nn.Module:
    """GhostNet with a plain convolution for each Ghost module.

    Shape:
        ``[N, 3, H, W] -> [N, 1000]``
    """
    model = get_model("ghostnet")
    for block in model.modules():
        if isinstance(block, GhostBottleneck):
            for name in ("ghost1", "ghost2"):
                setattr(block, name, plain_module(getattr(block, name)))
    return model


def plain() -> nn.Module:
    """The plain counterpart of the module: ``[N, 40, H, W] -> [N, 120, H, W]``."""
    return plain_module(GhostModule(40, 120))


RACES = (
    Race(
        "ghost_module",
        "Why is a Ghost module slower than the convolution that it replaces?",
        Side("Plain 1 × 1, 40 → 120 maps", plain, MAPS),
        Side("Ghost module, 40 → 120 maps", partial(GhostModule, 40, 120), MAPS),
    ),
    Race(
        "ghost_network",
        "And the whole network?",
        Side("GhostNet without ghosts", without_ghosts, PHOTO),
        Side("GhostNet", partial(get_model, "ghostnet"), PHOTO),
    ),
)
