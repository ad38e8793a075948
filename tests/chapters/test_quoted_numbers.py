"""What is said of the papers: read there and stated plainly, or marked with a † that leads to its explanation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torchvision

from lightnets_edu.chapters.scoreboard.board import claims, claims_table
from lightnets_edu.models.registry import Printed

ROOT = Path(__file__).parents[2]
EXPLAINED = ROOT / "book" / "how_to_read.md"
PAGES = sorted([*ROOT.glob("notebooks/*.md"), *ROOT.glob("book/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
CODE = sorted(ROOT.glob("lightnets_edu/**/*.py"))
VAGUE = re.compile(
    r"\b(?:usually|commonly|often) (?:quoted|summarised|cited)\b|\bas (?:it is |others )?quoted?\b|\bre-?read\b"
    r"|\bnot (?:been )?read (?:it |them )?again\b|\bsecond(?:ary|-hand) source",
    re.I,
)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    "sentence",
    [
        "The paper, as usually quoted, says 224.",
        "It has 5.2 M, as others quote it.",
        "We have not re-read it.",
        "This was not read again.",
        "The number is from a secondary source.",
    ],
)
def test_vague_words_are_found(sentence):
    assert VAGUE.search(sentence)


@pytest.mark.parametrize("path", [*PAGES, *CODE], ids=named)
def test_no_vague_words(path):
    found = [found[0] for found in VAGUE.finditer(re.sub(r"\s+", " ", path.read_text(encoding="utf-8")))]
    assert not found, f"{named(path)}: say where it is printed, or mark it with a †, instead of {found}"


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_each_mark_leads_to_its_explanation(path):
    text = path.read_text(encoding="utf-8")
    if "†" in text and path != EXPLAINED:
        assert EXPLAINED.name in text, f"{named(path)} has a † and no link to {EXPLAINED.name}"


def test_the_mark_is_explained_once():
    sentences = [path for path in PAGES for _ in re.finditer(r"A † stands after", path.read_text(encoding="utf-8"))]
    assert sentences == [EXPLAINED]


def test_the_mark_is_made_from_the_flag():
    assert Printed("a slip of paper", read=True).cited == "a slip of paper"
    assert Printed("a slip of paper", read=False).cited == "a slip of paper †"
    apart = Printed("a slip of paper", read=False, top1_source="a wall")
    assert (apart.cited, apart.top1_cited) == ("a slip of paper; top-1: a wall †", "a wall †")


def test_accuracies_of_torchvisions_list_are_those_of_its_first_weights():
    quoted = {name: one for name, one in claims().items() if one.top1_cited == "torchvision's list of weights"}
    assert len(quoted) >= 5
    for name, claim in quoted.items():
        first = next(iter(torchvision.models.get_model_weights(name)))
        assert claim.top1 == first.meta["_metrics"]["ImageNet-1K"]["acc@1"], name


def test_the_ledger_shows_the_mark():
    notes = claims_table().notes
    for name, claim in claims().items():
        (line,) = [note for note in notes if re.search(rf"(?:: |, ){name}[,.]", note)]
        assert ("†" in line) == (not claim.read)
