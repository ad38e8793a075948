"""Where a training in a page begins and what it sees: first weights, pictures and their order, here as there."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from lightnets_edu.pages.live.rows import Row
from lightnets_edu.pages.live.weights import hashed, mixed
from lightnets_edu.training import load_fashion_mnist

# Places of the hash, as in trainer.js: numbers of one seed, orders of pictures behind all weights, those of one epoch,
# and what pairs are made of.
OF_SEED, ORDERS, OF_EPOCH, PAIRS = 1 << 22, 1 << 31, 1 << 13, (1 << 32) - (1 << 16)
SHADES = 16
TRAIN, TEST = 4000, 1024  # pictures; both are whole batches of 32


@dataclass(frozen=True)
class Pictures:
    """Those of Fashion-MNIST that a page has, with 16 shades of grey.

    Attributes:
        shades: uint8 ``[N, 28, 28]``, 0 ... 15; those for training first.
        labels: uint8 ``[N]``.
        mean: Of the pixels for training, where white is 1.
        std: Their deviation.
        classes: What the labels stand for.
    """

    shades: np.ndarray
    labels: np.ndarray
    mean: float
    std: float
    classes: tuple[str, ...]

    def images(self, numbers: Sequence[int] | np.ndarray) -> Tensor:
        """Some of them as a network takes them: float32 ``[len(numbers), 1, 28, 28]``."""
        chosen = torch.from_numpy(self.shades[np.asarray(numbers)].astype(np.float64) / (SHADES - 1))
        return ((chosen - self.mean) / self.std).float().unsqueeze(1)

    def targets(self, numbers: Sequence[int] | np.ndarray) -> Tensor:
        """Their labels: int64 ``[len(numbers)]``."""
        return torch.from_numpy(self.labels[np.asarray(numbers)].astype(np.int64))

    def packed(self) -> str:
        """All labels, then all pixels, two in a byte: gzip in base64."""
        pairs = self.shades.reshape(-1, 2)
        content = self.labels.tobytes() + (pairs[:, 0] << 4 | pairs[:, 1]).tobytes()
        return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


@cache
def page_pictures() -> Pictures:
    """The first pictures of those that come with the package."""
    train, test = load_fashion_mnist("train", TRAIN), load_fashion_mnist("test", TEST)
    pixels = torch.cat([train.images, test.images]).squeeze(1).numpy()
    shades = np.round(pixels / 255 * (SHADES - 1)).astype(np.uint8)
    seen = shades[:TRAIN].astype(np.float64) / (SHADES - 1)
    labels = torch.cat([train.labels, test.labels]).numpy().astype(np.uint8)
    mean, std = (round(float(value), 6) for value in (seen.mean(), seen.std()))
    return Pictures(shades, labels, mean, std, train.class_names)


@dataclass(frozen=True)
class Pairs:
    """Pictures in twos, which a network sees as two channels: 1 if both are of one kind, else 0.

    Attributes:
        pictures: Where they are from.
        numbers: int ``[N, 2]``, those of the pictures; those for training first.
        labels: uint8 ``[N]``.
    """

    pictures: Pictures
    numbers: np.ndarray
    labels: np.ndarray

    def images(self, numbers: Sequence[int] | np.ndarray) -> Tensor:
        """Some of them as a network takes them: float32 ``[len(numbers), 2, 28, 28]``."""
        return self.pictures.images(self.numbers[np.asarray(numbers)].reshape(-1)).reshape(-1, 2, 28, 28)

    def targets(self, numbers: Sequence[int] | np.ndarray) -> Tensor:
        """Their labels: int64 ``[len(numbers)]``."""
        return torch.from_numpy(self.labels[np.asarray(numbers)].astype(np.int64))


def page_pairs(kinds: Sequence[int]) -> Pairs:
    """As many pairs as there are pictures, chosen by the hash; those of the test have the test's pictures.

    Args:
        kinds: Two labels.
    """
    pictures, hashes = page_pictures(), mixed(4 * (TRAIN + TEST), PAIRS).reshape(-1, 4)
    coins = hashes[:, :2] & 1
    numbers = np.empty(coins.shape, np.int64)
    for first, end in ((0, TRAIN), (TRAIN, TRAIN + TEST)):
        for coin, kind in enumerate(kinds):
            pool = first + np.flatnonzero(pictures.labels[first:end] == kind)
            chosen = coins[first:end] == coin
            numbers[first:end][chosen] = pool[hashes[first:end, 2:] % len(pool)][chosen]
    return Pairs(pictures, numbers, (coins[:, 0] == coins[:, 1]).astype(np.uint8))


def epoch_order(seed: int, epoch: int, count: int = TRAIN) -> np.ndarray:
    """In which order the pictures come: ``[count]``, by the hashes of their places."""
    return np.argsort(mixed(count, ORDERS + seed * OF_SEED + epoch * OF_EPOCH), kind="stable")


@torch.no_grad()
def put_first_weights(model: nn.Module, rows: Sequence[Row], seed: int) -> None:
    """Give a network the weights that the page begins with.

    Weights and biases of convolutions and linear layers lie within 1 / sqrt(fan in), as PyTorch's own first ones;
    batch norms begin with scale 1 and shift 0.

    Args:
        model: The network that the rows were made from.
        rows: In order, made for training.
        seed: Below 512.
    """
    state, place = dict(model.named_parameters()), seed * OF_SEED
    for row in rows:
        for name, count in zip(row.parameters, (row.weights, row.biases), strict=True):
            if not name:
                continue
            if row.op == "affine":
                state[name].fill_(1.0 if name == row.parameters[0] else 0.0)
            else:
                numbers = hashed(count, place, 1 / np.sqrt(row.fan_in))
                state[name].copy_(torch.from_numpy(numbers).view_as(state[name]))
            place += count
