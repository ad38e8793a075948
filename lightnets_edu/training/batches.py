"""Batches of a small image set that lives on the device whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lightnets_edu.checks import one_of, whole_number
from lightnets_edu.training.data import ImageDataset, LabelledImages, Normalisation

CROP_MARGIN = 4  # pixels on each side, as for CIFAR in the ResNet paper (He et al. 2016, arXiv:1512.03385, section 4.2)


def mixed_seed(*numbers: int) -> int:
    """One seed out of several numbers, so that (seed 0, epoch 1) and (seed 1, epoch 0) share nothing."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Order:
    """Which images come in which batch of which epoch.

    With several processes, each takes its part of every batch: together they take what one process would.
    """

    def __init__(self, images: int, batch_size: int, shuffle: bool, seed: int, part: tuple[int, int]) -> None:
        """Check and keep the settings.

        Args:
            images: Number of images.
            batch_size: Images in a batch, of all processes together.
            shuffle: See ``Batches``.
            seed: Seed of the order.
            part: (number of this process from 0, number of processes).

        Raises:
            ValueError: If an argument is not allowed.
        """
        self.images, self.shuffle = images, shuffle
        self.batch_size = whole_number("batch_size", batch_size, 1)
        self.seed = whole_number("seed", seed, 0, 2**32 - 1)
        self.part = part
        if shuffle and self.batch_size > images:
            raise ValueError(
                f"batch_size={batch_size} is more than the {images} images of the set: a training "
                f"batch is full or left out, so no batch would remain. Take at most {images}."
            )
        if shuffle and self.batch_size % part[1]:
            raise ValueError(
                f"batch_size={batch_size} cannot be shared evenly by {part[1]} processes, and with unequal shares the "
                "mean of their gradients is not the batch's gradient: take a multiple."
            )

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return self.images // self.batch_size if self.shuffle else -(-self.images // self.batch_size)

    def generator(self, epoch: int) -> torch.Generator:
        """The random numbers of one epoch."""
        return torch.Generator().manual_seed(mixed_seed(self.seed, epoch))

    def epoch(self, number: int, generator: torch.Generator | None = None) -> Iterator[Tensor]:
        """The indices of each batch, or of this process's part of it (left out if that is empty)."""
        generator = generator or self.generator(number)
        order = torch.randperm(self.images, generator=generator) if self.shuffle else torch.arange(self.images)
        for index in range(len(self)):
            chosen = order[index * self.batch_size : (index + 1) * self.batch_size][self.own]
            if len(chosen):
                yield chosen

    @property
    def own(self) -> slice:
        """This process's part of a batch."""
        rank, size = self.part
        return slice(rank, None, size)


class SetBatches(ABC):
    """What batches from memory and from files share: the order of the images, and their normalisation on the device."""

    def __init__(
        self,
        dataset: LabelledImages,
        device: torch.device,
        order: Order,
        normalisation: Normalisation | None,
        channels_last: bool,
    ) -> None:
        self.images, self.classes, self.device = len(dataset), len(dataset.class_names), device
        self.order, self.batch_size = order, order.batch_size
        self.normalisation = normalisation or dataset.normalisation()
        self._mean = torch.tensor(self.normalisation.mean, device=device).view(1, -1, 1, 1)
        self._std = torch.tensor(self.normalisation.std, device=device).view(1, -1, 1, 1)
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return len(self.order)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of epoch 0."""
        return self.epoch(0)

    @abstractmethod
    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch.

        Args:
            number: The epoch's number, from 0.

        Yields:
            Images, float32 [N, channels, image_size, image_size], and labels, int64 [N], on the device.
        """

    def normalised(self, images: Tensor, channels: int) -> Tensor:
        """uint8 [N, C, H, W] on the device to float32 [N, channels, H, W]; one channel is repeated."""
        images = ((images.float() / 255 - self._mean) / self._std).expand(-1, channels, -1, -1)
        return images.contiguous(memory_format=self._memory_format)


class Batches(SetBatches):
    """Batches of normalised images, made on the device from the uint8 images that stay there.

    Images smaller than ``image_size`` get a black border, so 28 × 28 becomes 32 × 32. Grey images are
    repeated to ``channels``. Order and augmentation depend on ``seed`` and the epoch's number alone, so a
    resumed run sees the batches that the interrupted one would have seen, on any device.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        batch_size: int,
        device: torch.device,
        *,
        shuffle: bool = False,
        seed: int = 0,
        image_size: int = 32,
        channels: int = 3,
        augment: bool = False,
        normalisation: Normalisation | None = None,
        channels_last: bool = False,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        """Move a data set to the device.

        Args:
            dataset: The images.
            batch_size: Images in a batch.
            device: Where the batches are wanted.
            shuffle: Draw a new order each epoch and leave out the incomplete last batch (other images each
                time; a last batch of one image would break batch normalisation). Without it every image comes
                once.
            seed: Seed of order and augmentation.
            image_size: Height and width of what is returned.
            channels: Channels of what is returned: 3, or as many as the images have.
            augment: Random crops out of a border of 4 pixels, and horizontal flips of one image in two.
            normalisation: Statistics to normalise with: for a test set, the training set's. Default: the
                set's own.
            channels_last: Return images in the channels-last memory format.
            part: (number of this process from 0, number of processes): each process returns its part of
                every batch, with the augmentation that one process alone would choose.

        Raises:
            ValueError: If an argument is not allowed, or shuffled batches are larger than the set.
        """
        order = Order(len(dataset), batch_size, shuffle, seed, part)
        self.image_size = whole_number("image_size", image_size, 1)
        own_channels, height, width = dataset.images.shape[1:]
        if max(height, width) > self.image_size:
            raise ValueError(
                f"image_size={image_size} is smaller than the images of {height} × {width}: they are padded, "
                "never shrunk."
            )
        one_of("channels", channels, (1, 3) if own_channels == 1 else (own_channels,))
        self.channels, self.augment = channels, augment
        super().__init__(dataset, device, order, normalisation, channels_last)
        if len(self.normalisation.mean) != own_channels:
            raise ValueError(
                f"the normalisation has {len(self.normalisation.mean)} channels, the images have {own_channels}."
            )
        self._pixels = _pad(dataset.images, self.image_size).to(device)
        self.labels = dataset.labels.to(device)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, as for ``SetBatches``."""
        generator = self.order.generator(number)
        for index, chosen in enumerate(self.order.epoch(number, generator)):
            chosen = chosen.to(self.device)
            batch = self._pixels[chosen]
            if self.augment:
                whole = min(self.batch_size, self.images - index * self.batch_size)
                batch = _crop_and_flip(batch, *(choice[self.order.own] for choice in _draw(whole, generator)))
            yield self.normalised(batch, self.channels), self.labels[chosen]


def _pad(images: Tensor, size: int) -> Tensor:
    """Centre images [N, C, H, W] on black squares of ``size`` pixels; an odd rest goes right and below."""
    height, width = images.shape[2:]
    left, top = (size - width) // 2, (size - height) // 2
    return F.pad(images, (left, size - width - left, top, size - height - top))


def _draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Where each crop begins, down and to the right, and whether it is mirrored: three times [N, 1], on the CPU."""
    top = torch.randint(0, 2 * CROP_MARGIN + 1, (count, 1), generator=generator)
    left = torch.randint(0, 2 * CROP_MARGIN + 1, (count, 1), generator=generator)
    return top, left, torch.rand(count, 1, generator=generator) < 0.5


def _crop_and_flip(images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor) -> Tensor:
    """Crop each image [N, C, H, W] out of its own padded copy at its own place, and mirror it or not."""
    count, _, height, width = images.shape
    rows = top + torch.arange(height)  # [N, H]
    columns = torch.arange(width)
    columns = left + torch.where(mirrored, columns.flip(0), columns)  # [N, W]
    padded = F.pad(images, (CROP_MARGIN,) * 4)
    device = images.device
    which = torch.arange(count, device=device).view(-1, 1, 1)
    # Indices around a slice put the sliced dimension last: [N, H, W, C].
    cropped = padded[which, :, rows.to(device).unsqueeze(2), columns.to(device).unsqueeze(1)]
    return cropped.permute(0, 3, 1, 2)
