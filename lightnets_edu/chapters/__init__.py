"""What does each chapter need of its own? Each has a folder: its widget, its exercises, its figures and data."""
