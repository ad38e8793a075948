"""Tables that a reader searches, sorts and plots in the page."""
