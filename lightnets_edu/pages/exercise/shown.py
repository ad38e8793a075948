"""Exercises and verdicts as a notebook, a built page and a terminal show them."""

from __future__ import annotations

import html
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightnets_edu.pages.exercise import expressions, reading
from lightnets_edu.pages.exercise.judging import SENTENCES, Judgement, coarse_sentence, nearly_limit, show_value
from lightnets_edu.pages.exercise.kinds import (
    Blank,
    ChoiceExercise,
    CodeExercise,
    Exercise,
    Item,
    NumberExercise,
    Option,
    RankingExercise,
    half_unit,
)
from lightnets_edu.pages.exercise.markdown import inline_html, to_html
from lightnets_edu.pages.script.bundle import page_script

_HERE = Path(__file__).parent
_MARKS = {"passed": "✓ ", "failed": "✗ ", "waiting": ""}


class Shown(ABC):
    """HTML with mathematics for Jupyter and the book; Markdown for Colab, whose HTML outputs have none."""

    @abstractmethod
    def html(self) -> str:
        """The whole as HTML."""

    @abstractmethod
    def markdown(self) -> str:
        """The whole as Markdown."""

    def _repr_html_(self) -> str | None:
        return None if _in_colab() else self.html()

    def _repr_markdown_(self) -> str | None:
        return self.markdown() if _in_colab() else None

    def __repr__(self) -> str:
        return str(self)


def _in_colab() -> bool:
    return "google.colab" in sys.modules


@dataclass(frozen=True, repr=False)
class ShownExercise(Shown):
    """A question, with all that the page needs to judge an answer without Python.

    Attributes:
        exercise: What is asked.
        number: Its place in the chapter, from 1.
    """

    exercise: Exercise
    number: int

    @property
    def title(self) -> str:
        """The heading."""
        return f"Exercise {self.number}: {self.exercise.kind}"

    @property
    def solution(self) -> str:
        """The solution as Markdown."""
        text = self.exercise.solution.strip("\n")
        if isinstance(self.exercise, CodeExercise):
            return f"```python\n{text}\n```"
        if isinstance(self.exercise, NumberExercise):
            # Not str.format: formulas are full of braces.
            return text.replace("{answer}", self.exercise.shown)
        if isinstance(self.exercise, RankingExercise):
            return text.replace("{order}", self.exercise.shown)
        return text

    @property
    def _call(self) -> str:
        letters = list(getattr(self.exercise, "by_letter", ()))
        examples = {NumberExercise: "1234", CodeExercise: "your_answer", ChoiceExercise: '"a"'}
        example = examples.get(type(self.exercise), json.dumps(letters))
        return f'check("{self.exercise.name}", {example})'

    @property
    def _question(self) -> str:
        """What is asked, as Markdown; of an order also what comes first."""
        question = self.exercise.question.strip()
        if isinstance(self.exercise, RankingExercise):
            question += f" The order is: {self.exercise.first}."
        return question

    @property
    def _precision(self) -> str:
        """How exact an answer has to be, as the end of a sentence."""
        return f", {self.exercise.precision}" if isinstance(self.exercise, NumberExercise) else ""

    def __str__(self) -> str:
        asked = f"Answer with {self._call}{self._precision}"
        return "\n".join([self.title, self._question, *self._options(), asked])

    def _options(self) -> list[str]:
        return [f"- {key}: {option.text}" for key, option in self._by_letter.items()]

    @property
    def _by_letter(self) -> Mapping[str, Option | Item]:
        return self.exercise.by_letter if isinstance(self.exercise, ChoiceExercise | RankingExercise) else {}

    def markdown(self) -> str:
        """Title, question, options and the folded solution."""
        options = "\n".join(self._options())
        asked = f"Answer with `{self._call}`{self._precision}."
        parts = (f"**{self.title}**", self._question, options, asked)
        folded = ("<details><summary>Solution</summary>", self.solution, "</details>")
        return "\n\n".join(part for part in (*parts, *folded) if part)

    def html(self) -> str:
        """Title, question, options and the folded solution; the page's script adds the form."""
        name = html.escape(self.exercise.name)
        options = "".join(
            f'<li data-option="{key}"><span><b>{key}</b></span> <span>{inline_html(option.text)}</span></li>'
            for key, option in self._by_letter.items()
        )
        options = f'<ul class="ln-options">{options}</ul>' if options else ""
        question, blank, filled = self._question, "", ""
        if isinstance(self.exercise, CodeExercise):
            question, blank = f"**In a notebook:** {question}", _blank_html(self.exercise.blank)
            filled = f"In place of the blank: <code>{html.escape(self.exercise.blank.solution)}</code>"
            filled = f'<p class="ln-blank" hidden>{filled}</p>'
        note = f"Answer with <code>{html.escape(self._call)}</code> in a notebook{self._precision}."
        content = json.dumps(self.spec()).replace("<", "\\u003c")
        return (
            f'<div class="ln-exercise" data-exercise="{name}"><script type="application/json">{content}</script>'
            f'<b class="ln-exercise-title">{self.title}</b>'
            f'<div class="ln-question">{to_html(question)}</div>'
            f"{options}{blank}"
            f'<p class="ln-note">{note}</p>'
            f'<details class="ln-solution"><summary>Solution</summary>{filled}{to_html(self.solution)}</details></div>'
        )

    def spec(self) -> dict:
        """What the page's script judges answers with."""
        exercise = self.exercise
        if isinstance(exercise, NumberExercise):
            return {
                "kind": "number",
                "expected": exercise.expected,
                "answer": exercise.shown,
                "half": half_unit(exercise.expected, exercise.digits),
                "nearly": nearly_limit(exercise.expected, exercise.digits),
                "coarse": coarse_sentence(exercise.digits),
                "precision": exercise.precision,
                "unit": exercise.unit,
                "mistakes": [
                    [wrong := float(m.wrong()), half_unit(wrong, exercise.digits), inline_html(m.hint)]
                    for m in exercise.mistakes
                ],
                "hint": inline_html(exercise.hint),
            }
        if isinstance(exercise, ChoiceExercise):
            options = {key: [o.right, inline_html(o.feedback)] for key, o in exercise.by_letter.items()}
            return {"kind": "choice", "options": options}
        if isinstance(exercise, RankingExercise):
            return {"kind": "ranking", "order": exercise.order, "hint": inline_html(exercise.hint)}
        blank = exercise.blank
        return {
            "kind": "blank",
            "settings": blank.settings,
            "labels": blank.labels,
            "expected": blank.expected,
            "mistakes": [[blank.values(text), inline_html(hint)] for text, hint in blank.mistakes],
            "hint": inline_html(blank.hint),
        }


def _blank_html(blank: Blank) -> str:
    """The line that a page without Python asks to complete, in place of code; its script shows it."""
    names = ", ".join(f"<code>{name}</code>" for name in blank.names)
    functions = ", ".join(f"<code>{name}</code>" for name in expressions.FUNCTIONS)
    return (
        '<div class="ln-blank" hidden><p><b>On this page:</b> complete the line. '
        f"{inline_html(blank.lead)}</p>"
        f'<pre tabindex="0"><code>{html.escape(blank.line)}</code></pre>'
        f"<p>The blank may contain {names}, numbers, <code>+ - * / // ^</code>, brackets and {functions}.</p></div>"
    )


@dataclass(frozen=True, repr=False)
class Verdict(Shown):
    """What `check` says about an answer.

    Attributes:
        judgement: What was found.
        answer: The right number as text, which a reader may unfold; empty for other exercises.
    """

    judgement: Judgement
    answer: str = ""

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.judgement.status == "passed"

    def __str__(self) -> str:
        found = self.judgement
        cases = [f"  {label}: expected {expected}, got {got}: {word}" for label, expected, got, word in self._cases()]
        return "\n".join([f"{_MARKS[found.status]}{found.said} {found.hint}".strip(), *cases])

    def _cases(self) -> list[tuple[str, str, str, str]]:
        return [
            (case.label, show_value(case.expected), show_value(case.got), "same" if case.equal else "differs")
            for case in self.judgement.comparisons
        ]

    def markdown(self) -> str:
        """The sentence and the cases as a table."""
        found = self.judgement
        text = f"**{_MARKS[found.status]}{found.said}** {found.hint}".strip()
        if found.comparisons:
            lines = [("Case", "Expected", "Got", ""), ("---",) * 4, *self._cases()]
            cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
            return f"{text}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in cells)
        if self._folded:
            return f"{text}\n\n<details><summary>Show the right number</summary>\n\n{self._folded}\n\n</details>"
        return text

    def html(self) -> str:
        """The sentence, the cases as a table, and a wrong number beside the right one, folded."""
        found, sentence = self.judgement, self.sentence_html()
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>" for line in self._cases()
        )
        head = "<tr><th>Case</th><th>Expected</th><th>Got</th><th>Result</th></tr>"
        table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>" if rows else ""
        folded = f"<p>{html.escape(self._folded)}</p>" if self._folded else ""
        details = f"<details><summary>Show the right number</summary>{folded}</details>" if folded else ""
        line = f'<p><span aria-hidden="true">{_MARKS[found.status]}</span><span>{sentence}</span></p>'
        return f'<div class="ln-check" data-status="{found.status}">{line}{table}{details}</div>'

    def sentence_html(self) -> str:
        """The verdict in a line, as the page also shows it."""
        return f"<b>{html.escape(self.judgement.said)}</b> {inline_html(self.judgement.hint)}".strip()

    @property
    def _folded(self) -> str:
        shown = self.answer and self.judgement.got and not self.passed
        return f"Expected {self.answer}, got {self.judgement.got}." if shown else ""


def exercise_script() -> str:
    """The one script that gives a built page its forms, with its style and the words it shares with Python."""
    grammar = {
        "literals": expressions.LITERALS,
        "readings": expressions.READINGS,
        "power": expressions.POWER,
        "suffix": expressions.SUFFIX,
        "suffixes": expressions.SUFFIXES,
        "name": expressions.NAME,
        "times": expressions.TIMES,
        "same": expressions.SAME,
        "superscripts": expressions.SUPERSCRIPTS,
        "oneArgument": expressions.ONE_ARGUMENT,
        "deepest": expressions.DEEPEST,
    }
    shared = {
        "sentences": SENTENCES,
        "grammar": grammar,
        "near": reading.NEAR,
        "far": reading.FAR,
        "longest": reading.LONGEST,
        "about": reading.ABOUT,
        "words": reading.WORDS,
        "bare": reading.BARE,
        "aliases": reading.ALIASES,
        "prefixes": reading.PREFIXES,
        "measures": reading.MEASURES,
    }
    style = (_HERE / "exercise.css").read_text(encoding="utf-8")
    return page_script(_HERE / "exercise.js", "exercise", style, {"shared": shared})
