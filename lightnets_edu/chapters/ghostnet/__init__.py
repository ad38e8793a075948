"""Chapter 12, GhostNet."""

WIDGETS = ("ghost_module_explorer", "ghostnet_explorer")
