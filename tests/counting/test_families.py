"""One network of each of timm's families. ``make matrix`` counts all networks of all libraries."""

import pytest

from .architectures import timm_families, timm_network, verdict


@pytest.mark.parametrize("name", timm_families())
def test_a_family_of_timm_is_exact(name):
    assert verdict(*timm_network(name)) == "exact"
