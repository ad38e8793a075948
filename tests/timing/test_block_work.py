"""What a block's operations work on, against the operations of the real block."""

from collections import Counter

import pytest

from lightnets_edu.models.search_space import KINDS, make_block
from lightnets_edu.timing import operations
from lightnets_edu.timing.block_work import block_work


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("in_channels", "out_channels", "stride"), [(16, 16, 1), (16, 24, 2), (8, 12, 2)])
def test_work_is_that_of_the_real_operations(kind, in_channels, out_channels, stride):
    block = make_block(kind, in_channels, out_channels, stride, expand_ratio=4)
    side = 12
    expected: Counter = Counter()
    for op in operations(block.eval(), (1, in_channels, side, side)):
        expected[op.kind] += op.macs or op.read + op.written + op.weights
        expected["operations"] += 1
    got: Counter = Counter()
    pixels = side**2, (side // stride) ** 2
    same_shape = stride == 1 and in_channels == out_channels
    work = block_work(kind, in_channels, out_channels, *pixels, expand_ratio=4, same_shape=same_shape)
    for name, amount in work:
        got[name] += amount
        got["operations"] += 1
    assert got == expected
