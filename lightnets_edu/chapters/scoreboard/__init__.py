"""Chapter 14, The scoreboard."""
