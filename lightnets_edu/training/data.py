"""From what does it learn? Small image sets that fit in memory whole, and where they come from."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import struct
import urllib.request
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lightnets_edu.training.checks import one_of, whole_number
from lightnets_edu.training.files import atomic_file
from lightnets_edu.training.shapes import DRAWINGS, draw_shapes

SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
DOWNLOAD_TIMEOUT = 20.0  # seconds without an answer before a download is given up
SPLITS = ("train", "test")


class DatasetError(ValueError):
    """A data set cannot be had, or a file of it is not what it should be."""


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, for pixels scaled to 0 … 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """A labelled image set, held whole in memory.

    Attributes:
        images: uint8 [N, C, H, W].
        labels: int64 [N], indices into ``class_names``.
        class_names: One name a class.
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

    def first(self, limit: int | None) -> ImageDataset:
        """The first ``limit`` images (all of them if it is None).

        Raises:
            ValueError: If there are fewer.
        """
        if limit is None:
            return self
        limit = whole_number("limit", limit, 1, len(self), why=f" (the images of this {self.split} split)")
        return replace(self, images=self.images[:limit], labels=self.labels[:limit])

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

    def describe(self) -> dict[str, Any]:
        """What a recorded run says about this set."""
        return {
            "name": self.name,
            "split": self.split,
            "images": len(self),
            "source": self.source,
            "is_real": self.is_real,
            "fingerprint": self.fingerprint(),
        }


# --- Fashion-MNIST ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _IdxFile:
    """A file of the set: name, shape of its array, SHA-256 of its content when unpacked."""

    name: str
    shape: tuple[int, ...]
    sha256: str


# The digests are of the unpacked content: the same images are in circulation packed in more than one way
# (Debian leaves the file name and the time out of the gzip header, so its packed files have other digests
# than the original ones).
_FASHION_MNIST = {
    "train": (
        _IdxFile(
            "train-images-idx3-ubyte",
            (60000, 28, 28),
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        _IdxFile(
            "train-labels-idx1-ubyte",
            (60000,),
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
    ),
    "test": (
        _IdxFile(
            "t10k-images-idx3-ubyte",
            (10000, 28, 28),
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        _IdxFile(
            "t10k-labels-idx1-ubyte",
            (10000,),
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
}
FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def load_fashion_mnist(
    split: str = "train", limit: int | None = None, *, allow_procedural: bool = True
) -> ImageDataset:
    """Load Fashion-MNIST: 28 × 28 grey images of ten kinds of clothes.

    Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747. The places looked at, in this order: the folder that the
    environment variable LIGHTNETS_DATA names, the user's cache, Debian's system copy, and a download (kept in
    the cache). Every file is checked against a SHA-256.

    Args:
        split: ``"train"`` (60,000 images) or ``"test"`` (10,000).
        limit: Take only the first so many images. The order of the set is already random.
        allow_procedural: With no copy and no network, return ``make_shapes`` images instead. ``source`` then
            says so and ``is_real`` is False. Pass False where only the real set will do.

    Returns:
        The data set, images uint8 [N, 1, 28, 28].

    Raises:
        ValueError: If ``split`` or ``limit`` is not allowed.
        DatasetError: If a file found is corrupt, if LIGHTNETS_DATA names no folder, or if there is no real
            copy and ``allow_procedural`` is False.
    """
    one_of("split", split, SPLITS)
    files = _FASHION_MNIST[split]
    size = files[0].shape[0]
    if limit is not None:
        limit = whole_number("limit", limit, 1, size, why=f" (the images of the {split} split)")
    for folder, source in _folders():
        if all(os.path.isfile(folder / f"{file.name}.gz") for file in files):
            arrays = [_read_file(folder / f"{file.name}.gz", file) for file in files]
            return _fashion_mnist(arrays, source, split).first(limit)
    try:
        arrays, kept = _download(files)
    except (OSError, DatasetError) as error:
        reason = f"no copy of Fashion-MNIST was found and the download failed ({one_line(error)})"
        if not allow_procedural:
            raise DatasetError(
                f"Fashion-MNIST cannot be had: {reason}. Connect to a network, or put its four .gz files "
                "into a folder and name that folder in the environment variable LIGHTNETS_DATA."
            ) from error
        count = limit or (10_000 if split == "train" else 2_000)
        return _stand_in(count, split, f"procedural shapes made by lightnets_edu because {reason}")
    source = f"Fashion-MNIST, downloaded now from the address that torchvision lists{kept}"
    return _fashion_mnist(arrays, source, split).first(limit)


def _fashion_mnist(arrays: list[np.ndarray], source: str, split: str) -> ImageDataset:
    images, labels = (torch.from_numpy(array) for array in arrays)
    return ImageDataset(
        images.unsqueeze(1),
        labels.long(),
        FASHION_MNIST_CLASSES,
        "fashion_mnist",
        source,
        is_real=True,
        split=split,
    )


def _folders() -> list[tuple[Path, str]]:
    """Folders that may hold the files, with the sentence for the page, which names no path of the user's."""
    folders = []
    named = os.environ.get("LIGHTNETS_DATA")
    if named:
        if not os.path.isdir(named):
            raise DatasetError(
                f"the environment variable LIGHTNETS_DATA names {named!r}, which is no folder that can be "
                "read: make it, correct the name, or unset the variable."
            )
        source = "Fashion-MNIST, copy in the folder that LIGHTNETS_DATA names"
        # The third is where torchvision.datasets.FashionMNIST(root) puts the files.
        folders += [(Path(named, below), source) for below in (".", "fashion-mnist", "FashionMNIST/raw")]
    cache = cache_folder()
    if cache is not None:
        folders.append((cache / "fashion-mnist", "Fashion-MNIST, cached copy of an earlier download"))
    folders.append((SYSTEM_FOLDER, "Fashion-MNIST, from Debian's package dataset-fashion-mnist"))
    return folders


def cache_folder() -> Path | None:
    """The package's folder in the user's cache; None if the user has no home folder. It need not exist."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(root):  # the XDG rules say that a relative one is to be ignored
        return Path(root, "lightnets_edu")
    try:
        return Path.home() / ".cache" / "lightnets_edu"
    except RuntimeError:
        return None


def _download(files: tuple[_IdxFile, ...]) -> tuple[list[np.ndarray], str]:
    """Fetch and check the files, then keep them in the cache if it can be written.

    Returns:
        The arrays, and a clause for the source sentence: empty if the files were kept.
    """
    packed = [_fetch(f"{file.name}.gz") for file in files]
    arrays = [
        _unpack(content, file, f"the download of {file.name}.gz") for content, file in zip(packed, files, strict=True)
    ]
    cache = cache_folder()
    try:
        if cache is None:
            raise OSError("there is no home folder")
        for content, file in zip(packed, files, strict=True):
            with atomic_file(cache / "fashion-mnist" / f"{file.name}.gz") as handle:
                handle.write(content)
    except OSError as error:
        cause = error.strerror or str(error)
        clause = f"not kept because the cache cannot be written ({cause}); XDG_CACHE_HOME can name another folder"
        return arrays, f", {clause}"
    return arrays, ""


def _fetch(name: str) -> bytes:
    """Fetch one packed file from the first address of torchvision's that answers.

    torchvision's own download waits for a silent network without limit, hence the timeout here.
    """
    from torchvision.datasets import FashionMNIST

    problem = OSError("torchvision lists no address")
    for mirror in FashionMNIST.mirrors:
        try:
            with urllib.request.urlopen(mirror + name, timeout=DOWNLOAD_TIMEOUT) as response:
                return response.read()
        except OSError as error:  # URLError and timeouts are OSErrors
            problem = error
        except http.client.HTTPException as error:  # the connection broke off, or no web server answered
            problem = OSError(f"{type(error).__name__}: {error}")
    raise problem


def one_line(error: Exception) -> str:
    """What an error says, as a clause."""
    return " ".join(str(getattr(error, "reason", error)).split()).rstrip(".") or type(error).__name__


def _read_file(path: Path, file: _IdxFile) -> np.ndarray:
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}): check its permissions.") from error
    return _unpack(packed, file, str(path))


def _unpack(packed: bytes, file: _IdxFile, where: str) -> np.ndarray:
    """Unpack, check and parse one file.

    Raises:
        DatasetError: If anything about it is wrong.
    """
    advice = "Delete it and get a fresh copy."
    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{where} is corrupt: it cannot be unpacked ({error}). {advice}") from error
    try:
        array = parse_idx(content)
    except ValueError as error:
        raise DatasetError(f"{where} is corrupt: {error} {advice}") from error
    if array.shape != file.shape:
        raise DatasetError(f"{where} has the shape {array.shape}, but {file.name} must have {file.shape}. {advice}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise DatasetError(
            f"{where} is corrupt: the SHA-256 of its content is {digest[:12]}…, but {file.name} has "
            f"{file.sha256[:12]}…. {advice}"
        )
    return array


def parse_idx(content: bytes) -> np.ndarray:
    """Parse the idx format of MNIST (LeCun, Cortes, Burges): a tiny header, then bytes in row-major order.

    The header is two zero bytes, a type code (8 for unsigned bytes, the only one used here), the number of
    dimensions, and each dimension's size as four bytes, the most significant first.

    Args:
        content: The unpacked file.

    Returns:
        A writable uint8 array of the shape that the header gives.

    Raises:
        ValueError: If the magic number is wrong, or the length is not what the header says.
    """
    if len(content) < 4 or content[:3] != b"\x00\x00\x08" or content[3] == 0:
        raise ValueError(
            f"it begins with {content[:4].hex(' ') or 'nothing'}, but an idx file of bytes begins with 00 00 "
            "08 and the number of dimensions."
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError(f"it ends after {len(content)} bytes, within its header of {start}.")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    expected = start + int(np.prod(shape, dtype=object))
    if len(content) != expected:
        raise ValueError(f"it has {len(content)} bytes, but its header, with sizes {shape}, promises {expected}.")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape).copy()


# --- Shapes -------------------------------------------------------------------------------------------------


def make_shapes(count: int, seed: int, image_size: int = 28, *, split: str = "train") -> ImageDataset:
    """Ten classes of drawn shapes: a data set that needs no file and no network.

    Args:
        count: Number of images N.
        seed: Seed of every random choice; take different ones for training and test.
        image_size: Height and width in pixels, at least 12.
        split: What the images are for, ``"train"`` or ``"test"``.

    Returns:
        The data set, images uint8 [N, 1, image_size, image_size], the classes as even as ``count`` allows.

    Raises:
        ValueError: If an argument is not allowed.
    """
    images, labels = draw_shapes(count, seed, image_size)
    source = f"procedural shapes made by lightnets_edu from seed {seed}"
    return ImageDataset(images, labels, tuple(DRAWINGS), "shapes", source, is_real=False, split=split)


def _stand_in(count: int, split: str, source: str) -> ImageDataset:
    return replace(make_shapes(count, SPLITS.index(split), split=split), source=source)


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
