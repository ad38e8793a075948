"""Chapter 15, The bug clinic."""

WIDGETS = ("ghost_repair_explorer",)
