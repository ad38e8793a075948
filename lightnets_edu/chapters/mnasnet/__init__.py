"""Chapter 11, MNASNet."""

WIDGETS = ("latency_reward",)
