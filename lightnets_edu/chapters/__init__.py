"""What does each chapter need of its own? A folder a chapter: its widget, its exercises, its figures and data."""
