"""Chapter 4, SqueezeNet."""

WIDGETS = ("squeezenet_explorer",)
