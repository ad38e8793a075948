"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable

from lightnets_edu.checks import one_of
from lightnets_edu.training.data import ImageDataset
from lightnets_edu.training.fashion_mnist import load_fashion_mnist, load_full_fashion_mnist
from lightnets_edu.training.folders import FolderDataset, load_image_folder
from lightnets_edu.training.shapes import load_shapes
from lightnets_edu.training.torchvision_sets import load_cifar10, load_imagenette

_LOADERS: dict[str, Callable[..., ImageDataset | FolderDataset]] = {
    "fashion_mnist": load_fashion_mnist,
    "fashion_mnist_full": load_full_fashion_mnist,
    "cifar10": load_cifar10,
    "imagenette": load_imagenette,
    "shapes": load_shapes,
}
FOLDER_PREFIX = "imagefolder:"


def list_datasets() -> list[str]:
    """The names that ``load_dataset`` knows, beside ``imagefolder:DIR``."""
    return list(_LOADERS)


def load_dataset(name: str, split: str = "train", limit: int | None = None) -> ImageDataset | FolderDataset:
    """Load a data set by name.

    Args:
        name: One of ``list_datasets`` (``fashion-mnist`` is ``fashion_mnist``), or ``imagefolder:DIR`` for images of
            your own, as ``load_image_folder`` wants them.
        split: ``"train"`` or ``"test"``.
        limit: Take only the first so many images.

    Raises:
        ValueError: If the name is unknown or an argument is not allowed.
        DatasetError: If the set cannot be had, or is broken.
    """
    if isinstance(name, str) and name.startswith(FOLDER_PREFIX):
        return load_image_folder(name.removeprefix(FOLDER_PREFIX), split, limit)
    known = str(name).replace("-", "_")
    if known not in _LOADERS:
        one_of("data set", name, [*_LOADERS, f"{FOLDER_PREFIX}DIR"])
    return _LOADERS[known](split, limit)


def default_image_size(name: str) -> int:
    """Side of the images that a network is trained on with a data set, unless told otherwise, in pixels."""
    return 224 if name == "imagenette" or name.startswith(FOLDER_PREFIX) else 32
