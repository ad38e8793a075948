"""Races: two sides timed in turns, one record; a page refuses a record of other networks."""

from __future__ import annotations

import json
from functools import partial

import pytest
from torch import nn

from lightnets_edu.cli import main
from lightnets_edu.pages.waterfall import ShownRace
from lightnets_edu.recording import Race, Side, races, record_races
from lightnets_edu.records import RecordError, load_record, recorded_file, save_record
from lightnets_edu.timing import DeviceProfile

NARROW = Side("Narrow", partial(nn.Conv2d, 4, 8, 3), (1, 4, 16, 16))
WIDE = Side("Wide", partial(nn.Conv2d, 4, 64, 3), (4, 4, 16, 16))


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    declared = {"tiny": Race("tiny", "Which?", NARROW, WIDE, per_image=True)}
    monkeypatch.setattr(races, "_races", lambda: declared)
    return record_races(tmp_path, "cpu", rounds=3, seconds=0, progress=False)


def shown(race: Race, record: dict) -> ShownRace:
    profile = DeviceProfile.load(recorded_file("cpu", "profile"))
    return ShownRace(race, record["races"][0], record["environment"], profile)


def test_both_sides_are_recorded_and_read_again(recorded):
    record = load_record(recorded)
    (race,) = record["races"]
    assert race["name"] == "tiny" and [side["label"] for side in race["sides"]] == ["Narrow", "Wide"]
    assert [side["macs"] for side in race["sides"]] == [14 * 14 * 9 * 4 * 8, 4 * 14 * 14 * 9 * 4 * 64]
    assert all(side["measured"]["repeats"] == 3 for side in race["sides"])


def test_the_page_divides_by_the_images_and_explains_the_whole_difference(recorded):
    record = load_record(recorded)
    page = shown(races.get_race("tiny"), record)
    medians = [side["measured"]["median"] for side in record["races"][0]["sides"]]
    assert page.milliseconds == pytest.approx((1000 * medians[0], 1000 * medians[1] / 4))
    assert page.macs_ratio == 8 and page.ratio == pytest.approx(medians[1] / 4 / medians[0])
    assert sum(page.differences.values()) == pytest.approx(page.milliseconds[1] - page.milliseconds[0])
    assert f"{page.ratio:.2f} times as long, with 8.00 times the MACs" in page.sentence
    assert page._repr_html_().count("<rect") == len(page.differences) + 2


def test_a_record_of_another_network_is_refused(recorded):
    wider = Race("tiny", "Which?", NARROW, Side("Wide", partial(nn.Conv2d, 4, 65, 3), (4, 4, 16, 16)), per_image=True)
    with pytest.raises(ValueError, match=r"with Wide of 1,806,336 MACs .* of 1,834,560 .*: record it again"):
        shown(wider, load_record(recorded))


def test_a_side_without_its_time_is_refused(recorded, tmp_path):
    record = json.loads(recorded.read_text())
    del record["races"][0]["sides"][1]["measured"]["median"]
    with pytest.raises(RecordError, match=r"races\[0\]\.sides\[1\]\.measured\.median"):
        save_record(tmp_path / "races.json", record)


def test_the_command_writes_them_and_takes_nothing_else(recorded, tmp_path, capsys):
    assert main(["record", "--races", "--only", "alexnet"]) == 2
    assert "--races has no use for --only" in capsys.readouterr().err
    with pytest.raises(ValueError, match="race='nothing' is unknown"):
        races.get_race("nothing")
