"""Chapter 2, Fewer FLOPs, yet slower."""
