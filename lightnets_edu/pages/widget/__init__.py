"""Sliders that work with and without Python: declarations, the engine in the page, and how it gets there."""
