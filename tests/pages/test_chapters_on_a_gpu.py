"""A chapter must also run where there is a GPU, and tests have none: so these look at its code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import jupytext
import pytest

CHAPTERS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.md"))


def trainings(node: ast.AST, asked_for: bool = False) -> Iterator[tuple[ast.Call, bool]]:
    """Each call of `train` below a node, and whether it stands in an `if`: then the reader asks for it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "train":
            yield child, asked_for
        yield from trainings(child, asked_for or isinstance(node, ast.If))


def cells(path: Path) -> list[ast.Module]:
    sources = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]
    return [ast.parse(source) for source in sources if "%pip" not in source]


WITH_TRAINING = [path for path in CHAPTERS if any(list(trainings(cell)) for cell in cells(path))]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_short_trainings_stay_on_the_processor(path):
    """`train` leaves the network on its device, and the cells after it show it images that are on the processor."""
    for cell in cells(path):
        for call, asked_for in trainings(cell):
            devices = [keyword.value for keyword in call.keywords if keyword.arg == "device"]
            assert asked_for or [ast.literal_eval(device) for device in devices] == ["cpu"], ast.unparse(call)


@pytest.mark.parametrize("path", WITH_TRAINING, ids=lambda path: path.stem)
def test_the_full_training_uses_the_gpu_and_can_be_skipped(path):
    (cell,) = (cell for cell in cells(path) if "train_in_full = " in ast.unparse(cell))
    assignment, choice = cell.body
    assert ast.unparse(assignment) == "train_in_full = torch.cuda.is_available()"
    assert isinstance(choice, ast.If) and ast.unparse(choice.test) == "train_in_full"
    ((call, asked_for),) = trainings(cell)
    assert asked_for and "device" not in {keyword.arg for keyword in call.keywords}
    assert "epochs=15" in ast.unparse(cell)
