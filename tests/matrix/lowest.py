"""Write ``lowest.txt``: the lowest version of everything that ``pyproject.toml`` names, for `make matrix` to try.

Run it after changing a lower bound: ``python tests/matrix/lowest.py``. A test compares the file with the bounds.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEAD = "# The lowest versions that pyproject.toml allows. Generated: python tests/matrix/lowest.py\n"


def lowest(project: dict) -> str:
    """The content of the file, from the table ``project`` of ``pyproject.toml``."""
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    pins = {}
    for requirement in (Requirement(text) for group in groups for text in group):
        for bound in requirement.specifier:
            if bound.operator in (">=", "=="):
                pins[requirement.name] = bound.version
    return HEAD + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


if __name__ == "__main__":
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (HERE / "lowest.txt").write_text(lowest(settings["project"]), encoding="utf-8")
