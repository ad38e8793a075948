"""Chapter 13, G-GhostNet."""
