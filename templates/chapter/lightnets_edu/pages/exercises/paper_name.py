"""Chapter CHAPTER: FILL IN, what its exercises are about.

At least three, one of each kind; ``exercises/mobilenet_v1.py`` shows how they are declared.
"""

from __future__ import annotations

from lightnets_edu.pages.exercises.kinds import ChoiceExercise, CodeExercise, NumberExercise

EXERCISES: tuple[NumberExercise | CodeExercise | ChoiceExercise, ...] = ()  # FILL IN
