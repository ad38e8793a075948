"""Chapter 6, ResNeXt."""
