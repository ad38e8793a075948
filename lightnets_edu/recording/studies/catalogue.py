"""Which studies are there? Those that the chapters' folders declare."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import replace
from functools import cache

from lightnets_edu.discovery import chapter_modules
from lightnets_edu.recording.studies.declaration import Study


def studies_in(module: str) -> dict[str, Study]:
    """The studies that a module declares, by name.

    Args:
        module: Its full name; it is imported.
    """
    values = vars(importlib.import_module(module)).values()
    return {value.name: replace(value, module=module) for value in values if isinstance(value, Study)}


@cache
def _studies() -> dict[str, Study]:
    found: dict[str, Study] = {}
    for module in chapter_modules("study"):
        for name, study in studies_in(module).items():
            if name in found:
                raise TypeError(f"two studies have the name {name!r}; the second is in {module}")
            found[name] = study
    return found


def list_studies() -> list[str]:
    """The names of all studies, in alphabetical order."""
    return sorted(_studies())


def get_study(name: str) -> Study:
    """A study by its name.

    Raises:
        ValueError: If there is none; the sentence names the nearest and lists all.
    """
    known = _studies()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no study {name!r}{hint} All: {', '.join(sorted(known)) or 'none yet'}")
    return known[name]
