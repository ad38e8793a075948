"""Blocks drawn from the code: what a module does, step by step, and how the boxes lie."""
