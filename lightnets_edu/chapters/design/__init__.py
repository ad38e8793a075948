"""Chapter 16, Design your own under a budget."""

WIDGETS = ("design_under_budget",)
