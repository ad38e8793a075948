"""Broken listings for the bug clinic: mistakes that popular tutorials make, in our own words, each with its repair."""
