"""Other people's counters beside ours, and every difference explained in whole numbers."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from lightnets_edu.counting.counter import count
from lightnets_edu.counting.table import CountTable
from lightnets_edu.counting.trace import MULTIPLYING
from lightnets_edu.tables import NumberTable, aligned

#: What the conventions are made of, in words. Each is an integer that `constituents` reads off a count.
CONSTITUENTS = {
    "macs": "multiply-accumulates of convolutions and linear layers",
    "outputs": "outputs of convolutions and linear layers (a sum of n products needs only n - 1 additions)",
    "biases": "outputs to which a bias is added",
    "batch_norm_elements": "elements that pass through a batch norm",
    "batch_norm_params": "scales and shifts of the batch norms, once for each image",
    "adaptive_pool_inputs": "elements that an adaptive average pool reads",
}

#: Each counter's number is a sum of constituents, with these factors.
CONVENTIONS: dict[str, dict[str, int]] = {
    "MACs": {"macs": 1},
    "FLOPs, 2 a MAC": {"macs": 2},
    "FLOPs, counted one by one": {"macs": 2, "outputs": -1, "biases": 1},
    "torch FlopCounterMode": {"macs": 2},
    "fvcore": {"macs": 1, "batch_norm_elements": 2, "adaptive_pool_inputs": 1},
    "torchinfo": {"macs": 1, "biases": 1, "batch_norm_params": 1},
}


def constituents(table: CountTable) -> dict[str, int]:
    """The integers that all conventions are made of, for one counted network."""
    multiplying = [row for row in table.rows if row.group in MULTIPLYING]
    norms = [row for row in table.rows if row.kind.lower().replace("_", "").startswith("batchnorm")]
    pools = [row for row in table.rows if row.kind.lower().replace("_", "").startswith("adaptiveavgpool")]
    return {
        "macs": table.macs,
        "outputs": sum(row.activations for row in multiplying),
        "biases": sum(row.bias_elements for row in multiplying),
        "batch_norm_elements": sum(row.activations for row in norms),
        "batch_norm_params": table.input_size[0] * sum(row.params for row in norms),
        "adaptive_pool_inputs": sum(row.memory_access - row.activations for row in pools),
    }


def _torch_flop_counter(model: nn.Module, images: torch.Tensor) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(images)
    return counter.get_total_flops()


def _fvcore(model: nn.Module, images: torch.Tensor) -> int:
    with warnings.catch_warnings():
        # It uses torch.jit, when imported and when tracing, and newer versions of torch warn about that.
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        logging.getLogger("fvcore").setLevel(logging.ERROR)
        analysis = FlopCountAnalysis(model, images).unsupported_ops_warnings(False)
        return int(analysis.uncalled_modules_warnings(False).total())


def _torchinfo(model: nn.Module, images: torch.Tensor) -> int:
    import torchinfo

    return int(torchinfo.summary(model, input_data=images, verbose=0).total_mult_adds)


PEERS: dict[str, Callable[[nn.Module, torch.Tensor], int]] = {
    "torch FlopCounterMode": _torch_flop_counter,
    "fvcore": _fvcore,
    "torchinfo": _torchinfo,
}


@dataclass(frozen=True)
class CounterResult:
    """What one counter says of a network.

    Attributes:
        counter: Its name.
        reported: The number it printed.
        macs: The exact multiply-accumulates.
        parts: What its convention adds to them: words -> whole number.
    """

    counter: str
    reported: int
    macs: int
    parts: dict[str, int] = field(default_factory=dict)

    @property
    def unexplained(self) -> int:
        """What is left of the difference after all parts; 0 if the counter is understood."""
        return self.reported - self.macs - sum(self.parts.values())

    @property
    def explanation(self) -> str:
        """The difference in words and whole numbers."""
        parts = [f"{words} ({number:+,})" for words, number in self.parts.items() if number]
        if self.unexplained:
            parts.append(f"not explained ({self.unexplained:+,})")
        return "; ".join(parts) or "exactly the MACs"


@dataclass(frozen=True)
class CounterComparison:
    """The same network through every counter."""

    table: CountTable
    results: tuple[CounterResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "macs": self.table.macs,
            "counters": {
                r.counter: {"reported": r.reported, "parts": r.parts, "unexplained": r.unexplained}
                for r in self.results
            },
        }

    def __str__(self) -> str:
        lines = [(r.counter, f"{r.reported:>16,}", r.explanation) for r in self.results]
        return "\n".join(aligned([("lightnets count", f"{self.table.macs:>16,}", "MACs"), *lines]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        columns = ("Counter", "Reported", "Compared with the MACs")
        rows = [(r.counter, r.reported, r.explanation) for r in self.results]
        ours = ("count (this book)", self.table.macs, CONSTITUENTS["macs"])
        return NumberTable("", columns, [ours, *rows], words=columns[2:], look="ledger")._repr_html_()


def explained(counter: str, reported: int, numbers: dict[str, int]) -> CounterResult:
    """Set a reported number beside its convention: how much each constituent adds to the MACs."""
    convention = CONVENTIONS[counter]
    parts = {}
    if (factor := convention["macs"]) > 1:
        parts["each MAC counted as two operations"] = (factor - 1) * numbers["macs"]
    for name, factor in convention.items():
        if name != "macs":
            parts[f"{factor} × {CONSTITUENTS[name]}" if factor > 1 else CONSTITUENTS[name]] = factor * numbers[name]
    return CounterResult(counter, reported, numbers["macs"], parts)


def compare_counters(model: nn.Module, input_size: Sequence[int] = (1, 3, 224, 224)) -> CounterComparison:
    """Count a model with fvcore, torchinfo and torch's FlopCounterMode too, and explain what each adds.

    Other counters leave hooks behind or change modes and statistics: each gets a copy on the CPU, in evaluation mode.

    Args:
        model: As for `count`.
        input_size: As for `count`.

    Raises:
        ImportError: If fvcore or torchinfo is not installed (``pip install lightnets-edu[counters]``).
    """
    table = count(model, input_size)
    numbers = constituents(table)
    results = []
    for counter, run in PEERS.items():
        twin = copy.deepcopy(model).to("cpu").eval()
        results.append(explained(counter, run(twin, torch.zeros(table.input_size)), numbers))
    return CounterComparison(table, tuple(results))
