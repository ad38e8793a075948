"""Chapter 1, What a convolution costs."""

WIDGETS = ("sliding_kernel", "convolution_explorer", "which_flop")
