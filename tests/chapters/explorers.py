"""What a widget shows, and what networks that are really built cost."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from lightnets_edu import count
from lightnets_edu.counting import CountTable
from lightnets_edu.pages import get_widget

IMAGE = (1, 3, 224, 224)


def shown(widget: str, **settings: object) -> dict[str, int | float]:
    """The numbers of a widget at some settings; the others stay as they are at first."""
    return get_widget(widget)().evaluate(**settings)


def counted(build: Callable[[], nn.Module], *size: int) -> CountTable:
    """The count of what is built, on shapes only; for an image of 224 x 224 if no size is given."""
    with torch.device("meta"):
        return count(build().eval(), size or IMAGE)


def assert_totals(numbers: dict, table: CountTable, *totals: str, prefix: str = "") -> None:
    """The widget's totals are the network's: parameters, MACs and activations, if no others are named."""
    for total in totals or ("params", "macs", "activations"):
        assert numbers[prefix + total] == getattr(table, total), total
