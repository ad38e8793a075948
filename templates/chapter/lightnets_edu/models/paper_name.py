"""FILL IN: the paper's title.

FILL IN: authors; year; arXiv number. What is different here, if anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from lightnets_edu.models.cost import Layer

# FILL IN: the paper's table, one row a line, the columns named as the paper names them.
BODY: tuple[tuple[int, ...], ...] = ()


class PaperName(nn.Module):
    """FILL IN: the network of which table.

    Args:
        num_classes: Outputs of the classifier.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``; logits, without a softmax.
    """

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        raise NotImplementedError("FILL IN: build the network from BODY")

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        raise NotImplementedError("FILL IN")


def layers(width: Callable[[int], Any], size: Any, num_classes: Any = 1000) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) a layer, from the same table as the modules.

    Args:
        width: Scales a number of channels.
        size: Side of the square images; an int, or a SymPy symbol for the page's sliders.
        num_classes: Outputs of the classifier.
    """
    raise NotImplementedError("FILL IN: yield a layer for each module, as models/mobilenet_v1.py does")


# FILL IN: decorate it with `register_model` (models/registry.py), and import this module in models/__init__.py.
def paper_name(num_classes: int = 1000) -> PaperName:
    """FILL IN: parameters and MACs at 224 x 224. Options: see `PaperName`."""
    return PaperName(num_classes)
