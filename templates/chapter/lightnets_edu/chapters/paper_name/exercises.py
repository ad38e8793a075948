"""Chapter CHAPTER: FILL IN, what its exercises are about.

At least four, one of each kind; ``chapters/mobilenet_v1/exercises.py`` shows how they are declared.
"""

from __future__ import annotations

from lightnets_edu.pages.exercise.kinds import ChoiceExercise, CodeExercise, NumberExercise, RankingExercise

EXERCISES: tuple[NumberExercise | CodeExercise | ChoiceExercise | RankingExercise, ...] = ()  # FILL IN
