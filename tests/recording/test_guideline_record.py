"""The guidelines' record: valid and complete."""

from __future__ import annotations

import json

import pytest

from lightnets_edu.recording import record_guidelines
from lightnets_edu.records import RecordError, load_record, save_record
from lightnets_edu.timing import measure_guidelines


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    def once(device, *, batch_size, min_seconds):
        return measure_guidelines(device, batch_size=batch_size, repeats=1)

    return record_guidelines(tmp_path_factory.mktemp("results"), "cpu", measurer=once)


def test_every_variant_is_recorded_and_read_again(recorded):
    record = load_record(recorded)
    assert {row["guideline"] for row in record["rows"]} == {"G1", "G2", "G3", "G4"}
    for guideline in ("G1", "G2", "G3", "G4"):
        rows = [row for row in record["rows"] if row["guideline"] == guideline]
        assert rows[0]["relative"] == 1.0 and len(rows) >= 4
        # The experiment's point: about the same MACs (channels are whole numbers), at different speeds.
        macs = [row["macs"] for row in rows]
        assert max(macs) <= 1.1 * min(macs) or guideline == "G4"


def test_a_row_without_its_number_is_refused(recorded, tmp_path):
    record = json.loads(recorded.read_text())
    del record["rows"][0]["macs"]
    with pytest.raises(RecordError, match=r"rows\[0\]\.macs"):
        save_record(tmp_path / "guidelines.json", record)


def test_nothing_is_measured_for_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "cpu").write_text("a file where the device's folder should be")
    measured = []
    with pytest.raises(OSError, match=r"guidelines.json' cannot be written"):
        record_guidelines(tmp_path, "cpu", measurer=lambda *args, **options: measured.append(args))
    assert measured == []
