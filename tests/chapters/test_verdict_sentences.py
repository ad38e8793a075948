"""No page says more of a study than its record: a verdict in the text stands behind the build's check of just that.

The rule, for every level-two section of a chapter:

- where a paragraph speaks of a study and a sentence of it gives a verdict ("refuted", "left open", "holds at this
  size" ...), an `expect_verdict` for that verdict stands in an earlier cell of the same section;
- the verdicts that a section's cells expect are all given in the text that follows them;
- no text written into code gives a verdict on a study: code prints the record's sentence;
- what `expect_verdict` is asked is the record's verdict now, of a study that the page shows.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lightnets_edu.pages.study import VerdictError, expect_verdict
from lightnets_edu.records import recorded_study

CHAPTERS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.md"))
VERDICT_WORDS = {
    "shown": r"(?<!as )\bshown\b(?! above| below)|\bconfirm\w*|\b(?:study|seeds|runs) (?:shows?|proves?|supports?)\b"
    r"|(?<!not )\bholds? (?:at this size|here|for small networks)",
    "refuted": r"\brefut\w+|\bcontradict\w*|\bdisprove\w*|\bdo(?:es)? not hold\b",
    "undecided": r"\bundecided\b|\binconclusive\b|\bleaves? (?:\w+ ){0,3}open\b|\bleft open\b"
    r"|\b(?:stays?|remains?) (?:open|unclear)\b|\b(?:cannot|not|too much to) decide\b",
}
SPEAKS_OF_A_STUDY = re.compile(r"\b(?:stud(?:y|ies)|claims?|seeds?|at this size)\b", re.I)
IN_CODE = re.compile(r"\b(?:stud(?:y|ies)|seeds?)\b", re.I)
CODE_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"`[^`\n]*`|\]\([^)\n]*\)")  # names and addresses are no statements


@dataclass
class Section:
    """A section of a chapter: what its cells expect so far, what its text says, and what is wrong with it."""

    title: str
    shows_a_study: bool = False
    expected: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


def verdicts_in(words: str) -> set[str]:
    """The verdicts that some words give."""
    return {verdict for verdict, pattern in VERDICT_WORDS.items() if re.search(pattern, words, re.I)}


def tree_of(cell: str) -> ast.Module:
    """A code cell without its options and IPython's commands, parsed."""
    code = re.sub(r"\A(?:(?s:---\n.*?\n---\n)|(?::[\w-]+:.*\n)+)", "", cell)
    return ast.parse(re.sub(r"^([ \t]*)[%!].*$", r"\1pass", code, flags=re.M))


def calls(tree: ast.Module, function: str) -> Iterator[ast.Call]:
    """Calls of a function, by its bare name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            yield node


def arguments(call: ast.Call) -> tuple[list[str], dict[str, str]]:
    """What a call is given, which has to be written out."""
    return [ast.literal_eval(one) for one in call.args], {
        str(one.arg): ast.literal_eval(one.value) for one in call.keywords
    }


def sections(chapter: str) -> list[Section]:
    """A chapter's sections, read from top to bottom."""
    found = [Section("the beginning")]
    for index, part in enumerate(CODE_CELL.split(chapter)):
        if index % 2:
            _read_code(tree_of(part), found[-1])
            continue
        for paragraph in re.split(r"\n\s*\n", LINK.sub("", part)):
            if heading := re.match(r"\s*## (.*)", paragraph):
                found.append(Section(heading[1]))
            _read_text(paragraph, found[-1])
    for section in found:
        if unsaid := section.expected - section.said:
            section.faults.append(f"{', '.join(sorted(unsaid))} is expected, and no sentence after it says so")
    return found


def _read_code(tree: ast.Module, section: Section) -> None:
    section.shows_a_study |= any(calls(tree, "show_study"))
    expecting = list(calls(tree, "expect_verdict"))
    section.expected |= {arguments(call)[0][1] for call in expecting}
    asked = {id(node) for call in expecting for node in ast.walk(call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in asked:
            words = node.value
            if IN_CODE.search(words) and verdicts_in(words):
                section.faults.append(f"code says of a study {words!r} instead of printing the record's sentence")


def _read_text(paragraph: str, section: Section) -> None:
    if not (section.shows_a_study or SPEAKS_OF_A_STUDY.search(paragraph)):
        return
    for sentence in re.split(r"(?<=[.!?:;])\s+", paragraph):
        verdicts = verdicts_in(sentence)
        section.said |= verdicts
        if unfounded := verdicts - section.expected:
            section.faults.append(
                f"no expect_verdict(..., {sorted(unfounded)[0]!r}) stands before {sentence.strip()!r}"
            )


def faults(chapter: str) -> list[str]:
    """What breaks the rule in a chapter's text; nothing of the records."""
    return [f"{section.title}: {fault}" for section in sections(chapter) for fault in section.faults]


def contradicted(chapter: str) -> list[str]:
    """Expectations of a chapter that its records do not meet, or of studies that it does not show."""
    code = [tree_of(cell) for cell in CODE_CELL.findall(chapter)]
    shown = {arguments(call)[0][0] for cell in code for call in calls(cell, "show_study")}
    found = []
    for call in (call for cell in code for call in calls(cell, "expect_verdict")):
        positional, named = arguments(call)
        if positional[0] not in shown:
            found.append(f"the page does not show the study {positional[0]!r}")
        try:
            expect_verdict(*positional, **named)
        except VerdictError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_page_says_more_than_its_record(path):
    chapter = path.read_text(encoding="utf-8")
    assert faults(chapter) == []
    assert contradicted(chapter) == []


@pytest.fixture
def senet() -> str:
    return next(path for path in CHAPTERS if path.stem == "09_senet").read_text(encoding="utf-8")


def test_the_rule_is_met_and_not_empty(senet):
    said = {section.title: section.said for section in sections(senet) if section.expected}
    assert said == {"The study": {"undecided", "refuted"}, "The answer": {"undecided", "refuted"}}


def test_a_verdict_without_an_expectation_is_found(senet):
    cells = re.sub(r"^expect_verdict\(.*\n", "", senet, flags=re.M)
    assert sum("no expect_verdict" in fault for fault in faults(cells)) >= 4
    # The same sentence above the cell that checks it, and in another section.
    late = senet.replace("## The study\n", "## The study\n\nThe study leaves the claim open.\n", 1)
    other = senet.replace("## The claim\n", "## The claim\n\nAt this size the claim is refuted.\n", 1)
    assert [fault.split(":")[0] for text in (late, other) for fault in faults(text)] == ["The study", "The claim"]


def test_another_verdict_than_the_expected_is_found(senet):
    shown = senet.replace("the study leaves it open", "the study shows it")
    assert any("'shown'" in fault for fault in faults(shown))
    # Both verdicts are expected in this section, so the one that is no longer given is missed.
    refuted = senet.replace("the study leaves it open", "the study refutes it")
    assert faults(refuted) == ["The study: undecided is expected, and no sentence after it says so"]


def test_an_expectation_that_the_record_contradicts_is_found(senet):
    verdict = recorded_study("senet")["verdict"]
    other = "shown" if verdict != "shown" else "refuted"
    wrong = senet.replace(f'expect_verdict("senet", "{verdict}")', f'expect_verdict("senet", "{other}")', 1)
    assert wrong != senet and any(f"is {other}, but it is {verdict}" in fault for fault in contradicted(wrong))
    elsewhere = senet.replace('show_study("senet")', 'show_study("ghostnet")')
    assert any("does not show the study 'senet'" in fault for fault in contradicted(elsewhere))


def test_a_verdict_that_is_typed_into_code_is_found(senet):
    typed = senet.replace("study = show_study", 'print("The study refutes the claim.")\nstudy = show_study', 1)
    assert any("instead of printing the record's sentence" in fault for fault in faults(typed))


@pytest.mark.parametrize(
    ("sentence", "verdicts"),
    [
        ("The claim is **shown** for small networks.", {"shown"}),
        ("It holds at this size.", {"shown"}),
        ("MACs, as shown above, and as drawn.", set()),
        ("The study refutes it.", {"refuted"}),
        ("The claim does not hold here.", {"refuted"}),
        ("The study leaves the claim open.", {"undecided"}),
        ("Whether it does remains open.", {"undecided"}),
        ("Six seeds cannot decide.", {"undecided"}),
        ("The first part was refuted and the second left open.", {"refuted", "undecided"}),
        ("The study trains six networks.", set()),
    ],
)
def test_words_that_give_a_verdict(sentence, verdicts):
    assert verdicts_in(sentence) == verdicts
