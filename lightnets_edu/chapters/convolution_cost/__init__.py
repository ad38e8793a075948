"""Chapter 1, What a convolution costs."""

WIDGETS = ("convolution_explorer", "which_flop")
