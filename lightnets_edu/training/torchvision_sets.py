"""Data sets that torchvision fetches, checks against its checksums, and reads: CIFAR-10 and Imagenette."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import torch

from lightnets_edu.checks import one_of, whole_number
from lightnets_edu.training.data import SPLITS, DatasetError, ImageDataset
from lightnets_edu.training.folders import FolderDataset, scan
from lightnets_edu.training.places import DOWNLOAD_TIMEOUT, cache_folder, named_folder, one_line

_CIFAR10_SIZES = {"train": 50_000, "test": 10_000}
_IMAGENETTE_SIZE = "320px"  # the short side: enough for crops of 224 out of 256, and a quarter of the full set's bytes


def load_cifar10(split: str = "train", limit: int | None = None) -> ImageDataset:
    """Load CIFAR-10: 32 × 32 colour images of ten kinds of things (Krizhevsky 2009).

    The places looked at, in this order: the folder that the environment variable LIGHTNETS_DATA names, the user's
    cache, and a download by torchvision (170 MB, kept in the cache). torchvision checks every file's MD5.

    Args:
        split: ``"train"`` (50,000 images) or ``"test"`` (10,000).
        limit: Take only the first so many images. The order of the set is already random.

    Returns:
        The data set, images uint8 [N, 3, 32, 32].

    Raises:
        ValueError: If ``split`` or ``limit`` is not allowed.
        DatasetError: If a copy is incomplete or corrupt, or there is none and the download fails.
    """
    from torchvision.datasets import CIFAR10

    one_of("split", split, SPLITS)
    if limit is not None:
        limit = whole_number("limit", limit, 1, _CIFAR10_SIZES[split], why=f" (the images of the {split} split)")
    root, source = _place("CIFAR-10", "cifar10", CIFAR10.base_folder, lambda folder: CIFAR10(folder, download=True))
    try:
        found = CIFAR10(root, train=split == "train")
    except (RuntimeError, OSError, EOFError) as error:
        raise DatasetError(
            f"{str(root / CIFAR10.base_folder)!r} is incomplete or corrupt ({one_line(error)}): "
            "delete it and get a fresh copy."
        ) from error
    images = torch.from_numpy(found.data).permute(0, 3, 1, 2).contiguous()  # [N, H, W, C] -> [N, C, H, W]
    labels = torch.tensor(found.targets, dtype=torch.int64)
    names = tuple(found.classes)
    return ImageDataset(images, labels, names, "cifar10", source, is_real=True, split=split).first(limit)


def load_imagenette(split: str = "train", limit: int | None = None) -> FolderDataset:
    """Load Imagenette: ten easy classes of ImageNet, 9,469 images for training and 3,925 for the test (Howard 2019).

    The places looked at are those of ``load_cifar10``; the download has 340 MB and images of 320 pixels.

    Args:
        split: ``"train"`` or ``"test"``.
        limit: Take only so many images, drawn at random, always the same ones.

    Raises:
        ValueError: If ``split`` or ``limit`` is not allowed.
        DatasetError: If a copy is incomplete or corrupt, or there is none and the download fails.
    """
    from torchvision.datasets import Imagenette

    one_of("split", split, SPLITS)

    def fetch(folder: Path) -> None:
        Imagenette(folder, size=_IMAGENETTE_SIZE, download=True)
        for archive in folder.glob("*.tgz"):  # unpacked and no longer needed
            archive.unlink()

    name = "imagenette2-320"
    root, source = _place("Imagenette", "imagenette", name, fetch)
    images = root / name / ("train" if split == "train" else "val")
    if not images.is_dir():
        raise DatasetError(f"{str(root / name)!r} has no folder {images.name!r}: delete it and get a fresh copy.")

    def class_name(folder: str) -> str:
        return Imagenette._WNID_TO_CLASS.get(folder, (folder,))[0]

    return scan(images, "imagenette", source, split, class_name).first(limit)


def _place(title: str, name: str, content: str, fetch: Callable[[Path], object]) -> tuple[Path, str]:
    """The folder that holds a set's own folder ``content``, fetched if there is none; and the sentence for the page.

    Raises:
        DatasetError: If it is nowhere and cannot be fetched.
    """
    if named := named_folder():
        for folder in (named, named / name):
            if (folder / content).is_dir():
                return folder, f"{title}, copy in the folder that LIGHTNETS_DATA names"
    cache = cache_folder()
    if cache is not None and (cache / name / content).is_dir():
        return cache / name, f"{title}, cached copy of an earlier download"
    try:
        if cache is None:
            raise OSError("there is no home folder to keep it in; XDG_CACHE_HOME can name another")
        _fetch_whole(cache / name, fetch)
    except (OSError, RuntimeError) as error:
        raise DatasetError(
            f"{title} cannot be had: no copy was found and the download failed ({one_line(error)}). Connect to a "
            f"network, or put its folder {content!r} into a folder and name that one in the environment variable "
            "LIGHTNETS_DATA."
        ) from error
    return cache / name, f"{title}, downloaded now from the address that torchvision lists"


def _fetch_whole(folder: Path, fetch: Callable[[Path], object]) -> None:
    """Fill a folder that appears under its name only when it is complete."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # torchvision waits for a silent network without limit
    try:
        temporary.mkdir(parents=True)
        fetch(temporary)
        os.replace(temporary, folder)
    finally:
        socket.setdefaulttimeout(before)
        shutil.rmtree(temporary, ignore_errors=True)
