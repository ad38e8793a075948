"""Chapter 3b, torchvision's zoo and transfer learning."""

WIDGETS = ("new_head_explorer",)
