"""The index of widgets: complete, with links to pages that exist, and loud when a widget is lost."""

from __future__ import annotations

import re

import pytest

from lightnets_edu.pages import list_widgets
from lightnets_edu.pages.site.widget_index import NOTEBOOKS, widget_index


def test_every_widget_is_listed_with_a_page_that_exists():
    index = widget_index()
    assert {entry.name for entry in index.entries} == set(list_widgets())
    for chapter in re.findall(r'href="\.\./notebooks/(\w+)\.html"', index._repr_html_()):
        assert (NOTEBOOKS / f"{chapter}.md").exists()
    assert all(name in str(index) for name in list_widgets())


def test_a_widget_that_no_chapter_shows_is_named(tmp_path):
    (tmp_path / "01_one.md").write_text("# One\n\nget_widget('convolution_explorer')()\n")
    with pytest.raises(ValueError, match="is in no chapter"):
        widget_index(tmp_path)
