"""Chapter 6, ResNeXt."""

WIDGETS = ("resnext_block_explorer", "resnext_equal_cost")
