"""Chapter 3, AlexNet and torchvision's zoo."""

WIDGETS = ("alexnet_explorer",)
