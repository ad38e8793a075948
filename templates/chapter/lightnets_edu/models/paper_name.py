"""FILL IN: the paper's title.

FILL IN: authors; year; arXiv number. What is different here, if anything. Whose names the parameters have: those of the
implementation that the tests compare with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer

# FILL IN: the block, a module with its equation as docstring, and its formula below it; then the paper's table, one row
# a line, the columns named as the paper names them.
BODY: tuple[tuple[int, ...], ...] = ()


class PaperName(Backbone):
    """FILL IN: the network of which table.

    Args:
        num_classes: Outputs of the classifier.
        small_input: For images of about 32 x 32. FILL IN: what is different.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``; logits, without a softmax.
    """

    def __init__(self, num_classes: int = 1000, small_input: bool = False) -> None:
        super().__init__()
        raise NotImplementedError("FILL IN: build the network from BODY")

    def chain(self) -> tuple[nn.Module, ...]:
        """FILL IN: the strides, and where they are."""
        raise NotImplementedError("FILL IN")

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        raise NotImplementedError("FILL IN")


def layers(*, num_classes: Any = 1000, small_input: bool = False, size: Any = 224) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer, from the modules' table.

    Arguments as for `PaperName`, those that change the cost; ``num_classes`` may be a SymPy symbol, and so may
    ``size``, the side of the square images in pixels.
    """
    raise NotImplementedError("FILL IN: yield a layer for each module, as models/mobilenet_v1.py does")


# FILL IN: register it, with what is printed about it, and name this module in models/__init__.py, twice.
# register("paper_name", PaperName, layers, family="PaperName", printed=Printed("the paper, table 1", read=True, ...))
