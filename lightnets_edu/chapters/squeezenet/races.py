"""Chapter 4's race: fifty times fewer parameters, and more time."""

from functools import partial

from lightnets_edu.models import get_model
from lightnets_edu.recording import Race, Side

PHOTOS = (16, 3, 224, 224)

RACES = (
    Race(
        "squeezenet",
        "Why do 16 images take SqueezeNet 1.0 so much longer than AlexNet, for a seventh more MACs?",
        Side("AlexNet", partial(get_model, "alexnet"), PHOTOS),
        Side("SqueezeNet 1.0", partial(get_model, "squeezenet1_0"), PHOTOS),
    ),
)
