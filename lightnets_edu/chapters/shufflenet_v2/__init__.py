"""Chapter 10, ShuffleNetV2."""

WIDGETS = ("equal_width_explorer", "shufflenet_v2_explorer")
