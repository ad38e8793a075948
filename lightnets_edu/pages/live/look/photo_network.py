"""A network that was trained on ImageNet, for the page: eight bits a weight, with photographs to begin with.

The weights and the photographs come in packages that the book's build installs; they are not part of this repository.
"""

from __future__ import annotations

import base64
import gzip
import io
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from lightnets_edu.features.photos import imagenet_classes, load_photos
from lightnets_edu.models import get_model
from lightnets_edu.models.weights import weights_info
from lightnets_edu.pages.live.look.trained import fold
from lightnets_edu.pages.live.rows import Shape, compact, network_rows

NAME = "efficientnet_lite0"
SIDE = 224
SHAPE: Shape = (3, SIDE, SIDE)
SHOWN = ("coffee", "chelsea", "camera", "astronaut", "rocket", "coins")
LARGEST = 127  # of eight bits with a sign, the same on both sides


def quantised(model: nn.Module) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights as whole numbers times one scale for each output channel, in the rows' order.

    Args:
        model: A network with its batch norms folded; its weights are rounded to what is given back.

    Returns:
        int8 weights, float32 scales (one a channel), float32 biases, each one after the other.
    """
    named, weights, scales, biases = dict(model.named_parameters()), [], [], []
    for row in network_rows(model, SHAPE):
        weight_name, bias_name = row.parameters
        if not weight_name:
            continue
        weight = named[weight_name].detach()
        scale = (weight.abs().flatten(1).amax(1) / LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
        each = scale.view(-1, *[1] * (weight.dim() - 1))
        whole = (weight / each).round()
        weight.copy_(whole * each)
        weights.append(whole.flatten().to(torch.int8).numpy())
        scales.append(scale.numpy())
        biases.append(named[bias_name].detach().numpy())
    return np.concatenate(weights), np.concatenate(scales), np.concatenate(biases)


def described() -> dict[str, Any]:
    """All that the page has to know.

    Raises:
        ImportError: If the package with the weights or that with the photographs is not installed.
    """
    photos, info = load_photos(SIDE), weights_info(NAME)
    model = fold(get_model(NAME, weights="imagenet"))
    rows = network_rows(model, SHAPE)
    weights, scales, biases = quantised(model)
    return {
        "name": NAME,
        "words": f"EfficientNet-Lite0, trained on ImageNet ({info.source}; {info.license}), with 8 bits a weight",
        "parameters": info.num_params,
        "accuracy": None,
        "rows": compact(rows),
        "labels": [row.parameters[0].rpartition(".")[0] for row in rows],
        "weights": _text(gzip.compress(weights.tobytes(), 9, mtime=0)),
        "scales": _text(scales.tobytes()),
        "biases": _text(biases.tobytes()),
        "mean": list(info.mean),
        "std": list(info.std),
        "classes": imagenet_classes(),
        "photos": [
            {"name": name, "credit": photos.credits[name], "jpeg": _text(_jpeg(image))}
            for name, image in zip(photos.names, photos.images, strict=True)
            if name in SHOWN
        ],
    }


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _jpeg(image: torch.Tensor) -> bytes:
    pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=88)
    return file.getvalue()
