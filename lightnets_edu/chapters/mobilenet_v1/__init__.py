"""Chapter 7, MobileNetV1."""
