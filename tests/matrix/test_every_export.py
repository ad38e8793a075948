"""Every network of the book as an ONNX file: its outputs, its work, and operations that are all known."""

from __future__ import annotations

import pytest

from lightnets_edu.deployment import exported_network, graph_operations
from lightnets_edu.models import default_input_size, list_models


@pytest.mark.parametrize("name", list_models())
def test_export(name):
    """The export itself compares ONNX Runtime's outputs with PyTorch's; here its work is compared with ``count``'s."""
    side = default_input_size(name)
    exported = exported_network(name, {}, side)
    ops = graph_operations(exported.path, (2, 3, side, side))
    # What ONNX Runtime computes on whole blocks of channels is more, by no more than the blocks that are not full.
    assert 2 * exported.macs <= sum(op.macs for op in ops) < 2 * 1.5 * exported.macs
    assert {"dense", "linear"} <= {op.kind for op in ops} or "squeezenet" in name
