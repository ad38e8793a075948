"""The chapter about PaperName: in the contents, without blanks, with a widget and exercises."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from lightnets_edu.pages.exercise.kinds import ChoiceExercise, CodeExercise, NumberExercise, RankingExercise
from lightnets_edu.pages.widget.widgets import Widget
from lightnets_edu.recording.studies import studies_in

ROOT = Path(__file__).parents[2]


def test_the_chapter_is_in_the_contents():
    named = "notebooks/NN_paper_name" in (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert named, "add `- file: notebooks/NN_paper_name` to _toc.yml"


@pytest.mark.parametrize(
    "file",
    [
        "notebooks/NN_paper_name.md",
        "lightnets_edu/models/paper_name.py",
        "lightnets_edu/chapters/paper_name/widget.py",
        "lightnets_edu/chapters/paper_name/exercises.py",
        "lightnets_edu/chapters/paper_name/study.py",
    ],
)
def test_nothing_is_left_to_fill_in(file):
    blanks = [line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if "FILL IN" in line]
    assert not blanks, f"{file}: fill in what is marked, for example {blanks[0]!r}"


def test_it_has_a_widget():
    module = importlib.import_module("lightnets_edu.chapters.paper_name.widget")
    widgets = [kind for kind in vars(module).values() if inspect.isclass(kind) and issubclass(kind, Widget)]
    assert [kind for kind in widgets if kind is not Widget], "declare a Widget in chapters/paper_name/widget.py"


def test_the_widget_shows_the_network():
    pytest.fail(
        "compare what the widget shows with the real network at several settings: "
        "assert_totals(shown('paper_name_explorer', ...), counted(lambda: get_model('paper_name', ...))) "
        "of tests/chapters/explorers.py"
    )


def test_it_has_a_study_and_shows_it():
    studies = studies_in("lightnets_edu.chapters.paper_name.study")
    assert studies, "declare a Study in chapters/paper_name/study.py, before anything runs"
    chapter = (ROOT / "notebooks/NN_paper_name.md").read_text(encoding="utf-8")
    unseen = [name for name in studies if f'show_study("{name}")' not in chapter]
    assert not unseen, f"show the study with show_study({unseen[0]!r}) in notebooks/NN_paper_name.md"


def test_it_has_exercises_of_each_kind():
    exercises = importlib.import_module("lightnets_edu.chapters.paper_name.exercises").EXERCISES
    for kind in (NumberExercise, CodeExercise, ChoiceExercise, RankingExercise):
        assert any(isinstance(one, kind) for one in exercises), f"declare at least one {kind.__name__}"
