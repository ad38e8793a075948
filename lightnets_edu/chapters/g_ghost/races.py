"""Chapter 13's race: a RegNet stage with cheap maps, and without."""

from functools import partial

from lightnets_edu.models import get_model
from lightnets_edu.recording import Race, Side

PHOTO = (1, 3, 224, 224)

RACES = (
    Race(
        "g_ghost",
        "How much time do the cheap maps save on a processor?",
        Side("RegNetX-3.2GF", partial(get_model, "regnet_x_3_2gf"), PHOTO),
        Side("G-Ghost RegNetX-3.2GF", partial(get_model, "g_ghost_regnet_x_3_2gf"), PHOTO),
    ),
)
