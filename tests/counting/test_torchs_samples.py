"""Every operation that torch has samples for, as a function and as a method: torch's shapes, or a refusal by name."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._pytree import tree_leaves

from lightnets_edu.counting import UnsupportedOperationError
from lightnets_edu.counting.counter import follow
from lightnets_edu.counting.shapes import RULES

SECONDS = 2  # for the samples of one operation: some have hundreds
# What depends on the values of its input, by its nature or in some of its forms.
REFUSED = set(
    """allclose argwhere corrcoef cov equal geqrf histogram histogramdd item linalg.lstsq masked_select nonzero
    nn.functional.ctc_loss nn.functional.gaussian_nll_loss sparse.mm sparse.sampled_addmm to to_sparse unique
    unique_consecutive""".split()
)
# On the CPU these give empty statistics in evaluation, on other devices full ones.
EMPTY_STATISTICS = {"native_batch_norm", "_native_batch_norm_legit"}


class Calls(nn.Module):
    def __init__(self, function, sample, tell):
        super().__init__()
        self.function, self.sample, self.tell = function, sample, tell

    def forward(self, x):
        self.tell(self.function(x, *self.sample.args, **self.sample.kwargs))


def forms(operation) -> Iterator:
    """The function, and the method of the same name."""
    yield operation.op
    name = getattr(operation.method_variant, "__name__", "")
    if hasattr(torch.Tensor, name):
        yield lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


def shapes(value) -> list[tuple[int, ...]]:
    return [tuple(leaf.shape) for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


OPERATIONS = [
    operation
    for operation in op_db
    if torch.float32 in operation.supported_dtypes("cpu") and operation.name not in EMPTY_STATISTICS
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.formatted_name)
def test_shapes_are_torchs(operation):
    end = time.monotonic() + SECONDS
    for sample in operation.sample_inputs("cpu", torch.float32):
        x = sample.input
        if time.monotonic() > end:
            break
        if not isinstance(x, torch.Tensor) or not x.shape or 0 in x.shape:
            continue
        for form in forms(operation):
            try:
                expected = shapes(form(x.clone(), *sample.args, **sample.kwargs))
            except Exception:  # torch refuses this form of the sample
                continue
            results: list = []
            try:
                follow(Calls(form, sample, results.append), tuple(x.shape))
            except UnsupportedOperationError as error:
                assert operation.name in REFUSED, error
            except ValueError as error:
                assert "descriptor" in str(error), error  # torch.Tensor.f(x), which takes real tensors only
            else:
                assert shapes(results) == expected


def test_every_rule_is_among_them():
    named = {name for operation in op_db for name in (operation.name, *(alias.name for alias in operation.aliases))}
    known = {name.rpartition(".")[2] for name in named}
    ours = {name.strip("_") for name in RULES if "quantize" not in name}  # torch has no samples of quantized maps
    both_sides = {name for name in ours if name[:1] in "ir" and name[1:] in ours}  # iadd, radd
    by_others = {"getitem", "truediv", "dropout1d"}  # samples of __getitem__, of div and of dropout2d
    assert sorted(ours - known - both_sides - by_others) == []
