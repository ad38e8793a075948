"""A study on a page: what the record says is what the figure, the words and the build's check say."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from lightnets_edu.pages.study import ShownStudy, VerdictError, expect_verdict, quick_study, show_study, shown
from lightnets_edu.recording.studies import Comparison, Context, Study, Variant
from lightnets_edu.records import recorded_study
from lightnets_edu.records.verdicts import judged, t_interval, values_of

NUMBER = r"(-?[\d.,]+)"


def with_runs(record: dict, values: dict[str, list[float]]) -> dict:
    """The study with other accuracies."""
    runs = [
        {"variant": name, "seed": seed, "curve": None, "measures": {"accuracy": value}, "seconds": 1.0}
        for name, many in values.items()
        for seed, value in enumerate(many)
    ]
    return judged({**record, "runs": runs})


@pytest.fixture
def record() -> dict:
    return recorded_study("senet")


def test_the_page_has_claim_evidence_verdict_and_every_run(record):
    page = show_study("senet")._repr_html_()
    said = [record["claim"], record["source"], record["sentence"], *(one["value"] for one in record["evidence"])]
    said += [one["sentence"] for one in record["comparisons"]]
    plain = html.unescape(page).replace("\N{NO-BREAK SPACE}", " ")
    assert all(sentence in plain for sentence in said)
    assert f'data-verdict="{record["verdict"]}"' in page
    assert "What the paper measured" in page
    assert "What the paper measured" not in ShownStudy({**record, "evidence": []})._repr_html_()
    assert page.count("<circle") == sum("accuracy" in run["measures"] for run in record["runs"])
    assert page.count('class="ln-dots-mean"') == len(record["variants"])


def test_a_study_without_a_record_says_so():
    shown = show_study("senet", device="cuda-nobody-has")
    page = shown._repr_html_()
    plain = re.sub(r"</?span[^>]*>", "", page)
    assert "<strong>Not recorded yet.</strong> No seed has been run yet" in plain
    assert "<circle" not in page and "data-switches" not in page
    assert shown.record["claim"] in page and "lightnets_edu study senet" in str(shown)


def test_dots_lie_where_their_values_are(record):
    """All places are one linear map of the values; what it is follows from two ticks of the axis."""
    values = {"gates": [80.0, 85.0, 90.0], "plain": [84.0, 86.0, 88.0]}
    page = ShownStudy(with_runs(record, values))._repr_html_()
    ticks = re.findall(rf'<text x="{NUMBER}%"[^>]*>{NUMBER}</text>', page)
    (x0, v0), (x1, v1) = ((float(x), float(v)) for x, v in (ticks[0], ticks[-1]))

    def place(value: float) -> float:
        return x0 + (value - v0) * (x1 - x0) / (v1 - v0)

    everything = [*values["gates"], *values["plain"]]
    circles = [float(x) for x in re.findall(rf'<circle cx="{NUMBER}%"', page)]
    assert circles == pytest.approx([place(value) for value in everything], abs=0.02)
    means = [float(x) for x in re.findall(rf'ln-dots-mean" x1="{NUMBER}%"', page)]
    assert means == pytest.approx([place(85), place(86)], abs=0.02)
    lines = re.findall(rf'ln-dots-interval" x1="{NUMBER}%" x2="{NUMBER}%" y1="25" y2="25"', page)
    for (low, high), many in zip(lines, values.values(), strict=True):
        interval = t_interval(many)
        assert [float(low), float(high)] == pytest.approx([place(interval.low), place(interval.high)], abs=0.02)
    assert all(0 <= x <= 100 for x in [*circles, *means])


def test_the_figure_in_words(record):
    page = html.unescape(show_study("senet")._repr_html_())
    (alt,) = re.findall(r'role="img" aria-label="([^"]*)"', page)
    for variant in record["variants"]:
        values = list(values_of(record, variant["name"], "accuracy").values())
        assert f"{variant['description']}: mean {sum(values) / len(values):.1f} % (95 % interval" in alt


def test_a_mean_for_a_sentence(record):
    values = [run["measures"]["accuracy"] for run in record["runs"] if run["variant"] == "plain"]
    assert show_study("senet").mean("plain") == pytest.approx(sum(values) / len(values))
    with pytest.raises(ValueError, match="did you mean 'plain'"):
        show_study("senet").mean("plane")
    with pytest.raises(ValueError, match="no run of variant 'plain' has the measure 'gate_spread'"):
        show_study("senet").mean("plain", "gate_spread")


def test_points_of_a_curve_have_no_row(record):
    names = [variant["name"] for variant in record["variants"] if variant["after"]]
    left = [one for one in record["comparisons"] if one["b"] != names[0]]
    page = ShownStudy({**record, "comparisons": left})._repr_html_()
    assert page.count('class="ln-dots-mean"') == len(record["variants"]) - 1
    assert show_study("senet").runs(names[0]) == list(values_of(record, names[0], "accuracy").values())


def test_a_sentence_by_its_claim(record):
    study = show_study("senet")
    assert study.sentence() == record["sentence"]
    assert [study.sentence(one["claim"]) for one in record["comparisons"][1:]] == [
        one["sentence"] for one in record["comparisons"][1:]
    ]
    with pytest.raises(ValueError, match="'purple' is in 0 of the claims of study 'senet'"):
        study.sentence("purple")


def test_equal_values_do_not_hide_each_other(record):
    page = ShownStudy(with_runs(record, {"gates": [90.0] * 5, "plain": [90.0] * 5}))._repr_html_()
    heights = re.findall(rf'cy="{NUMBER}"', page)
    assert len(set(heights)) == 5


def test_in_a_terminal(record):
    text = str(show_study("senet"))
    assert record["sentence"] in text and record["claim"] in text and "62,870" in text
    where = record["environment"]
    assert where["device_name"] in text and where["torch"] in text and where["date"][:10] in text


def test_a_study_that_trains_nothing_names_no_training(record):
    untrained = [{**run, "curve": None} for run in record["runs"]]
    line = ShownStudy({**record, "runs": untrained}).provenance
    assert "epochs" not in line and "images" not in line
    assert set(line.split(" · ")) < set(ShownStudy(record).provenance.split(" · "))


def test_a_sentence_that_the_record_contradicts_fails(record, monkeypatch):
    better, worse = [92.0, 92.1, 92.2], [89.0, 89.1, 89.3]
    values = {"gates": better, "plain": worse, "wider": better}
    monkeypatch.setattr(shown, "recorded_study", lambda name, device: with_runs(record, values))
    expect_verdict("senet", "shown")
    expect_verdict("senet", "refuted", claim="spent on width")
    with pytest.raises(VerdictError, match="says that a claim of study 'senet' is refuted, but it is shown"):
        expect_verdict("senet", "refuted")
    with pytest.raises(VerdictError, match="is shown, but it is refuted"):
        expect_verdict("senet", "shown", claim="spent on width")
    with pytest.raises(ValueError, match="'purple' is in 0 of the claims"):
        expect_verdict("senet", "shown", claim="purple")
    with pytest.raises(ValueError, match="verdict='true' is unknown"):
        expect_verdict("senet", "true")


def test_a_quick_look_is_a_table(monkeypatch):
    variants = tuple(Variant(name, f"networks {name}", run=always_seven) for name in "ab")
    study = Study("quick", "A claim.", "a test", variants, (Comparison("a", "b", by=1),), data="shapes")
    monkeypatch.setattr(shown, "get_study", lambda name: replace(study, train_images=8, test_images=8))
    text = str(quick_study("quick"))
    assert "networks a" in text and "7.0" in text and "decides nothing" in text


def always_seven(context: Context) -> dict[str, float]:
    return {"accuracy": 7.0}


def test_what_is_not_recorded():
    with pytest.raises(ValueError, match="no record of a study 'senett' on 'cpu': python -m lightnets_edu study"):
        expect_verdict("senett", "shown")
    for look in (show_study, quick_study):
        with pytest.raises(ValueError, match="did you mean 'senet'"):
            look("senett")


def test_a_page_can_print_any_comparison(record):
    shown, further = show_study("senet"), record["comparisons"][2]
    assert record["sentence"] in shown.said()
    assert shown.said(further["claim"]) == f"“{further['claim']}” {further['sentence']}"
    with pytest.raises(ValueError, match="'nobody claims this' is in 0 of the claims of study 'senet'"):
        shown.said("nobody claims this")
