"""From what does it learn? A labelled image set that fits in memory whole."""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from lightnets_edu.checks import one_of, whole_number

SPLITS = ("train", "test")


class DatasetError(ValueError):
    """A data set cannot be had, or a file of it is not what it should be."""


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, for pixels scaled to 0 … 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class LabelledImages(Sized):
    """What image sets in memory and image sets in files have in common; its length is the number of images."""

    class_names: tuple[str, ...]
    name: str
    source: str
    is_real: bool
    split: str

    @abstractmethod
    def normalisation(self) -> Normalisation:
        """The statistics with which the images are normalised."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A checksum (CRC-32, hexadecimal) that tells one set of images from another."""

    def describe(self) -> dict[str, Any]:
        """What a recorded run says about this set."""
        described = {"name": self.name, "split": self.split, "images": len(self), "source": self.source}
        return described | {"is_real": self.is_real, "fingerprint": self.fingerprint()}

    def first(self, limit: int | None) -> Self:
        """The first ``limit`` images (all of them if it is None).

        Raises:
            ValueError: If there are fewer.
        """
        if limit is None:
            return self
        return self._cut(whole_number("limit", limit, 1, len(self), why=f" (the images of this {self.split} split)"))

    @abstractmethod
    def _cut(self, count: int) -> Self:
        """The first images, of which there are enough."""


@dataclass(frozen=True, eq=False)
class ImageDataset(LabelledImages):
    """A labelled image set, held whole in memory.

    Attributes:
        images: uint8 [N, C, H, W].
        labels: int64 [N], indices into ``class_names``.
        class_names: The name of each class.
        name: Short name, such as ``fashion_mnist``.
        source: Where this copy came from, as a clause for the page.
        is_real: False if the images were drawn by this package.
        split: ``train`` or ``test``.
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    name: str
    source: str
    is_real: bool
    split: str

    def __post_init__(self) -> None:
        """Check shapes, types and label range."""
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise ValueError(
                f"images must be uint8 [N, C, H, W], not {self.images.dtype} {list(self.images.shape)}: "
                "pixels are scaled and normalised batch by batch."
            )
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"labels must be int64 [{len(self.images)}], one an image, "
                f"not {self.labels.dtype} {list(self.labels.shape)}."
            )
        if len(self.labels) == 0:
            raise ValueError("a data set needs at least one image.")
        if self.labels.min() < 0 or self.labels.max() >= len(self.class_names):
            raise ValueError(
                f"labels run from {int(self.labels.min())} to {int(self.labels.max())}, but there are "
                f"{len(self.class_names)} class names: labels count from 0."
            )
        one_of("split", self.split, SPLITS)

    def __len__(self) -> int:
        """The number of images."""
        return len(self.labels)

    def _cut(self, count: int) -> Self:
        return replace(self, images=self.images[:count], labels=self.labels[:count])

    def of_classes(self, names: Sequence[str]) -> Self:
        """The images of some classes, in the order of the set; the labels count these classes from 0.

        Args:
            names: Of the classes, each once, in the order of the new labels.

        Raises:
            ValueError: If the set has no class of a name, or a name comes twice.
        """
        for name in names:
            one_of("a class", name, self.class_names)
        if len(set(names)) < len(names):
            raise ValueError(f"a class is named twice among {', '.join(names)}: each image has one label.")
        old = torch.tensor([self.class_names.index(name) for name in names])
        found = self.labels[:, None] == old
        keep = found.any(1)
        source = f"{self.source}; of them {', '.join(names)}"
        images, labels = self.images[keep], found[keep].int().argmax(1)
        return replace(self, images=images, labels=labels, class_names=tuple(names), source=source)

    def drawn(self, each: int, seed: int) -> Self:
        """So many images of each class, drawn at random.

        Args:
            each: Images of a class.
            seed: Of the draw.

        Raises:
            ValueError: If a class has fewer images.
        """
        fewest = int(torch.bincount(self.labels, minlength=len(self.class_names)).min())
        each = whole_number("each", each, 1, fewest, why=" (the images of the smallest class)")
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        labels = self.labels[order]
        chosen = torch.cat([order[labels == label][:each] for label in range(len(self.class_names))])
        return replace(self, images=self.images[chosen], labels=self.labels[chosen])

    def normalisation(self) -> Normalisation:
        """Exact per-channel statistics, from a histogram of the 256 pixel values.

        Raises:
            ValueError: If a channel has one value only, so that it cannot be scaled to unit deviation.
        """
        values = torch.arange(256, dtype=torch.float64) / 255
        mean, std = [], []
        for channel in range(self.images.shape[1]):
            counts = torch.bincount(self.images[:, channel].flatten(), minlength=256).double()
            weights = counts / counts.sum()
            mean.append(float(weights @ values))
            std.append(float(weights @ (values - mean[-1]) ** 2) ** 0.5)
            if std[-1] == 0:
                raise ValueError(f"every pixel of channel {channel} has the same value: there is nothing to learn.")
        return Normalisation(tuple(mean), tuple(std))

    def fingerprint(self) -> str:
        """A checksum of images and labels (CRC-32, hexadecimal): the same bytes give the same text."""
        checksum = zlib.crc32(self.images.contiguous().numpy().data)
        return f"{zlib.crc32(self.labels.contiguous().numpy().data, checksum):08x}"
