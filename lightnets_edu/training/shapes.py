"""A data set that needs no file: ten kinds of drawn shapes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lightnets_edu.checks import one_of, whole_number
from lightnets_edu.training.data import SPLITS, ImageDataset

Drawing = Callable[[Tensor, Tensor], Tensor]

# Each shape is a test on the coordinates (u to the right, v down) of a pixel in the shape's own frame, where
# the shape fills the square from -1 to 1.
DRAWINGS: dict[str, Drawing] = {
    "disc": lambda u, v: u**2 + v**2 < 1,
    "ring": lambda u, v: (u**2 + v**2 < 1) & (u**2 + v**2 > 0.3),
    "square": lambda u, v: _box(u, v) < 0.85,
    "frame": lambda u, v: (_box(u, v) < 0.9) & (_box(u, v) > 0.5),
    "plus": lambda u, v: (_box(u, v) < 1) & (torch.minimum(u.abs(), v.abs()) < 0.28),
    "cross": lambda u, v: (_box(u, v) < 1) & ((u.abs() - v.abs()).abs() < 0.35),
    "triangle": lambda u, v: (v < 0.85) & (u.abs() < (v + 1) * 0.55),
    "horizontal stripes": lambda u, v: (_box(u, v) < 1) & (torch.cos(2.5 * math.pi * v) > 0),
    "vertical stripes": lambda u, v: (_box(u, v) < 1) & (torch.cos(2.5 * math.pi * u) > 0),
    "checks": lambda u, v: (_box(u, v) < 1) & (torch.sin(math.pi * 1.5 * u) * torch.sin(math.pi * 1.5 * v) > 0),
}


def _box(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs(), v.abs())


def make_shapes(count: int, seed: int, image_size: int = 28, *, split: str = "train") -> ImageDataset:
    """Ten classes of drawn shapes of random place, size, tilt, brightness and noise: no file and no network is needed.

    The same arguments give the same images.

    Args:
        count: Number of images N.
        seed: Seed of every random choice; take different ones for training and test.
        image_size: Height and width in pixels, at least 12 (below it stripes and checks blur into a square).
        split: What the images are for, ``"train"`` or ``"test"``.

    Returns:
        The data set: images, uint8 [N, 1, image_size, image_size], and labels, in the order of ``DRAWINGS``; the
        classes are as even as ``count`` allows.

    Raises:
        ValueError: If an argument is not allowed.
    """
    count = whole_number("count", count, 1)
    seed = whole_number("seed", seed, 0, 2**32 - 1)
    stripes = ": in fewer than 12 pixels, stripes cannot be told from a square"
    image_size = whole_number("image_size", image_size, 12, why=stripes)
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, 1, 1, generator=generator)

    labels = (torch.arange(count) % len(DRAWINGS))[torch.randperm(count, generator=generator)]
    radius = uniform(0.22, 0.42) * image_size
    reach = image_size / 2 - radius  # how far the centre may leave the middle with the shape still inside
    centre_x = (image_size - 1) / 2 + uniform(-1, 1) * reach
    centre_y = (image_size - 1) / 2 + uniform(-1, 1) * reach
    tilt = uniform(-0.2, 0.2)  # radians: little enough that horizontal stays horizontal
    background = uniform(0.0, 0.35)
    contrast = uniform(0.25, 0.65)

    pixels = torch.arange(image_size, dtype=torch.float32)
    x = (pixels.view(1, 1, -1) - centre_x) / radius  # [N, 1, W]
    y = (pixels.view(1, -1, 1) - centre_y) / radius  # [N, H, 1]
    u = torch.cos(tilt) * x + torch.sin(tilt) * y  # [N, H, W]
    v = torch.cos(tilt) * y - torch.sin(tilt) * x
    inside = torch.empty(count, image_size, image_size)
    for label, drawing in enumerate(DRAWINGS.values()):
        chosen = labels == label
        inside[chosen] = drawing(u[chosen], v[chosen]).float()
    noise = 0.08 * torch.randn(count, image_size, image_size, generator=generator)
    images = (background + contrast * inside + noise).clamp(0, 1)
    images = (images * 255).round().to(torch.uint8).unsqueeze(1)
    source = f"procedural shapes made by lightnets_edu from seed {seed}"
    return ImageDataset(images, labels, tuple(DRAWINGS), "shapes", source, is_real=False, split=split)


def load_shapes(split: str = "train", limit: int | None = None) -> ImageDataset:
    """The shapes as a data set of fixed size: 10,000 for training (seed 0), 2,000 for test (seed 1).

    Args:
        split: ``"train"`` or ``"test"``.
        limit: Take only the first so many images.

    Raises:
        ValueError: If ``split`` or ``limit`` is not allowed.
    """
    one_of("split", split, SPLITS)
    return make_shapes(10_000 if split == "train" else 2_000, SPLITS.index(split), split=split).first(limit)
