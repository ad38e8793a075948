"""Chapter 8, ShuffleNetV1."""
