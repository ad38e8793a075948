"""Chapter 10, ShuffleNetV2."""
