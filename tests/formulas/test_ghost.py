"""Closed forms of Ghost, RegNet and G-Ghost blocks against the counted blocks, and against torch's own counter."""

import re

import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count
from lightnets_edu.models.g_ghost_regnet import GGhostStage, PaperGGhostStage, g_ghost_stage
from lightnets_edu.models.ghostnet import GhostBottleneck, GhostModule, ghost_bottleneck, ghost_module
from lightnets_edu.models.regnet import Bottleneck, regnet_bottleneck

EXAMPLES = settings(max_examples=40, deadline=None)
FORMULAS = (ghost_module, ghost_bottleneck, regnet_bottleneck, g_ghost_stage)
channels = st.integers(1, 24)
sizes = st.fixed_dictionaries({"in_height": st.integers(1, 13), "in_width": st.integers(1, 13)})
odd = st.sampled_from([1, 3, 5, 7])


def check(formula, block, values):
    """The formula equals the count of the real block; its MACs are half of FlopCounterMode's FLOPs."""
    size = (1, values["in_channels"], values["in_height"], values["in_width"])
    cost, table = formula(**values), count(block, size)
    totals = (table.params, table.macs, table.flops, table.activations, table.memory_access)
    assert (cost.params, cost.macs, cost.flops, cost.activations, cost.memory_access) == totals
    # One operation a multiplication and one an addition: the first product of a sum has none, a bias has one.
    rows = [row for row in table.rows if row.group in ("convolution", "linear")]
    assert cost.exact_flops == sum(2 * row.macs - row.activations + row.bias_elements for row in rows)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        block.eval()(torch.zeros(size))
    assert 2 * cost.macs == counter.get_total_flops()


@EXAMPLES
@given(channels, channels, st.integers(2, 5), odd, odd, sizes)
def test_ghost_module(in_channels, out_channels, ratio, d, k, size):
    values = {"in_channels": in_channels, "out_channels": out_channels, "ratio": ratio, "cheap_kernel_size": d}
    values |= {"kernel_size": k, **size}
    check(ghost_module, GhostModule(in_channels, out_channels, ratio, d, k), values)


@EXAMPLES
@given(
    channels,
    channels,
    channels,
    st.booleans(),
    odd,
    st.integers(1, 3),
    st.integers(0, 6),
    st.integers(2, 4),
    odd,
    sizes,
)
def test_ghost_bottleneck(in_channels, hidden, out_channels, same, k, stride, squeeze, ratio, d, size):
    """Stride or none, gate or none, identity or projection."""
    out_channels = in_channels if same else out_channels
    values = {"in_channels": in_channels, "hidden_channels": hidden, "out_channels": out_channels, "kernel_size": k}
    values |= {"stride": stride, "squeeze_channels": squeeze, "ratio": ratio, "cheap_kernel_size": d}
    check(ghost_bottleneck, GhostBottleneck(*values.values()), values | size)


@EXAMPLES
@given(channels, st.integers(1, 4), st.integers(1, 12), st.integers(1, 3), st.booleans(), sizes)
def test_regnet_bottleneck(in_channels, groups, group_width, stride, same, size):
    out_channels = groups * group_width
    in_channels = out_channels if same else in_channels
    values = {"in_channels": in_channels, "out_channels": out_channels, "group_width": group_width, "stride": stride}
    check(regnet_bottleneck, Bottleneck(*values.values()), values | size)


def test_regnet_bottleneck_narrower_than_a_group():
    """8.0GF's first stage: 80 channels, group width 120, so one group."""
    values = {"in_channels": 32, "out_channels": 80, "group_width": 120, "stride": 2}
    check(regnet_bottleneck, Bottleneck(*values.values()), values | {"in_height": 9, "in_width": 8})


@EXAMPLES
@given(st.booleans(), channels, st.integers(2, 5), st.integers(2, 9), st.integers(3, 6), st.integers(1, 3), sizes)
def test_g_ghost_stage(paper, in_channels, groups, group_width, depth, stride, size):
    values = {"in_channels": in_channels, "out_channels": groups * group_width, "depth": depth}
    values |= {"group_width": group_width, "stride": stride}
    stage = PaperGGhostStage if paper else GGhostStage
    check(g_ghost_stage, stage(*values.values()), values | size | {"paper": paper})


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.name)
def test_faces(formula):
    """Only settings are left in an expression, and no Python name in its LaTeX."""
    names = {setting.name for setting in formula.settings}
    for quantity in formula:
        assert {symbol.name for symbol in sp.sympify(quantity.expr).free_symbols} <= names
        assert not re.search(r"[a-z]_[a-z]{3}", quantity.latex)
        assert quantity.tree is not None


@pytest.mark.parametrize(
    ("formula", "change", "sentence"),
    [
        (ghost_module, {"ratio": 1}, "ratio should be at least 2 instead of 1"),
        (ghost_module, {"cheap_kernel_size": 4}, "cheap_kernel_size=4 is even: .* try 1, 3, 5"),
        (ghost_bottleneck, {"kernel_size": 2}, "kernel_size=2 is even"),
        (regnet_bottleneck, {"group_width": 7}, "group_width=7 does not divide out_channels=24: .* try 1, 2, 3, 4, 6"),
        (g_ghost_stage, {"group_width": 9}, "group_width=9 does not divide out_channels=24"),
        (g_ghost_stage, {"group_width": 24}, "out_channels=24 is too small for group_width=24"),
        (g_ghost_stage, {"depth": 2}, "depth should be at least 3 instead of 2"),
        (g_ghost_stage, {"paper": 2}, "paper should be True or False instead of 2"),
    ],
)
def test_errors_teach(formula, change, sentence):
    values = {"in_channels": 16, "out_channels": 24, "hidden_channels": 32, "group_width": 8, "depth": 4}
    values = {s.name: values[s.name] for s in formula.settings if s.name in values} | {"in_height": 7, "in_width": 7}
    formula(**values)
    with pytest.raises(ValueError, match=sentence):
        formula(**values | change)
