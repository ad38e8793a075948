"""RegNetX against timm's and the RegNet paper's rule for widths (pycls's numbers are in test_networks)."""

import math
from itertools import groupby

import pytest
import timm
from agreement import on_meta, timm_regnet_names
from timm.models.regnet import model_cfgs

from lightnets_edu import count
from lightnets_edu.models.regnet import SIZES, Bottleneck

TIMM = dict(zip(SIZES, "002 004 006 008 016 032 040 064 080 120 160 320".split(), strict=True))


def quantised_linear_widths(w_0, w_a, w_m, depth, group_width):
    """Equations 2-4, then pycls's rounding to whole groups: [(width, depth) of each stage]."""
    widths = []
    for j in range(depth):
        linear = w_0 + w_a * j  # (2)
        s_j = round(math.log(linear / w_0) / math.log(w_m))  # (3)
        widths.append(round(w_0 * w_m**s_j / 8) * 8)  # (4), to multiples of 8
    stages = [(width, len(list(blocks))) for width, blocks in groupby(widths)]
    return [(round(width / g) * g, depth) for width, depth in stages for g in [min(group_width, width)]]


@pytest.mark.parametrize("name", SIZES)
def test_table_follows_the_rule(name):
    size, point = SIZES[name], model_cfgs[f"regnetx_{TIMM[name]}"]
    stages = quantised_linear_widths(point.w0, point.wa, point.wm, point.depth, point.group_size)
    assert stages == list(zip(size.widths, size.depths, strict=True))
    assert size.group_width == point.group_size


@pytest.mark.parametrize("name", SIZES)
def test_same_parameters_as_timm(name):
    ours, theirs = on_meta(f"regnet_x_{name}"), timm.create_model(f"regnetx_{TIMM[name]}")
    renamed = timm_regnet_names(theirs.state_dict())
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in renamed.items()}
    table = count(ours)
    witness = count(theirs)
    assert (table.params, table.macs, table.activations) == (witness.params, witness.macs, witness.activations)


def test_a_group_width_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="group_width=7 does not divide out_channels=24"):
        Bottleneck(16, 24, 7)
