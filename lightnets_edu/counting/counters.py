"""Other people's counters beside ours, and every difference explained in whole numbers."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from lightnets_edu.counting.counter import count, unwrapped
from lightnets_edu.counting.inputs import InputSize, make_inputs
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
    images = table.rows[0].input_shape[0] if table.rows else 1
    multiplying = [row for row in table.rows if row.group in MULTIPLYING]
    norms = [row for row in table.rows if row.kind.lower().replace("_", "").startswith("batchnorm")]
    pools = [row for row in table.rows if row.kind.lower().replace("_", "").startswith("adaptiveavgpool")]
    return {
        "macs": table.macs,
        "outputs": sum(row.activations for row in multiplying),
        "biases": sum(row.bias_elements for row in multiplying),
        "batch_norm_elements": sum(row.activations for row in norms),
        "batch_norm_params": images * sum(row.params for row in norms),
        "adaptive_pool_inputs": sum(row.memory_access - row.activations for row in pools),
    }


def _torch_flop_counter(model: nn.Module, args: tuple, kwargs: dict) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*args, **kwargs)
    return counter.get_total_flops()


def _fvcore(model: nn.Module, args: tuple, kwargs: dict) -> int:
    if kwargs:
        raise TypeError("fvcore takes inputs by place only")
    with warnings.catch_warnings():
        # It uses torch.jit, when imported and when tracing, and newer versions of torch warn about that.
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        logging.getLogger("fvcore").setLevel(logging.ERROR)
        analysis = FlopCountAnalysis(model, args).unsupported_ops_warnings(False)
        return int(analysis.uncalled_modules_warnings(False).total())


def _torchinfo(model: nn.Module, args: tuple, kwargs: dict) -> int:
    import torchinfo

    return int(torchinfo.summary(model, input_data=kwargs or list(args), verbose=0).total_mult_adds)


PEERS: dict[str, Callable[[nn.Module, tuple, dict], int]] = {
    "torch FlopCounterMode": _torch_flop_counter,
    "fvcore": _fvcore,
    "torchinfo": _torchinfo,
}


@dataclass(frozen=True)
class CounterResult:
    """What one counter says of a network.

    Attributes:
        counter: Its name.
        reported: The number it printed; 0 if it failed.
        macs: The exact multiply-accumulates.
        parts: What its convention adds to them: words -> whole number.
        error: Its own error, if it failed.
    """

    counter: str
    reported: int
    macs: int
    parts: dict[str, int] = field(default_factory=dict)
    error: str = ""

    @property
    def unexplained(self) -> int:
        """What is left of the difference after all parts; 0 if the counter is understood."""
        return 0 if self.error else self.reported - self.macs - sum(self.parts.values())

    @property
    def explanation(self) -> str:
        """The difference in words and whole numbers, or why there is none."""
        if self.error:
            return f"it fails: {self.error}"
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
                r.counter: {"reported": r.reported, "parts": r.parts, "unexplained": r.unexplained, "error": r.error}
                for r in self.results
            },
        }

    def __str__(self) -> str:
        numbers = ["–" if r.error else f"{r.reported:,}" for r in self.results]
        lines = [(r.counter, f"{number:>16}", r.explanation) for r, number in zip(self.results, numbers, strict=True)]
        return "\n".join(aligned([("lightnets count", f"{self.table.macs:>16,}", "MACs"), *lines]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        columns = ("Counter", "Reported", "Compared with the MACs")
        rows = [(r.counter, None if r.error else r.reported, r.explanation) for r in self.results]
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


def compare_counters(model: nn.Module, input_size: InputSize = (1, 3, 224, 224)) -> CounterComparison:
    """Count a model with fvcore, torchinfo and torch's FlopCounterMode too, and explain what each adds.

    All count the model in evaluation mode. Other counters leave hooks behind or change modes and statistics: each gets
    a copy on the CPU. One that fails has its own error in its place.

    Args:
        model: As for `count`.
        input_size: As for `count`.

    Raises:
        ImportError: If fvcore or torchinfo is not installed (``pip install lightnets-edu[counters]``).
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"compare_counters needs a torch.nn.Module instead of {type(model).__name__}")
    model = unwrapped(model)
    table = count(_copy(model).eval(), input_size)
    numbers = constituents(table)
    dtype = next((parameter.dtype for parameter in model.parameters()), torch.float32)
    results = []
    for counter, run in PEERS.items():
        args, kwargs = make_inputs(input_size, dtype, lambda shape, dtype: torch.zeros(shape, dtype=dtype))
        try:
            reported = run(_on_the_cpu(_copy(model).eval()), args, kwargs)
        except ImportError:
            raise
        except Exception as error:  # another library's, about anybody's model
            reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
            results.append(CounterResult(counter, 0, numbers["macs"], error=reason))
        else:
            results.append(explained(counter, reported, numbers))
    return CounterComparison(table, tuple(results))


def _copy(model: nn.Module) -> nn.Module:
    """A deep copy, also of a model that keeps computed tensors, such as torch.nn.utils.weight_norm's weight."""
    computed = [
        value for module in model.modules() for value in vars(module).values() if isinstance(value, torch.Tensor)
    ]
    return copy.deepcopy(model, {id(tensor): tensor.detach().clone() for tensor in computed if not tensor.is_leaf})


def _on_the_cpu(model: nn.Module) -> nn.Module:
    """Moved there; weights without numbers become zeros, for no count depends on them."""
    if not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
        return model.to("cpu")
    model.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.zero_()
    return model
