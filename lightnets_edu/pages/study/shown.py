"""A recorded study on a page, and what a page's sentences may rely on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lightnets_edu.checks import one_of
from lightnets_edu.pages.provenance import thread_words
from lightnets_edu.pages.study.dots import dot_figure
from lightnets_edu.pages.study.switches import switches
from lightnets_edu.pages.study.words import text
from lightnets_edu.recording.studies import empty_record, get_study, quick_look
from lightnets_edu.records import recorded_study, studied_devices
from lightnets_edu.records.verdicts import CAUTION, VERDICT, VERDICTS, judged, values_of
from lightnets_edu.tables import Column, NumberTable

STYLE = Path(__file__).with_name("study.css")


class VerdictError(ValueError):
    """A page's sentence says something else than the record."""


def show_study(name: str, device: str = "cpu") -> ShownStudy:
    """A study: claim, the paper's evidence, every run, the verdict, and how it was recorded.

    One that is declared and not recorded on the device is shown without runs; the page says so.

    Args:
        name: The study's, as ``python -m lightnets_edu study`` lists it.
        device: A folder of ``results/studies/``.

    Raises:
        ValueError: If there is no such study.
    """
    study = get_study(name)
    if device in studied_devices(name):
        return ShownStudy(recorded_study(name, device))
    return ShownStudy(judged(empty_record(study, torch.device("cpu"))))


def expect_verdict(name: str, verdict: str, *, claim: str = "", device: str = "cpu") -> None:
    """Fail the build if a sentence of the page is contradicted by the record. Write the sentence after it.

    Args:
        name: The study's.
        verdict: ``"shown"``, ``"refuted"`` or ``"undecided"``: what the page's sentence says.
        claim: Of one of the study's further comparisons, or enough of it to tell it from the others; by default it is
            the study's own claim.
        device: A folder of ``results/studies/``.

    Raises:
        ValueError: If there is no such verdict, record or claim.
        VerdictError: If the record's verdict is another one.
    """
    one_of("verdict", verdict, VERDICTS)
    found = _comparison(recorded_study(name, device), claim)
    if found["verdict"] != verdict:
        raise VerdictError(
            f"the page says that a claim of study {name!r} is {verdict}, but it is {found['verdict']}: "
            f"{found['claim']} {found['sentence']} Change the page's sentence."
        )


def _comparison(record: Mapping[str, Any], claim: str) -> Mapping[str, Any]:
    """The comparison whose claim has these words; the first one for none."""
    found = [one for one in record["comparisons"] if claim in one["claim"]] if claim else record["comparisons"][:1]
    if len(found) != 1:
        listed = "; ".join(one["claim"] for one in record["comparisons"])
        where = f"{len(found)} of the claims of study {record['name']!r}"
        raise ValueError(f"{claim!r} is in {where}, not in one: {listed}")
    return found[0]


def quick_study(name: str, device: str = "cpu") -> NumberTable:
    """Run a study in small, now: one seed, few epochs, few images. It shows how it is done and decides nothing.

    Args:
        name: The study's.
        device: As for ``resolve_device``.

    Raises:
        ValueError: If there is no such study or device.
    """
    record = quick_look(get_study(name), device=device, progress=False)
    images = record["images"]["train"]["images"]
    note = (
        f"One seed, {record['recipe']['epochs']} epochs, {images:,} training images: it shows how the study is done, "
        "and decides nothing."
    )
    return _numbers(record, f"A quick look at the study {name}", [note])


def _numbers(record: Mapping[str, Any], caption: str, notes: list[str]) -> NumberTable:
    """Cost and means of each variant."""
    rows = []
    for variant in record["variants"]:
        cells: list[Any] = [variant["description"], variant["parameters"], variant["macs"]]
        for measure in record["measures"]:
            values = list(values_of(record, variant["name"], measure["name"]).values())
            cells.append(sum(values) / len(values) if values else None)
        rows.append(cells)
    measures = [Column(one["label"], unit=one["unit"], digits=one["digits"]) for one in record["measures"]]
    return NumberTable(caption, ["variant", "parameters", "MACs", *measures], rows, notes)


@dataclass(frozen=True)
class ShownStudy:
    """A study on a page and in a terminal.

    Attributes:
        record: From ``recorded_study``, or one without runs.
    """

    record: dict[str, Any]

    def __str__(self) -> str:
        record = self.record
        lines = [f"{record['claim']} ({record['source']})"]
        lines += [f"{one['what']}: {one['value']} ({one['source']})" for one in record["evidence"]]
        lines += [str(self.numbers), record["sentence"]]
        lines += [f"{one['claim']} {one['sentence']}" for one in record["comparisons"][1:]]
        return "\n".join([*lines, self.provenance])

    __repr__ = __str__

    def mean(self, variant: str, measure: str = "accuracy") -> float:
        """The mean of a measure over a variant's seeds, for a sentence of the page.

        Raises:
            ValueError: If the study has no such variant or measure, or the variant has no value of it.
        """
        values = self.runs(variant, measure)
        if not values:
            raise ValueError(f"no run of variant {variant!r} has the measure {measure!r}")
        return sum(values) / len(values)

    def said(self, claim: str = "") -> str:
        """A claim and what came out, for the answer of a page.

        Args:
            claim: As for `expect_verdict`.

        Raises:
            ValueError: If there is no such claim.
        """
        said = _comparison(self.record, claim)["claim"]
        return f"\N{LEFT DOUBLE QUOTATION MARK}{said}\N{RIGHT DOUBLE QUOTATION MARK} {self.sentence(claim)}"

    def sentence(self, claim: str = "") -> str:
        """What the runs say about a claim, in one sentence; it is there before the first run, too.

        Args:
            claim: Of one of the study's further comparisons, or enough of it to tell it from the others; by default it
                is the study's own claim.

        Raises:
            ValueError: If it is in no claim, or in several.
        """
        return _comparison(self.record, claim)["sentence"]

    def runs(self, variant: str, measure: str = "accuracy") -> list[float]:
        """A measure of all runs of a variant, in the order of the seeds; empty before the first run.

        Raises:
            ValueError: If the study has no such variant or measure.
        """
        for kind, name in (("variants", variant), ("measures", measure)):
            one_of(kind[:-1], name, [one["name"] for one in self.record[kind]])
        return list(values_of(self.record, variant, measure).values())

    @property
    def numbers(self) -> NumberTable:
        """What each variant costs and what it came to."""
        held = [
            f"Held equal within {one['tolerance']:.1%}: {one['what'].replace('macs', 'MACs')} of "
            f"{', '.join(f'{name} ({value:,})' for name, value in one['values'].items())}."
            for one in self.record["held_equal"]
        ]
        return _numbers(self.record, "The variants, means over all recorded seeds", held)

    @property
    def provenance(self) -> str:
        """How it was recorded, in one line."""
        record, where = self.record, self.record["environment"]
        images, recipe = record["images"], record["recipe"]
        if not record["runs"]:
            return f"Not recorded yet: python -m lightnets_edu study {record['name']} does it."
        seeds = len({run["seed"] for run in record["runs"]})
        threads = f", {thread_words(where['threads'])} a run" if where["device"] == "cpu" else ""
        training = [
            f"{images['train']['images']:,} training and {images['test']['images']:,} test images of "
            f"{images['train']['name'].replace('_', '-')}",
            f"{recipe['epochs']} epochs, batches of {recipe['batch_size']}, peak learning rate "
            f"{recipe['learning_rate']:g}",
        ]
        parts = [
            f"{seeds} seeds",
            *(training if any(run["curve"] for run in record["runs"]) else ()),
            f"{where['device_name']}{threads}",
            f"torch {where['torch']}",
            where["date"][:10],
        ]
        return " · ".join(parts)

    def _repr_html_(self) -> str:
        record = self.record
        said = {name: text(record[name]) for name in ("name", "claim", "source", "verdict", "sentence")}
        evidence = "".join(
            f"<div><dt>{text(one['what'])} ({text(one['source'])})</dt><dd>{text(one['value'])}</dd></div>"
            for one in record["evidence"]
        )
        measured = evidence and f"<details><summary>What the paper measured</summary><dl>{evidence}</dl></details>"
        compared = dict.fromkeys(one["measure"] for one in record["comparisons"])
        figures = "".join(dot_figure(record, one) for one in record["measures"] if one["name"] in compared)
        further = "".join(
            f"<li><strong>{text(one['claim'])}</strong> <span data-comparison>{text(one['sentence'])}</span></li>"
            for one in record["comparisons"][1:]
        )
        verdict, switched, data = "Not recorded yet.", "", ""
        if record["runs"]:
            verdict = text(VERDICT.format(verdict=record["verdict"]))
            content = json.dumps(switches(record)).replace("<", "\\u003c")
            switched, data = ' data-switches=""', f'<script type="application/json">{content}</script>'
        questions = f"<details><summary>Further questions</summary><ul>{further}</ul></details>" if further else ""
        return (
            f'<div class="ln-study" data-study="{said["name"]}" data-verdict="{said["verdict"]}"'
            f"{switched}>{data}<style>{STYLE.read_text(encoding='utf-8')}</style>"
            '<p class="ln-study-label">The claim</p>'
            f'<p class="ln-study-claim">{said["claim"]}</p><p class="ln-study-source">{said["source"]}</p>'
            f"{measured}"
            f"{figures}"
            f'<p class="ln-study-verdict"><strong>{verdict}</strong> '
            f"<span data-comparison>{said['sentence']}</span></p>"
            f"{questions}<details><summary>All numbers</summary>{self.numbers._repr_html_()}</details>"
            f"<details><summary>How it was recorded</summary><p>{text(self.provenance)}</p>"
            f"<p>{text(CAUTION)}</p></details></div>"
        )
