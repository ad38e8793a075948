"""Image sets that are too large for memory: files in folders, one folder for each class."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from lightnets_edu.checks import one_of, whole_number
from lightnets_edu.training.batches import Order, SetBatches, mixed_seed
from lightnets_edu.training.data import SPLITS, DatasetError, LabelledImages, Normalisation
from lightnets_edu.training.pictures import find_pictures, picture_size, read_picture

# Of ImageNet's training images; the numbers that torchvision's recipes and weights use.
IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
RESIZE = 256 / 224  # the short side before the central crop, as a multiple of the crop's side


@dataclass(frozen=True, eq=False)
class FolderDataset(LabelledImages):
    """A labelled image set whose files are read when their batch comes.

    Attributes:
        root: The folder that holds the files.
        files: (path below ``root``, size in bytes, label) of each image. Their order is random, and always the same.
        class_names: The name of each class.
        name: Short name, such as ``imagenette``.
        source: Where this copy came from, as a clause for the page; it names no path.
        split: ``train`` or ``test``.
        is_real: Always true here: nothing was drawn by this package.
    """

    root: Path
    files: tuple[tuple[str, int, int], ...]
    class_names: tuple[str, ...]
    name: str
    source: str
    split: str
    is_real: bool = True

    def __len__(self) -> int:
        """The number of images."""
        return len(self.files)

    def _cut(self, count: int) -> Self:
        return replace(self, files=self.files[:count])

    def normalisation(self) -> Normalisation:
        """ImageNet's statistics, whatever the images: the weights of this book's networks expect them."""
        return IMAGENET

    def fingerprint(self) -> str:
        """A checksum of the files' names, sizes and labels (CRC-32, hexadecimal). Their content is not read."""
        listing = "".join(f"{path}\0{size}\0{label}\n" for path, size, label in self.files)
        return f"{zlib.crc32(listing.encode(errors='surrogateescape')):08x}"


def load_image_folder(folder: str | os.PathLike, split: str = "train", limit: int | None = None) -> FolderDataset:
    """Images of your own: ``FOLDER/train/CLASS/*.jpg`` and ``FOLDER/val/CLASS/*.jpg`` (or ``test``), as for ImageNet.

    Which files are found: see ``pictures.find_pictures``. Which kinds of images are read, and how: see
    ``pictures.read_picture``.

    Args:
        folder: The folder.
        split: ``"train"`` or ``"test"``; the folder of the latter may be called ``val``.
        limit: Take only so many images, drawn at random, always the same ones.

    Raises:
        ValueError: If ``split`` or ``limit`` is not allowed.
        DatasetError: If a folder is missing or cannot be listed, a file has no bytes, a link leads nowhere, a class has
            no image, or there are fewer than two classes.
    """
    one_of("split", split, SPLITS)
    folder = Path(folder).expanduser()
    names = ("train",) if split == "train" else ("val", "test")
    found = [name for name in names if (folder / name).is_dir()]
    if not found:
        wanted = " or ".join(f"'{name}'" for name in names)
        raise DatasetError(
            f"{str(folder)!r} has no folder {wanted}: an image folder holds 'train' and 'val', and in each "
            "one folder a class, with its images."
        )
    source = f"images in {found[0]}/ of a folder of the user's"
    return scan(folder / found[0], "imagefolder", source, split).first(limit)


def scan(
    root: Path, name: str, source: str, split: str, class_names: Callable[[str], str] = lambda folder: folder
) -> FolderDataset:
    """List the images below a folder of class folders.

    Args:
        root: The folder.
        name: The set's short name.
        source: Where this copy came from, as a clause for the page.
        split: ``train`` or ``test``.
        class_names: Gives the name of a class from that of its folder.

    Raises:
        DatasetError: See ``load_image_folder``.
    """
    from torchvision.datasets.folder import IMG_EXTENSIONS

    classes = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    if len(classes) < 2:
        raise DatasetError(
            f"{str(root)!r} has {len(classes)} class folder{'' if len(classes) == 1 else 's'}: to tell classes apart, "
            "at least 2 are needed, each a folder with its images."
        )
    files: list[tuple[str, int, int]] = []
    for label, folder in enumerate(classes):
        images = find_pictures(root, root / folder, IMG_EXTENSIONS)
        if not images:
            raise DatasetError(
                f"{str(root / folder)!r} holds no image: put some there or remove the folder. "
                f"Known endings are {', '.join(IMG_EXTENSIONS)}."
            )
        files += [(path.relative_to(root).as_posix(), picture_size(path), label) for path in images]
    order = torch.randperm(len(files), generator=torch.Generator().manual_seed(0)).tolist()
    shuffled = tuple(files[index] for index in order)
    return FolderDataset(root, shuffled, tuple(map(class_names, classes)), name, source, split)


class FolderBatches(SetBatches):
    """Batches of normalised images, read and cropped by worker processes, normalised on the device.

    For training, torchvision's standard: a random part of the image, resized, mirrored one time in two (Szegedy et al.
    2015, arXiv:1409.4842, section 6). For the test: resized, and the central square. Order and augmentation depend on
    ``seed``, epoch and image alone, not on the number of workers, so a resumed run sees the batches that the
    interrupted one would have seen.
    """

    def __init__(
        self,
        dataset: FolderDataset,
        batch_size: int,
        device: torch.device,
        *,
        shuffle: bool = False,
        seed: int = 0,
        image_size: int = 224,
        channels: int = 3,
        augment: bool = False,
        normalisation: Normalisation | None = None,
        channels_last: bool = False,
        part: tuple[int, int] = (0, 1),
        workers: int = 0,
    ) -> None:
        """Prepare the batches; arguments that are not named here are as for ``Batches``.

        Args:
            dataset: The images.
            image_size: Side of the crops, in pixels.
            channels: 3; grey images are read as such.
            augment: Random crops and mirror images; without it the central crop.
            normalisation: Statistics to normalise with; by default ImageNet's.
            workers: Processes that read images; 0 reads them here.

        Raises:
            ValueError: If an argument is not allowed.
        """
        one_of("channels", channels, (3,))
        order = Order(len(dataset), batch_size, shuffle, seed, part)
        super().__init__(dataset, device, order, normalisation, channels_last)
        self._workers = whole_number("workers", workers, 0)
        self._sampler = _EpochSampler(self.order)
        transform = _transform(whole_number("image_size", image_size, 1), augment)
        self._files = _Files(dataset, transform, self.order.seed)
        self._loader = self._new_loader()

    def _new_loader(self) -> DataLoader:
        return DataLoader(
            self._files,
            batch_sampler=self._sampler,
            num_workers=self._workers,
            persistent_workers=self._workers > 0,
            pin_memory=self.device.type == "cuda",
        )

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, as for ``SetBatches``.

        Raises:
            DatasetError: If a file is no image that can be read.
        """
        self._sampler.epoch = number
        try:
            for images, labels in self._loader:
                images = self.normalised(images.to(self.device, non_blocking=True), channels=3)
                yield images, labels.to(self.device, non_blocking=True)
        except DatasetError as error:
            # From a worker comes the whole traceback as text; its last line is the sentence.
            problem = str(error).strip().splitlines()[-1].rpartition("DatasetError: ")[2]
            # The workers end with their loader, which the frames of the old error would keep alive.
            error.__traceback__ = None
            self._loader = self._new_loader()
            raise DatasetError(problem) from None


class _EpochSampler(Sampler):
    """Batches of (epoch, index): the workers learn the epoch with each image."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for chosen in self.order.epoch(self.epoch):
            yield [(self.epoch, int(index)) for index in chosen]


class _Files(Dataset):
    """Images as uint8 [3, H, W]: a quarter of the bytes to hand over, and normalising is quick on the device."""

    def __init__(self, dataset: FolderDataset, transform: Callable[[object], Tensor], seed: int) -> None:
        self.dataset, self.transform, self.seed = dataset, transform, seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: tuple[int, int]) -> tuple[Tensor, int]:
        epoch, index = place
        path, _, label = self.dataset.files[index]
        image = read_picture(self.dataset.root / path)
        with torch.random.fork_rng(devices=[]):  # torchvision's transforms draw from the global generator
            torch.default_generator.manual_seed(mixed_seed(self.seed, epoch, index))
            return self.transform(image), label


def _transform(side: int, augment: bool) -> Callable[[object], Tensor]:
    from torchvision import transforms

    if augment:
        steps = [transforms.RandomResizedCrop(side), transforms.RandomHorizontalFlip()]
    else:
        steps = [transforms.Resize(round(side * RESIZE)), transforms.CenterCrop(side)]
    return transforms.Compose([*steps, transforms.PILToTensor()])
