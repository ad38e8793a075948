"""Chapter 6's race: thirty-two groups instead of one, at equal MACs."""

from functools import partial

from lightnets_edu.models import get_model
from lightnets_edu.recording import Race, Side

PHOTO = (1, 3, 224, 224)

RACES = (
    Race(
        "resnext50",
        "What does cardinality cost in time, at about equal MACs?",
        Side("ResNet-50", partial(get_model, "resnet50"), PHOTO),
        Side("ResNeXt-50 (32×4d)", partial(get_model, "resnext50_32x4d"), PHOTO),
    ),
)
