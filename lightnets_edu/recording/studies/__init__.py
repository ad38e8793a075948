"""Does a claim hold? Studies: several variants of a small network, several seeds, a verdict."""

from lightnets_edu.recording.studies.catalogue import get_study, list_studies, studies_in
from lightnets_edu.recording.studies.declaration import (
    ACCURACY,
    RECIPE,
    Comparison,
    Context,
    Evidence,
    HeldEqual,
    Measure,
    Study,
    Variant,
)
from lightnets_edu.recording.studies.runner import empty_record, quick_look, run_study
from lightnets_edu.recording.studies.times import times_beside

__all__ = [
    "ACCURACY",
    "RECIPE",
    "Comparison",
    "Context",
    "Evidence",
    "HeldEqual",
    "Measure",
    "Study",
    "Variant",
    "empty_record",
    "get_study",
    "list_studies",
    "quick_look",
    "run_study",
    "studies_in",
    "times_beside",
]
