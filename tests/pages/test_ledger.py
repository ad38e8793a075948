"""A ledger stops at a wrong number, and says in words what agrees."""

from __future__ import annotations

import re

import pytest

from lightnets_edu.pages import Ledger, LedgerError
from lightnets_edu.pages.ledger import rounds_to

PARAMS, MACS = 4_231_976, 568_740_352


def full() -> Ledger:
    return (
        Ledger("params", "macs", title="A <net>")
        .claim("Paper", params="4.2 M", macs="569 M")
        .exact("Closed form", params=PARAMS, macs=MACS)
        .exact("Counted", params=PARAMS, macs=MACS)
        .other("fvcore", macs=MACS + 5, why="counts & adds")
        .other("torchinfo", params=PARAMS)
    )


@pytest.mark.parametrize(
    ("number", "claim", "agrees"),
    [
        (PARAMS, "4.2 M", True),
        (MACS, "569 M", True),
        (MACS, "568 M", False),
        (MACS, "0.57 G", True),
        (1234, "1,234", True),
        (1235, "1,234", False),
        (4_250_000, "4.2M", True),
        (4_250_001, "4.2M", False),
    ],
)
def test_claims_round(number, claim, agrees):
    assert rounds_to(number, claim) is agrees


def test_text_and_verdict():
    lines = str(full()).splitlines()
    assert lines[0] == "A <net>"
    assert "the exact number rounds to it" in lines[2]
    assert "≠ MACs +5: counts & adds" in lines[5]
    assert "✓ equal" in lines[6]
    assert full().verdict == "2 exact sources agree to the last digit on Parameters, MACs"


def test_html_is_escaped_and_complete():
    text = full()._repr_html_()
    assert "<net>" not in text
    assert "counts &amp; adds" in text
    assert text.count("<tr>") == 6
    assert re.findall(r'<th scope="(\w+)">', text) == ["col"] * 4 + ["row"] * 5


def test_different_exact_numbers_stop_the_page():
    with pytest.raises(
        LedgerError, match=r"'Wrong' gives 4,231,977 Parameters, but 'Closed form' gives 4,231,976 \(difference \+1\)"
    ):
        full().exact("Wrong", params=PARAMS + 1)


def test_unexplained_differences_stop_the_page():
    with pytest.raises(LedgerError, match=r"explain it with why"):
        full().other("thop", macs=1)
    with pytest.raises(LedgerError, match=r"'Blog' says 4.3 M Parameters, but 'Closed form' gives 4,231,976"):
        full().claim("Blog", params="4.3 M")
    with pytest.raises(LedgerError, match="'Paper' says 5 M"):  # the order of rows does not matter
        Ledger("params").claim("Paper", params="5 M").exact("Closed form", params=PARAMS)
    assert "≠ Parameters not 4.3 M: counts biases" in str(full().claim("Blog", params="4.3 M", why="counts biases"))


def test_one_exact_row_is_no_check():
    with pytest.raises(LedgerError, match="at least two exact rows"):
        assert Ledger("params").exact("Closed form", params=1).verdict


def test_mistakes_are_refused():
    with pytest.raises(TypeError, match="'Paper' gives 'flops', but the ledger's columns are params"):
        Ledger("params").claim("Paper", flops="1 M")
    with pytest.raises(ValueError, match="a claim should look like"):
        Ledger("params").claim("Paper", params="about four").exact("Closed form", params=4)
    with pytest.raises(ValueError, match="at least one quantity"):
        Ledger()
