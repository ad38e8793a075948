"""Chapter 15, The bug clinic."""
