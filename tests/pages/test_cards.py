"""The first page's cards: title, question and picture of every chapter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lightnets_edu.pages.palette import CLASSES
from lightnets_edu.pages.site.cards import cards_html, read_cards

ROOT = Path(__file__).parents[2]
PICTURES = sorted((ROOT / "book" / "cards").glob("*.svg"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "cards").mkdir(parents=True)
    for name, title in (("01_one", "1. One & only"), ("02_two", "2. Two")):
        (tmp_path / "notebooks" / f"{name}.md").write_text(f"---\nkernel: x\n---\n\n# {title}\n\nText.\n")
    (tmp_path / "book" / "cards" / "01_one.svg").write_text("<svg></svg>\n")
    return tmp_path


def test_title_and_picture_come_from_the_files(root):
    cards = read_cards(["01_one: Why: so?", "", "02_two: And <b>?"], root)
    assert cards == [("01_one", "1. One & only", "Why: so?", "<svg></svg>"), ("02_two", "2. Two", "And <b>?", "")]
    shown = cards_html(cards, lambda name: f"../{name}.html")
    assert '<li><svg></svg><a href="../01_one.html">1. One &amp; only</a><span>Why: so?</span></li>' in shown
    assert "And &lt;b&gt;?" in shown


def test_a_new_chapter_has_a_card_without_a_question(root):
    assert read_cards(["02_two: Why?"], root)[-1] == ("01_one", "1. One & only", "", "<svg></svg>")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["01_one Why?"], "'01_one Why\\?' is no card"),
        (["03_three: Why?"], "'03_three: Why\\?' is no card"),
        (["01_one:"], "is no card"),
    ],
)
def test_a_wrong_line_is_refused(root, lines, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_cards(lines, root)


def test_pictures_are_chapters_in_the_palettes_colours():
    """A picture is small, draws nothing in a colour of its own, and is silent beside its title."""
    assert len(PICTURES) > 10 and {p.stem for p in PICTURES} <= {p.stem for p in (ROOT / "notebooks").glob("*.md")}
    allowed = {f"var(--ln-{look.name},{look.shades[0]})" for look in CLASSES.values()} | {"none"}
    for path in PICTURES:
        text = path.read_text()
        assert len(text) < 3000 and 'aria-hidden="true"' in text, path.name
        assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', text)) <= allowed, path.name
