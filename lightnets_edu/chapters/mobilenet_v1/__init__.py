"""Chapter 7, MobileNetV1."""

WIDGETS = ("mobilenet_v1_explorer",)
