"""Chapter 12, GhostNet."""
