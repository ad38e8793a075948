"""The result of a count: totals, one row a layer, and three ways to look at it."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lightnets_edu.counting.trace import MULTIPLYING, LayerCount

COLUMNS = ("layer", "kind", "output shape", "params", "MACs", "activations", "memory access")
# Words to the left, numbers to the right: said once, since a table may have 300 lines.
STYLE = (
    ".ln-count :is(th,td){white-space:nowrap;text-align:right}.ln-count :is(th,td):nth-child(-n+3){text-align:left}"
    ".ln-count tbody th{font-weight:normal}"
)


def _shape_text(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


@dataclass(frozen=True)
class CountTable:
    """What a model costs for one input.

    Attributes:
        model_name: The model's class.
        input_size: The input's shape, batch first.
        params: All learnable numbers of the model, shared ones once.
        rows: One `LayerCount` a call of a layer, in the order of the forward pass.
        unused: Names of parameters that the forward pass never touched.
    """

    model_name: str
    input_size: tuple[int, ...]
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
        """Output elements of all convolutions (Radosavovic et al. 2020, RegNet, section 3.1); no linear layer."""
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

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (row.path or "(model)", row.kind, _shape_text(row.output_shape),
             *(f"{n:,}" if n else "–" for n in (row.params, row.macs, row.activations, row.memory_access)))
            for row in self.rows
        ]  # fmt: skip

    def _totals(self) -> tuple[str, ...]:
        numbers = (self.params, self.macs, self.activations, self.memory_access)
        return ("total", "", "", *(f"{n:,}" for n in numbers))

    def _note(self) -> str:
        return (
            "Totals: all parameters; MACs and memory access of convolutions and linear layers; activations of "
            "convolutions."
        )

    def __str__(self) -> str:
        lines = [COLUMNS, *self._cells(), self._totals()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
        texts = [
            "  ".join(
                cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        rule = "─" * len(texts[0])
        title = f"{self.model_name} on {_shape_text(self.input_size)}"
        return "\n".join([title, rule, texts[0], rule, *texts[1:-1], rule, texts[-1], self._note()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def line(cells: tuple[str, ...]) -> str:
            first, *rest = map(html.escape, cells)
            return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'

        title = html.escape(f"{self.model_name} on {_shape_text(self.input_size)}, layer by layer")
        head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
        return (
            f'<div class="ln-count" role="region" tabindex="0" aria-label="{title}" '
            f'style="max-height:26rem;overflow:auto"><style>{STYLE}</style>'
            f'<table style="font-variant-numeric:tabular-nums"><caption>{title}</caption><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(map(line, self._cells()))}</tbody>"
            f'<tfoot style="font-weight:bold">{line(self._totals())}</tfoot></table></div>'
            f"<p><small>{self._note()}</small></p>"
        )
