"""Chapter 9, SENet."""
