"""Small trained networks that a page can look into: the studies' own, stored as half-precision numbers."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lightnets_edu.pages.live.rows import Row, Shape, compact, network_rows
from lightnets_edu.recording.studies import get_study
from lightnets_edu.recording.studies.runs import image_sets
from lightnets_edu.runtime.environment import cpu_threads, describe_environment
from lightnets_edu.runtime.files import atomic_file
from lightnets_edu.training import evaluate, seed_everything, train
from lightnets_edu.training.data import ImageDataset

FOLDER = Path(__file__).with_name("networks")
IMAGE: Shape = (1, 28, 28)
# Chapter's folder to the variant of its study that a reader looks into.
LOOKED_INTO = {"squeezenet": "plain", "mobilenet_v1": "separable", "senet": "gates", "ghostnet": "ghosts"}


@dataclass(frozen=True)
class Trained:
    """A trained network as a page reads it.

    Attributes:
        name: The folder of its chapter.
        words: What it is.
        parameters: How many numbers were trained.
        accuracy: On the test images, 0 ... 1, with the weights as they are stored.
        rows: Its operations (see `rows.compact`), batch norms folded.
        labels: For each row the module that it comes from; empty for an operation without weights.
        weights: float16 in base64: of each row its weights, then its biases.
        mean: Of each channel's pixels in the training images, 0 ... 1: it is subtracted.
        std: Their deviation: what is left is divided by it.
        classes: What the ten outputs stand for.
        samples: Test images that it was not trained on, one of each class: 28 x 28 bytes each, in base64.
        environment: Where it was trained, and with which versions.
    """

    name: str
    words: str
    parameters: int
    accuracy: float
    rows: list[list[Any]]
    labels: list[str]
    weights: str
    mean: list[float]
    std: list[float]
    classes: list[str]
    samples: str
    environment: dict[str, Any]


def train_network(name: str) -> Trained:
    """Train a chapter's network as its study does with the first seed.

    Args:
        name: One of `LOOKED_INTO`.
    """
    study = get_study(name)
    variant = study.variant(LOOKED_INTO[name])
    assert variant.build is not None
    train_set, test_set = image_sets(study)
    with cpu_threads(1):
        seed_everything(0)
        model = variant.build()
        result = train(model, train_set, test_set, study.recipe, device="cpu")
    return describe(name, variant.description, model, result.normalisation, test_set)


def describe(name: str, words: str, model: nn.Module, normalisation: Any, test_set: ImageDataset) -> Trained:
    """A trained network with weights rounded to half precision, and its accuracy with these."""
    folded = fold(model)
    images = image_of(normalisation, test_set.images[:8])
    with torch.no_grad():
        if not torch.allclose(folded(images), model.eval()(images), atol=1e-3):
            raise ValueError(
                f"{name}: a batch norm does not belong to the convolution before it, so none can be folded"
            )
        for parameter in folded.parameters():
            parameter.copy_(parameter.half().float())
    _, accuracy = evaluate(folded, test_set, device="cpu", image_size=28, channels=1, normalisation=normalisation)
    rows = network_rows(folded, IMAGE)
    return Trained(
        name=name,
        words=words,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        accuracy=accuracy,
        rows=compact(rows),
        labels=[row.parameters[0].rpartition(".")[0] for row in rows],
        weights=base64.b64encode(stored(folded, rows)).decode(),
        mean=list(normalisation.mean),
        std=list(normalisation.std),
        classes=list(test_set.class_names),
        samples=base64.b64encode(first_of_each(test_set)).decode(),
        environment=describe_environment("cpu"),
    )


def fold(model: nn.Module) -> nn.Module:
    """A copy with every batch norm folded into the convolution that stands right before it among its siblings."""
    folded = copy.deepcopy(model).eval()
    for module in folded.modules():
        children = list(module.named_children())
        for (before, layer), (after, norm) in pairwise(children):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, before, fuse_conv_bn_eval(layer, norm))
                setattr(module, after, nn.Identity())
    return folded


def stored(model: nn.Module, rows: Sequence[Row]) -> bytes:
    """Weights and biases in the rows' order, as float16."""
    named = dict(model.named_parameters())
    numbers = [named[name].detach().flatten() for row in rows for name in row.parameters if name]
    return torch.cat(numbers).half().numpy().tobytes()


def first_of_each(test_set: ImageDataset) -> bytes:
    """The first test image of each class."""
    labels = test_set.labels.numpy()
    chosen = [int(np.flatnonzero(labels == label)[0]) for label in range(len(test_set.class_names))]
    return test_set.images[chosen].numpy().tobytes()


def save(trained: Trained) -> Path:
    """Write it where pages look for it."""
    path = FOLDER / f"{trained.name}.json"
    FOLDER.mkdir(exist_ok=True)
    with atomic_file(path) as handle:
        handle.write((json.dumps(asdict(trained), separators=(",", ":")) + "\n").encode())
    return path


def load(name: str) -> Trained:
    """What was written.

    Raises:
        ValueError: If no network of this name was trained for the pages.
    """
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        raise ValueError(f"there is no trained network {name!r} to look into; there are {', '.join(LOOKED_INTO)}")
    return Trained(**json.loads(path.read_text(encoding="utf-8")))


def image_of(normalisation: Any, pixels: Tensor) -> Tensor:
    """What a network takes: uint8 [N, 1, 28, 28] to float32, with the mean and the deviation of its training images."""
    return (pixels.float() / 255 - normalisation.mean[0]) / normalisation.std[0]
