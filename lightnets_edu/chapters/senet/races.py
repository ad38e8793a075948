"""Chapter 9's races: what the gates cost, in one block and in a network."""

from functools import partial

from lightnets_edu.models import get_model
from lightnets_edu.models.resnet import Bottleneck
from lightnets_edu.models.senet import SEBottleneck
from lightnets_edu.recording import Race, Side

MAPS, PHOTO = (2, 256, 28, 28), (1, 3, 224, 224)

RACES = (
    Race(
        "se_block",
        "Why does a gate cost time and no MACs?",
        Side("A bottleneck", partial(Bottleneck, 256, 64, 256), MAPS),
        Side("The same with a gate", partial(SEBottleneck, 256, 64, 256), MAPS),
    ),
    Race(
        "se_network",
        "And in a whole network?",
        Side("ResNet-50", partial(get_model, "resnet50"), PHOTO),
        Side("SE-ResNet-50", partial(get_model, "se_resnet50", stride_in="3x3"), PHOTO),
    ),
)
