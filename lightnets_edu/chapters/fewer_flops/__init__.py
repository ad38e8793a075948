"""Chapter 2, Fewer FLOPs, yet slower."""

WIDGETS = ("roofline_explorer", "time_budget")
