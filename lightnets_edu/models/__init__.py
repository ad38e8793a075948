"""What is it? One file a paper: its block, its table, its network."""

# ruff: noqa: I001
# Importing a paper's file registers its networks, in the book's order.
from lightnets_edu.models import (
    alexnet,
    squeezenet,
    resnet,
    wide_resnet,
    resnext,
    mobilenet_v1,
    shufflenet_v1,
    senet,
    shufflenet_v2,
    mnasnet,
    efficientnet_lite,
    ghostnet,
    regnet,
    g_ghost_regnet,
)
from lightnets_edu.models.registry import (
    default_input_size,
    get_entry,
    get_model,
    list_models,
    model_options,
    network_layers,
)
from lightnets_edu.models.weights import list_weights, weights_info

__all__ = [
    "alexnet",
    "default_input_size",
    "efficientnet_lite",
    "g_ghost_regnet",
    "get_entry",
    "get_model",
    "ghostnet",
    "list_models",
    "list_weights",
    "mnasnet",
    "mobilenet_v1",
    "model_options",
    "network_layers",
    "regnet",
    "resnet",
    "resnext",
    "senet",
    "shufflenet_v1",
    "shufflenet_v2",
    "squeezenet",
    "weights_info",
    "wide_resnet",
]
