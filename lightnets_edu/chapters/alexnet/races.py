"""Chapter 3's race: the AlexNet of 2014, and that of 2012 with its groups and response normalisations."""

from functools import partial

from lightnets_edu.models import get_model
from lightnets_edu.recording import Race, Side

RACES = (
    Race(
        "alexnet_2012",
        "Why does the network of 2012 take longer, at about the same MACs?",
        Side("AlexNet of 2014", partial(get_model, "alexnet"), (1, 3, 224, 224)),
        Side("AlexNet of 2012", partial(get_model, "alexnet_2012"), (1, 3, 227, 227)),
    ),
)
