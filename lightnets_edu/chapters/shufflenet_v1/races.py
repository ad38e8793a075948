"""Chapter 8's race: a unit with three groups, and the same unit with one."""

from functools import partial

from lightnets_edu.models.shufflenet_v1 import ShuffleUnit
from lightnets_edu.recording import Race, Side

MAPS = (8, 240, 28, 28)

RACES = (
    Race(
        "grouped_unit",
        "Why is the unit with groups not faster, with a third of the MACs?",
        Side("One group", partial(ShuffleUnit, 240, 240, groups=1, stride=1), MAPS),
        Side("Three groups", partial(ShuffleUnit, 240, 240, groups=3, stride=1), MAPS),
    ),
    Race(
        "shuffle",
        "What does the shuffle itself cost?",
        Side("Without the shuffle", partial(ShuffleUnit, 240, 240, groups=3, stride=1, shuffle="none"), MAPS),
        Side("With the shuffle", partial(ShuffleUnit, 240, 240, groups=3, stride=1), MAPS),
    ),
)
