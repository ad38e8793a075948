"""Chapter 9, SENet."""

WIDGETS = ("se_reduction_explorer",)
