"""What does it cost? A real nn.Module counted layer by layer, and other libraries' counts beside it."""

from lightnets_edu.counting.counter import count
from lightnets_edu.counting.counters import CounterComparison, CounterResult, compare_counters
from lightnets_edu.counting.shapes import ShapeTensor, UnsupportedOperationError, rule
from lightnets_edu.counting.table import CountTable
from lightnets_edu.counting.trace import LayerCount

__all__ = [
    "CountTable",
    "CounterComparison",
    "CounterResult",
    "LayerCount",
    "ShapeTensor",
    "UnsupportedOperationError",
    "compare_counters",
    "count",
    "rule",
]
