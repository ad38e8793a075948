"""The guidelines' record: valid, complete, and beside the networks' records without being one."""

from __future__ import annotations

import json
from functools import partial

import pytest

from lightnets_edu.recording import guidelines, record_guidelines
from lightnets_edu.records import RecordError, library, load_record, save_record
from lightnets_edu.timing import measure_guidelines


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(guidelines, "measure_guidelines", partial(measure_guidelines, repeats=1))
    monkeypatch.setattr(guidelines, "SECONDS", 0.0)
    monkeypatch.setattr(library, "results_folder", lambda: tmp_path)
    return record_guidelines(tmp_path, "cpu")


def test_every_variant_is_recorded_and_read_again(recorded):
    record = load_record(recorded)
    assert {row["guideline"] for row in record["rows"]} == {"G1", "G2", "G3", "G4"}
    for guideline in ("G1", "G2", "G3", "G4"):
        rows = [row for row in record["rows"] if row["guideline"] == guideline]
        assert rows[0]["relative"] == 1.0 and len(rows) >= 4
        # The experiment's point: about the same MACs (channels are whole numbers), at different speeds.
        macs = [row["macs"] for row in rows]
        assert max(macs) <= 1.1 * min(macs) or guideline == "G4"
    assert library.recorded_file("cpu", "guidelines") == recorded
    assert library.recorded_networks("cpu") == {}
    with pytest.raises(ValueError, match="no 'profile' was recorded"):
        library.recorded_file("cpu", "profile")


def test_a_row_without_its_number_is_refused(recorded):
    record = json.loads(recorded.read_text())
    del record["rows"][0]["macs"]
    with pytest.raises(RecordError, match=r"rows\[0\]\.macs"):
        save_record(recorded, record)
