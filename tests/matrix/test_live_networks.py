"""Every network of the book, run inside a page and by PyTorch in float64 with the same weights."""

from __future__ import annotations

import pytest

from lightnets_edu.models import list_models
from tests.pages.conftest import page  # noqa: F401 (a fixture)
from tests.pages.live_outputs import GRAPHICS, PROCESSOR, network_error


@pytest.mark.parametrize("engine", [PROCESSOR, GRAPHICS], ids=["processor", "graphics"])
@pytest.mark.parametrize("name", list_models())
def test_the_page_computes_what_pytorch_computes(page, name, engine):  # noqa: F811
    assert network_error(page, name, engine) < 1e-4
