"""Chapter 3b's zoo: every convolutional network of torchvision, counted without weights, beside what is published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest import mock

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import regnet

from lightnets_edu.counting import count
from lightnets_edu.pages.board.explore import ScatterTable, explore
from lightnets_edu.tables import Column

TRANSFORMERS = ("vit_", "swin_")  # begin the names of networks whose operations `count` does not know

# What has no numbers needs no starting values; leaving them out saves half the time.
_STARTING_VALUES: dict[str, Callable[..., Tensor]] = {
    name: lambda tensor, *_, **__: tensor for name in vars(nn.init) if name.endswith("_") and not name.startswith("_")
}


def _on_the_cpu(function: Callable) -> Callable:
    """RegNet computes its widths with tensors, whose numbers it needs."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with torch.device("cpu"):
            return function(*args, **kwargs)

    return call


def shapes_only(name: str) -> nn.Module:
    """A network of torchvision on torch's ``meta`` device, as it classifies: shapes without numbers."""
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    if name == "googlenet":
        options["aux_logits"] = False  # two more heads, used in training only
    widths = regnet.BlockParams.from_init_params
    with (
        torch.device("meta"),
        mock.patch.dict(vars(nn.init), _STARTING_VALUES),
        mock.patch.object(regnet.BlockParams, "from_init_params", _on_the_cpu(widths)),
    ):
        return torchvision.models.get_model(name, **options).eval()


def zoo_rows() -> list[dict[str, Any]]:
    """All convolutional networks of torchvision, in alphabetical order.

    Counted: ``params``, ``macs`` and ``activations``, for one image of the size (``side``, pixels) for which the
    accuracy of the network's first weights was published. Published: ``published`` (billions of MACs, which torchvision
    calls GFLOPS), ``published_params``, ``top1`` of the first weights, called ``weights``, and ``newer``, that of its
    weights by torchvision's newer recipe, or None.
    """
    return [
        _row(name)
        for name in torchvision.models.list_models(module=torchvision.models)
        if not name.startswith(TRANSFORMERS)
    ]


def _row(name: str) -> dict[str, Any]:
    first, *later = torchvision.models.get_model_weights(name)
    side = first.transforms().crop_size[0]
    counted = count(shapes_only(name), (1, 3, side, side))
    newer = next((weights for weights in later if weights.name == "IMAGENET1K_V2"), None)
    return {
        "network": name,
        "family": torchvision.models.get_model_builder(name).__module__.rpartition(".")[2],
        "side": side,
        "params": counted.params,
        "macs": counted.macs,
        "activations": counted.activations,
        "published": first.meta["_ops"],
        "published_params": first.meta["num_params"],
        "top1": _top1(first),
        "newer": _top1(newer) if newer else None,
        "weights": first.name,
    }


def _top1(weights: Any) -> float:
    return weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]


def zoo_board(rows: Sequence[Mapping[str, Any]]) -> ScatterTable:
    """The zoo as a chart and a table, in which readers choose what they compare."""
    return explore(
        rows,
        _COLUMNS,
        name="torchvision_zoo",
        title="The convolutional networks of torchvision",
        x="macs",
        y="top1",
        label="network",
        shape="family",
        description="Choose what to compare. Which networks does no other one beat?",
        pareto=True,
        budgets=("macs", "params"),
    )


_COUNTED = "counted here, for one image of the size for which the accuracy holds"
_COLUMNS = [
    Column("network", "Network", text=True),
    Column("family", "Family", text=True, help="torchvision's file"),
    Column(
        "top1",
        "Top-1",
        unit="%",
        digits=1,
        better="higher",
        help="ImageNet validation images that are right, from torchvision's metadata of these weights",
    ),
    Column("macs", "MACs", digits=3, scale=1e9, log=True, better="lower", help=_COUNTED),
    Column("params", "Parameters", digits=2, scale=1e6, log=True, better="lower", help="counted here"),
    Column(
        "activations",
        "Activations",
        digits=2,
        scale=1e6,
        log=True,
        better="lower",
        folded=True,
        help="numbers that convolutions write, counted here",
    ),
    Column(
        "newer",
        "Top-1, V2",
        unit="%",
        digits=1,
        better="higher",
        folded=True,
        help="the same network trained again by a newer recipe, if there is such a file, from torchvision's metadata",
    ),
    Column("side", "Image", unit="px", folded=True, help="for which the accuracy holds"),
    Column("weights", "Weights", text=True, folded=True, help="torchvision's name of the file"),
]
