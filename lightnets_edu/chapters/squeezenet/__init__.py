"""Chapter 4, SqueezeNet."""
