"""Every chapter begins with the same cell, which installs the package where it is missing."""

from __future__ import annotations

import pytest

from lightnets_edu.template import setup_cell, with_setup_cell

from .conftest import ROOT


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.md")), ids=lambda path: path.name)
def test_it_is_the_one_of_the_template(path):
    text = path.read_text(encoding="utf-8")
    up_to_date = with_setup_cell(text, setup_cell(ROOT, notebook=text)) == text
    assert up_to_date, f"notebooks/{path.name}: `python -m lightnets_edu.template --setup-cells` writes its first cell"


def test_it_names_the_version_that_the_book_was_made_with():
    assert "@v1.2.3" in setup_cell(ROOT, "1.2.3")
    assert "@main" in setup_cell(ROOT, "1.3.0.dev0")
    for version in ("1.2.3", "1.3.0.dev0"):
        assert "--upgrade" not in setup_cell(ROOT, version) and "-U" not in setup_cell(ROOT, version)
        assert max(map(len, setup_cell(ROOT, version).splitlines())) <= 84


def test_a_chapter_with_photographs_installs_them():
    assert "[counters]" in setup_cell(ROOT) and "[counters,photos]" in setup_cell(ROOT, notebook="load_photos(224)")
