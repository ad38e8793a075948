"""PaperName against an independent implementation, its closed form and the published numbers."""

from __future__ import annotations

import pytest

from lightnets_edu.models import list_models


def test_it_can_be_built_by_name():
    assert "paper_name" in list_models(), (
        "write the network in lightnets_edu/models/paper_name.py, call `register` at its end, "
        "and import the module in lightnets_edu/models/__init__.py"
    )


def test_published_numbers():
    pytest.fail(
        "compare count(get_model('paper_name')) with the paper's parameters and MACs, written here with their source"
    )


def test_same_network_as_an_independent_one():
    pytest.fail(
        "give the same weights to torchvision's, timm's or pytorchcv's network and compare the outputs "
        "(tests/models/agreement.py); if nobody else has it, build it here again in another way"
    )


def test_closed_form_equals_count():
    pytest.fail(
        "call assert_layers_equal_count(layers(...), count(...)) of tests/models/agreement.py for several settings"
    )
