"""Chapter 2's races: a quarter of the MACs that takes longer, and what a batch saves."""

from functools import partial

from lightnets_edu.models import get_model
from lightnets_edu.recording import Race, Side

PHOTO = (1, 3, 224, 224)
MOBILENET = partial(get_model, "mobilenet_v1")

RACES = (
    Race(
        "fewer_macs",
        "Why is GhostNet slower than MobileNetV1, with a quarter of its MACs?",
        Side("MobileNetV1", MOBILENET, PHOTO),
        Side("GhostNet", partial(get_model, "ghostnet"), PHOTO),
    ),
    Race(
        "batch",
        "Why does an image take less time in a batch?",
        Side("One image", MOBILENET, PHOTO),
        Side("One of eight", MOBILENET, (8, 3, 224, 224)),
        per_image=True,
    ),
)
