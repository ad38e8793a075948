"""FILL IN: what the reader can move, and what is to be seen.

A widget is a class with attributes only; copy the shape of ``chapters/mobilenet_v1/widget.py``:

class PaperNameExplorer(Widget):
    name = "paper_name_explorer"
    title = ...
    description = ...
    controls = (Slider(...), ...)
    outputs = (Output("params", "Parameters", TOTAL.params), ...)
    headline = ("params", "macs")
"""
