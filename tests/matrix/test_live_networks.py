"""Every network of the book, run inside a page and by PyTorch in float64 with the same weights."""

from __future__ import annotations

import pytest

from lightnets_edu.models import get_entry, get_model, list_models
from lightnets_edu.pages.live.rows import network_rows
from tests.pages.conftest import page  # noqa: F401 (a fixture)
from tests.pages.live_outputs import error, outputs


@pytest.mark.parametrize("name", list_models())
def test_the_page_computes_what_pytorch_computes(page, name):  # noqa: F811
    side = get_entry(name).input_size
    shape = (3, side, side)
    model = get_model(name)
    rows = network_rows(model, shape)
    (found,) = outputs(page, [(rows, shape)])
    assert error(found, model, rows, shape) < 1e-4
