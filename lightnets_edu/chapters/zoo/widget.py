"""A new head for a trained network: what is trained when the rest is frozen, and when it is not."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lightnets_edu.formulas import linear
from lightnets_edu.pages.widget.widgets import Choice, Lookup, Output, Row, Slider, Table, Widget, number

NETWORKS = (
    ("alexnet", "AlexNet"),
    ("resnet50", "ResNet-50"),
    ("mobilenet_v1", "MobileNetV1"),
    ("shufflenet_v2_x1_0", "ShuffleNetV2 1.0×"),
    ("mnasnet1_0", "MNASNet-B1 1.0"),
    ("ghostnet", "GhostNet"),
)
BYTES = 4  # of a float32 number
NETWORK = Choice("network", "Network", NETWORKS, "shufflenet_v2_x1_0")
CLASSES = Slider("classes", "New classes", 2, 1000, 5)

HEAD = linear.terms(in_features=number("features"), out_features=CLASSES.symbol).params
NEW = number("body_params") + number("head_params")


def _kept(trained: sp.Expr) -> sp.Expr:
    """Bytes that training keeps for parameters: all of them, and a gradient and a momentum for each that is trained."""
    return BYTES * (number("params") + 2 * trained)


def _parts(name: str) -> dict[str, int]:
    """Parameters before the head, and how many numbers the head reads."""
    import torch
    from torch import nn

    from lightnets_edu.models import get_model

    with torch.device("meta"):
        model = get_model(name)
    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    total = sum(parameter.numel() for parameter in model.parameters())
    return {"features": head.in_features, "body_params": total - sum(p.numel() for p in head.parameters())}


class NewHeadExplorer(Widget):
    """What a network has to train for new classes: its head alone, or everything."""

    name = "new_head_explorer"
    title = "What does your training change?"
    description = "A network of ImageNet gets a head for your classes. Freeze the rest, or let all of it learn."
    controls = (NETWORK, CLASSES)
    lookups = (Lookup("networks", ("network",), ("features", "body_params")),)
    outputs = (
        Output("head_params", "Parameters of the new head", HEAD, help="weights and biases"),
        Output("params", "Parameters of the network", NEW, help="with the new head"),
        Output("head_inputs", "Numbers that the head reads", number("features"), help="of one image"),
        Output("share", "The head's share", 100 * number("head_params") / number("params"), "%", digits=2),
        Output("frozen_trained", "Frozen: trained", number("head_params")),
        Output("frozen_bytes", "Frozen: kept", _kept(number("head_params"))),
        Output("tuned_trained", "Fine-tuned: trained", number("params")),
        Output("tuned_bytes", "Fine-tuned: kept", _kept(number("params"))),
    )
    headline = ("head_params", "params")
    tables = (
        Table(
            "Frozen or fine-tuned (parameters; bytes for them, their gradients and momenta)",
            ("Trained", "Bytes"),
            (
                Row("Frozen, only the head learns", ("frozen_trained", "frozen_bytes")),
                Row("Fine-tuned, everything learns", ("tuned_trained", "tuned_bytes")),
            ),
        ),
    )

    def default_data(self) -> dict[str, Any]:
        """Each network's body and head, read off the real network."""
        return {"networks": {name: _parts(name) for name, _ in NETWORKS}}
