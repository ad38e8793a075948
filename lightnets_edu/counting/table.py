"""The result of a count: totals, one row a layer, and three ways to look at it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

from lightnets_edu.counting.trace import MULTIPLYING, LayerCount
from lightnets_edu.tables import NumberTable

COLUMNS = ("layer", "kind", "output shape", "params", "MACs", "activations", "memory access")
NOTE = "Totals: all parameters; MACs and memory access of convolutions and linear layers; activations of convolutions."


def _shape_text(shape: tuple) -> str:
    if shape and isinstance(shape[0], tuple):
        return " and ".join(map(_shape_text, shape))
    return " × ".join(map(str, shape))


@dataclass(frozen=True)
class CountTable:
    """What a model costs for one input.

    Attributes:
        model_name: The model's class.
        input_size: The input's shape, batch first; of several inputs, all their shapes.
        params: All learnable numbers of the model, shared ones once.
        rows: One `LayerCount` a call of a layer, in the order of the forward pass.
        unused: Names of parameters that the forward pass never touched.
    """

    model_name: str
    input_size: tuple
    params: int
    rows: tuple[LayerCount, ...]
    unused: tuple[str, ...] = ()

    def _total(self, field: str, groups: Iterable[str] = MULTIPLYING) -> int:
        return sum(getattr(row, field) for row in self.rows if row.group in groups)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions, linear layers and matrix products, for the whole batch."""
        return self._total("macs")

    @property
    def flops(self) -> int:
        """``2 * macs``."""
        return 2 * self.macs

    @cached_property
    def backward_macs(self) -> int:
        """MACs of the backward pass, one product for each gradient of weights and each gradient of inputs needed."""
        return self._total("backward_macs")

    @property
    def training_macs(self) -> int:
        """Forward and backward together."""
        return self.macs + self.backward_macs

    @cached_property
    def activations(self) -> int:
        """Output elements of all convolutions (Radosavovic et al. 2020, RegNet, section 4); no linear layer."""
        return self._total("activations", {"convolution"})

    @cached_property
    def memory_access(self) -> int:
        """Elements read and written by the layers that multiply; the rows carry every other layer's too."""
        return self._total("memory_access")

    def to_dict(self) -> dict[str, Any]:
        """The totals and rows as plain data for JSON."""
        totals = {name: getattr(self, name) for name in ("params", "macs", "flops", "activations", "memory_access")}
        return {
            "model": self.model_name,
            "input_size": list(self.input_size),
            **totals,
            "training_macs": self.training_macs,
            "layers": [row._asdict() for row in self.rows],
        }

    def to_frame(self):
        """The rows as a pandas DataFrame.

        Raises:
            ImportError: If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas") from error
        return pd.DataFrame.from_records(self.rows, columns=LayerCount._fields)

    def _table(self, words: str = "") -> NumberTable:
        counts = attrgetter("params", "macs", "activations", "memory_access")
        rows = [
            (row.path or "(model)", row.kind, _shape_text(row.output_shape), *(value or None for value in counts(row)))
            for row in self.rows
        ]
        total = ("total", "", "", *counts(self))
        caption = f"{self.model_name} on {_shape_text(self.input_size)}{words}"
        return NumberTable(caption, COLUMNS, rows, [NOTE], words=COLUMNS[:3], total=total, look="count")

    def __str__(self) -> str:
        return str(self._table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._table(", layer by layer")._repr_html_()
