"""The record of one network: what it is, what it costs, how it learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lightnets_edu.counting import count
from lightnets_edu.models import get_model, model_options
from lightnets_edu.runtime import describe_environment
from lightnets_edu.training import FolderDataset, ImageDataset, TrainConfig, TrainResult, seed_everything, train

SMALL = 64  # images of at most so many pixels a side get the stem for small images
NORM_MOMENTUM = 0.1  # torch's usual one


def network_options(name: str, config: TrainConfig, classes: int, options: Mapping[str, object]) -> dict[str, Any]:
    """The options that a network is built with for training: outputs, stem, and the batch norms' momentum.

    There are as many outputs as classes, and a stem that suits the images. Where the momentum is an option it is
    torch's usual one: MNASNet's own, 0.0003, needs ten thousand steps before its running statistics are of any use.

    Args:
        name: The network, as ``get_model`` knows it.
        config: The settings; ``image_size`` decides about the stem.
        classes: Number of classes of the data set.
        options: The user's own, which go before.

    Raises:
        ValueError: If there is no such network.
    """
    own: dict[str, Any] = {"num_classes": classes}
    if "small_input" in model_options(name):
        own["small_input"] = config.image_size <= SMALL
    if "norm_momentum" in model_options(name):
        own["norm_momentum"] = NORM_MOMENTUM
    return {**own, **options}


def has_batch_norm(model: nn.Module) -> bool:
    """Whether any layer is a batch norm, which brings every channel to unit variance."""
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())


@torch.no_grad()
def start_without_norm(model: nn.Module) -> None:
    """Starting weights with which a network without batch norm learns from its first epochs on.

    Weights are He's (He et al. 2015, arXiv:1502.01852, section 2.2): normal, with variance 2 / fan-in, so that signals
    keep their size through layers with ReLU. PyTorch's own are smaller by the square root of 6, and AlexNet's signal
    fades. Biases are 0, and 1 in the last layer (ones are AlexNet's, Krizhevsky et al. 2012, section 5, for hidden
    layers): SqueezeNet has a ReLU after its last convolution, and where that gives 0 for every class no gradient comes
    back. Where scores go to the softmax directly, a number added to all of them changes nothing.

    Args:
        model: Changed in place.
    """
    layers = [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.constant_(layer.bias, 1.0 if layer is layers[-1] else 0.0)


def network_record(
    name: str,
    options: Mapping[str, object],
    config: TrainConfig,
    *,
    result: TrainResult | None = None,
    timings: list[dict[str, Any]] | None = None,
    device: str | torch.device = "auto",
) -> dict[str, Any]:
    """The dictionary that ``save_record`` writes for a network.

    Args:
        name: The network, as ``get_model`` knows it.
        options: What it is built with.
        config: The settings of the training; seed and image size are taken from it also if there was none.
        result: What the training gave; without it, its fields are null.
        timings: Rows from ``measure_step``.
        device: Where it runs.
    """
    with torch.device("meta"):
        model = get_model(name, **options).eval()
    size = [1, config.channels, config.image_size, config.image_size]
    table = count(model, tuple(size))
    trained = result.to_record() if result else {}
    here = describe_environment(device)
    return {
        "schema": 1,
        "kind": "network",
        "model": name,
        "options": dict(options),
        "seed": config.seed,
        "input_size": size,
        "parameters": table.params,
        "macs": table.macs,
        "activations": table.activations,
        "memory_access": table.memory_access,
        "environment": result.environment if result else here,
        "config": trained.get("config"),
        "data": trained.get("data"),
        "history": trained.get("history"),
        "test_accuracy": result.last_test_accuracy if result else None,
        "training_seconds": result.seconds if result else None,
        "timings": timings,
        "timing_environment": here if timings else None,
    }


def train_network(
    name: str,
    options: Mapping[str, object],
    config: TrainConfig,
    train_set: ImageDataset | FolderDataset,
    test_set: ImageDataset | FolderDataset,
    **how: Any,
) -> TrainResult:
    """Build a network from the seed and train it.

    A network without batch norm begins with the weights of `start_without_norm`.

    Args:
        name: The network, as ``get_model`` knows it.
        options: What it is built with.
        config: The settings; their seed is also that of the starting weights.
        train_set: Images to learn from.
        test_set: Images to test on after each epoch.
        how: Further keywords of ``lightnets_edu.training.train``, which also says what is raised.
    """
    seed_everything(config.seed)
    model = get_model(name, **options)
    if not has_batch_norm(model):
        start_without_norm(model)
    return train(model, train_set, test_set, config, **how)
