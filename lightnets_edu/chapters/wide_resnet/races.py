"""Chapter 5's races: equal MACs, deep and thin or wide and shallow."""

from functools import partial

from lightnets_edu.models.wide_resnet import WideResNet
from lightnets_edu.recording import Race, Side

IMAGE = (1, 3, 32, 32)
WRN_40_4 = Side("WRN-40-4", partial(WideResNet, 40, 4), IMAGE)

RACES = (
    Race(
        "deep_and_thin",
        "Why is the deep and thin network so much slower, at equal MACs?",
        WRN_40_4,
        Side("WRN-556-1", partial(WideResNet, 556, 1), IMAGE),
    ),
    Race(
        "wide_and_shallow",
        "What does the wide and shallow network save, at equal MACs?",
        WRN_40_4,
        Side("WRN-10-11", partial(WideResNet, 10, 11), IMAGE),
    ),
)
