"""Chapter 3, AlexNet."""

WIDGETS = ("alexnet_explorer",)
