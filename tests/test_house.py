"""The rooms of the package: imports run downwards, and in no circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "lightnets_edu"
# From the ground up; rooms of one floor do not know each other.
FLOORS = (
    {"_version", "checks", "discovery", "progress", "statistics", "tables"},
    {"arguments", "runtime", "formulas", "counting"},
    {"models", "records", "__init__"},
    {"training", "timing", "features"},
    {"deployment"},
    {"recording"},
    {"pages"},
    {"chapters", "cli", "template"},
    {"__main__"},
)
HEIGHT = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def sources() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        below = path.relative_to(PACKAGE)
        yield path, below.parts[0] if len(below.parts) > 1 else below.stem


def imports(path: Path) -> set[str]:
    """Full names of this package's modules (or of what is in them) that a file imports when it runs, anywhere in it."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return {name for name in found if name.split(".")[0] == "lightnets_edu"}


def room_of(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in HEIGHT else "__init__"


def test_every_room_has_its_floor():
    assert {room for _, room in sources()} == set(HEIGHT)


@pytest.mark.parametrize(
    ("path", "room"), sources(), ids=lambda value: value.name if isinstance(value, Path) else value
)
def test_no_arrow_runs_upwards(path, room):
    rooms = {room_of(name) for name in imports(path)} - {room}
    above = {other for other in rooms if HEIGHT[other] >= HEIGHT[room]}
    assert not above, f"{path.relative_to(ROOT)} imports from {', '.join(sorted(above))}"


def test_no_circle():
    """Among files: a module that is imported, directly or through others, by what it imports."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path, _ in sources()
    }

    def module_of(name: str) -> str | None:
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return name or None

    arrows = {}
    for module, path in modules.items():
        # A package's face only hands names on.
        arrows[module] = {module_of(name) for name in imports(path)} - {module, None, "lightnets_edu"}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for other in sorted(arrows[module]):
                visit(other, (*trail, module))
            done.add(module)

    for module in modules:
        visit(module, ())
