"""Every chapter's race is recorded, and its waterfall goes from one measured time to the other."""

from __future__ import annotations

import re

import pytest

from lightnets_edu.pages.waterfall import show_race
from lightnets_edu.recording import list_races
from lightnets_edu.records import load_record, recorded_devices, recorded_file, results_folder

DEVICES = [device for device in recorded_devices() if (results_folder() / device / "races.json").is_file()]


def test_all_are_recorded_on_a_cpu_and_none_is_left_over():
    record = load_record(recorded_file("cpu", "races"))
    assert sorted(race["name"] for race in record["races"]) == list_races()
    assert not [s["label"] for race in record["races"] for s in race["sides"] if s["measured"]["is_noisy"]]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", list_races())
def test_the_bars_go_from_one_time_to_the_other(name, device):
    shown = show_race(name, device)
    first, second = shown.milliseconds
    assert first + sum(shown.differences.values()) == pytest.approx(second)
    for measured, causes in zip(shown.milliseconds, shown.causes, strict=True):
        assert sum(causes.values()) == pytest.approx(measured)
        assert abs(causes["not explained"]) < 0.5 * measured  # else the causes are none
    page = shown._repr_html_()
    bars = [tuple(map(float, bar)) for bar in re.findall(r'<rect [^>]*x="([\d.]+)%"[^>]*width="([\d.]+)%"', page)]
    assert all(x >= -0.01 and x + width <= 100.5 for x, width in bars)
    assert shown.sentence.startswith(shown.race.second.label)
