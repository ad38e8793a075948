"""Chapter 5, Wide ResNet."""
