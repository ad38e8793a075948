"""Chapter 8, ShuffleNetV1."""

WIDGETS = ("channel_shuffle_explorer", "shufflenet_v1_explorer")
