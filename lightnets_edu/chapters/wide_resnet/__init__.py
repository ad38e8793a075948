"""Chapter 5, Wide ResNet."""

WIDGETS = ("wide_resnet_explorer",)
