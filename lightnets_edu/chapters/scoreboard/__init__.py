"""Chapter 14, The scoreboard."""

WIDGETS = ("proxy_explorer",)
