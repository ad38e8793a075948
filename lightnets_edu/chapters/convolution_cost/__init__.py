"""Chapter 1, What a convolution costs."""
