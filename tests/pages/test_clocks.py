"""Networks side by side on many clocks: verdicts and rank correlations of made-up times, and a text that is wrong."""

from __future__ import annotations

import pytest

from lightnets_edu.pages import clocks
from lightnets_edu.pages.clocks import Clock, Costs, SideBySide, rankings, rankings_table, runtimes_table
from lightnets_edu.records import PublishedClock

QUOTED = ("chip", "A chip", "chip", "GPU", "float16", "a runtime", "forward", 1, "ms", "Somebody", "f.csv", {})
FILE = PublishedClock(*QUOTED)


def clock(name: str, milliseconds: dict[str, float], published: PublishedClock | None = None) -> Clock:
    """Eight light networks and a heavy one; costs grow with the number in the name, and layers fall."""
    costs = {f"n{i}": Costs(10**7 * i, 1000 * i * i, layers=100 - i, params=50 + i) for i in range(1, 9)}
    costs |= {"heavy": Costs(10**10, 10**6, 50, 10**6)}
    return Clock(name, f"the clock {name}", milliseconds, costs, published)


@pytest.fixture
def made_up(monkeypatch):
    by_macs = {f"n{i}": 2.0 * i for i in range(1, 9)} | {"heavy": 2000.0}
    by_layers = {f"n{i}": 0.5 * (100 - i) for i in range(1, 9)} | {"heavy": 25.0}
    found = {
        "phone": clock("phone", by_macs),
        "chip": clock("chip", by_layers, FILE),
        "few": clock("few", {"n1": 1.0, "n2": 1.05}),
    }
    monkeypatch.setattr(clocks, "all_clocks", lambda: found)
    return found


def test_side_by_side(made_up):
    pair = SideBySide("n1", "n2", ("One", "Two"))
    assert [pair.verdict(name) for name in ("phone", "chip", "few")] == ["faster", "draw", "draw"]
    assert pair.ratio("phone") == 0.5 and pair.ratio("chip") == pytest.approx(99 / 98)
    assert pair.sentence.startswith("Of 3 clocks One is faster than Two on 1, slower on 0, and within 10% of it on 2.")
    assert "0.50 (the clock phone) to 1.01 (the clock chip) of Two's" in pair.sentence
    text = str(pair)
    assert "Quoted from Somebody. chip: A chip, float16, a runtime, f.csv." in text and "a draw" in text
    pair.expect(faster=["phone"], draw=["chip", "few"])
    with pytest.raises(ValueError, match="One is said to be slower on 'chip', but the verdict there is draw"):
        pair.expect(slower=["chip"])
    with pytest.raises(ValueError, match="no clock has timed both 'n1' and 'nobody'"):
        SideBySide("n1", "nobody", ("One", "Nobody"))


def test_rankings(made_up):
    phone, chip = rankings()
    assert (phone.clock.name, phone.networks) == ("phone", 8)  # the heavy network is left out, and the short clock
    assert phone.ranks["macs"] == phone.ranks["activations"] == 1.0 and phone.ranks["layers"] == -1.0
    assert chip.ranks["macs"] == -1.0 and chip.ranks["layers"] == 1.0
    # Times that are a multiple of the MACs are predicted exactly; those of the chip by their layers only.
    assert phone.macs_error < 1e-6 and phone.three_error < 1e-3
    assert chip.three_error < 1e-3 < 0.2 < chip.macs_error
    (everything,) = [one for one in rankings(lambda costs: True) if one.clock.name == "phone"]
    assert everything.networks == 9
    assert "Quoted from Somebody. chip: A chip" in str(rankings_table([phone, chip], "Ranks"))


def test_runtimes(monkeypatch):
    names = {"cpu/1": 3.0, "cpu-onnxruntime/1": 1.5, "cpu-onnxruntime/int8/1": 0.5}
    found = {name: Clock(name, name, {"n1": seconds}, {}) for name, seconds in names.items()}
    monkeypatch.setattr(clocks, "all_clocks", lambda: found)
    assert "2.00" in str(runtimes_table(["n1"], "A table")) and "–" in str(runtimes_table(["n2"], "A table"))


def test_the_recorded_clocks():
    """Every kind of clock that the chapters compare is there, and has the networks that they name."""
    found = clocks.all_clocks()
    assert {"cpu/1", "cpu/16", "cpu-onnxruntime/1", "cpu-onnxruntime/int8/1", "t4", "snapdragon855"} <= set(found)
    assert "rtx3090_training" not in found
    for one in found.values():
        assert set(one.milliseconds) == set(one.costs) and {"ghostnet", "mobilenet_v1"} <= set(one.milliseconds)
        assert not {"wide_resnet28_10"} & set(one.milliseconds)  # for images of 32 pixels
