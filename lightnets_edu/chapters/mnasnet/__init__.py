"""Chapter 11, MNASNet."""
