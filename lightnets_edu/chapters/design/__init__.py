"""Chapter 16, Design your own under a budget."""
