"""The library of records: a device's other files are beside the networks' records, and are none."""

from __future__ import annotations

import pytest

from lightnets_edu.records import library


def test_guidelines_are_found_and_are_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "results_folder", lambda: tmp_path)
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "guidelines.json").write_text("{}")
    assert library.recorded_file("cpu", "guidelines") == tmp_path / "cpu" / "guidelines.json"
    assert library.recorded_networks("cpu") == {}
    with pytest.raises(ValueError, match="no 'profile' was recorded"):
        library.recorded_file("cpu", "profile")
