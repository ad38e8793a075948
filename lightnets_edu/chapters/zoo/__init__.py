"""Chapter 3b, torchvision's zoo and transfer learning."""
