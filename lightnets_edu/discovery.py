"""Where the chapters' own modules are. The package knows no chapter by name: it looks into their folders."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

CHAPTERS = "lightnets_edu.chapters"


def chapter_modules(file: str = "*") -> dict[str, Path]:
    """The modules in the chapters' folders, by their full names, without importing them.

    Args:
        file: The file's name without its suffix, such as ``"exercises"``; ``"*"`` for all.
    """
    spec = find_spec(CHAPTERS)
    assert spec is not None and spec.submodule_search_locations is not None
    (folder,) = spec.submodule_search_locations
    paths = sorted(Path(folder).glob(f"*/{file}.py"))
    return {f"{CHAPTERS}.{path.parent.name}.{path.stem}": path for path in paths if path.stem != "__init__"}
