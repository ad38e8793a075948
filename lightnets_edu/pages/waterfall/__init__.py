"""Why one network takes longer than another, cause by cause, as a figure and a sentence."""

from lightnets_edu.pages.waterfall.shown import CauseError, ShownRace, machine_words, show_race

__all__ = ["CauseError", "ShownRace", "machine_words", "show_race"]
