"""Chapter 13, G-GhostNet."""

WIDGETS = ("g_ghost_explorer",)
