"""Fashion-MNIST: 28 × 28 grey images of ten kinds of clothes (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747).

The package carries the first 8,000 training and 2,000 test images, so that everybody has the same ones without asking
anyone. The full set is looked for in four places. Every file is checked against the SHA-256 of its content.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import lzma
import os
import struct
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lightnets_edu.checks import one_of, whole_number
from lightnets_edu.runtime.files import atomic_file
from lightnets_edu.training.data import SPLITS, DatasetError, ImageDataset
from lightnets_edu.training.places import DOWNLOAD_TIMEOUT, cache_folder, named_folder, one_line

SHIPPED_FOLDER = Path(__file__).with_name("fashion_mnist_images")
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
CLASSES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@dataclass(frozen=True)
class IdxFile:
    """A file of the set: name, shape of its array, SHA-256 of its content when unpacked."""

    name: str
    shape: tuple[int, ...]
    sha256: str


def _images(split: str, count: int, sha256: str) -> IdxFile:
    return IdxFile(f"{split}-images-idx3-ubyte", (count, 28, 28), sha256)


def _labels(split: str, count: int, sha256: str) -> IdxFile:
    return IdxFile(f"{split}-labels-idx1-ubyte", (count,), sha256)


# The digests are of the unpacked content: the same images are in circulation packed in more than one way (Debian leaves
# the file name and the time out of the gzip header, so its packed files have other digests than the original ones).
FULL = {
    "train": (
        _images("train", 60_000, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        _labels("train", 60_000, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    ),
    "test": (
        _images("t10k", 10_000, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        _labels("t10k", 10_000, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    ),
}
# The first images of each file, which come with the package, packed by xz (written by ship_fashion_mnist.py).
SHIPPED = {
    "train": (
        _images("train", 8_000, "9ddac0dec83f58be1469bae68ccc841e9397247fc68ccee036d7fbdc71da3fa8"),
        _labels("train", 8_000, "e37df6ecdd9dd86f8dc00c05dc24dbbc5ac9aa591c3b389d170f9c824c41a6b6"),
    ),
    "test": (
        _images("t10k", 2_000, "862035b0a96959b614c9574f4c2b0ae9584ca234813e8d6d7adb7838b12ca46b"),
        _labels("t10k", 2_000, "aa3f574d30afaf0d4d9da084a6f8541771e20693d6a97fae6e9a4953fca8f078"),
    ),
}


def load_fashion_mnist(split: str = "train", limit: int | None = None) -> ImageDataset:
    """Load Fashion-MNIST: 28 × 28 grey images of ten kinds of clothes.

    Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747. The first 8,000 training and 2,000 test images come with the package
    and need neither a network nor a download. If more are asked for, the full set is looked for in this order: the
    folder that the environment variable LIGHTNETS_DATA names, the user's cache, Debian's system copy, and a download
    (kept in the cache). Whatever is read is checked against a SHA-256.

    Args:
        split: ``"train"`` (8,000 images with the package, 60,000 in the full set) or ``"test"`` (2,000 and 10,000).
        limit: Take the first so many images. The order of the set is already random. None: those that come with the
            package.

    Returns:
        The data set, images uint8 [N, 1, 28, 28].

    Raises:
        ValueError: If ``split`` or ``limit`` is not allowed.
        DatasetError: If a file found is corrupt, or if more images are asked for than come with the package and the
            full set cannot be had; the sentence says where it can be had.
    """
    one_of("split", split, SPLITS)
    shipped, full = len_of(SHIPPED[split]), len_of(FULL[split])
    if limit is None:
        limit = shipped
    limit = whole_number("limit", limit, 1, full, why=f" (the images of the {split} split)")
    if limit <= shipped:
        arrays = [_read(SHIPPED_FOLDER / f"{file.name}.xz", file) for file in SHIPPED[split]]
        source = "Fashion-MNIST, the first images of the set, which come with lightnets_edu"
    else:
        arrays, source = _full_set(split, limit)
    images, labels = (torch.from_numpy(array) for array in arrays)
    dataset = ImageDataset(
        images.unsqueeze(1), labels.long(), CLASSES, "fashion_mnist", source, is_real=True, split=split
    )
    return dataset.first(limit)


def load_full_fashion_mnist(split: str = "train", limit: int | None = None) -> ImageDataset:
    """Load Fashion-MNIST with all its images, 60,000 for training and 10,000 for the test.

    As ``load_fashion_mnist``, but None as ``limit`` means all images of the full set.
    """
    one_of("split", split, SPLITS)
    return load_fashion_mnist(split, len_of(FULL[split]) if limit is None else limit)


def len_of(files: tuple[IdxFile, ...]) -> int:
    """The number of images in a split's files."""
    return files[0].shape[0]


def _full_set(split: str, limit: int) -> tuple[list[np.ndarray], str]:
    """Images and labels of a full split from the first place that has it, and the sentence for the page."""
    files = FULL[split]
    for folder, source in _folders():
        if all(os.path.isfile(folder / f"{file.name}.gz") for file in files):
            return [_read(folder / f"{file.name}.gz", file) for file in files], source
    try:
        arrays, kept = _download(files)
    except (OSError, DatasetError) as error:
        raise DatasetError(
            f"limit={limit:,} needs the full Fashion-MNIST, for {len_of(SHIPPED[split]):,} images of the {split} split "
            f"come with lightnets_edu; no copy was found and the download failed ({one_line(error)}). Take fewer "
            "images, connect to a network, install Debian's package dataset-fashion-mnist, or put the set's four .gz "
            "files into a folder and name that folder in the environment variable LIGHTNETS_DATA."
        ) from error
    return arrays, f"Fashion-MNIST, downloaded now from the address that torchvision lists{kept}"


def _folders() -> list[tuple[Path, str]]:
    """Folders that may hold the files, with the sentence for the page, which names no path of the user's."""
    folders = []
    if named := named_folder():
        source = "Fashion-MNIST, copy in the folder that LIGHTNETS_DATA names"
        # The third is where torchvision.datasets.FashionMNIST(root) puts the files.
        folders += [(named / below, source) for below in (".", "fashion-mnist", "FashionMNIST/raw")]
    if cache := cache_folder():
        folders.append((cache / "fashion-mnist", "Fashion-MNIST, cached copy of an earlier download"))
    folders.append((SYSTEM_FOLDER, "Fashion-MNIST, from Debian's package dataset-fashion-mnist"))
    return folders


def _download(files: tuple[IdxFile, ...]) -> tuple[list[np.ndarray], str]:
    """Fetch and check the files, then keep them in the cache if it can be written.

    Returns:
        The arrays, and a clause for the source sentence: empty if the files were kept.
    """
    packed = [_fetch(f"{file.name}.gz") for file in files]
    fetched = list(zip(packed, files, strict=True))
    arrays = [_unpack(content, file, f"the download of {file.name}.gz") for content, file in fetched]
    cache = cache_folder()
    try:
        if cache is None:
            raise OSError("there is no home folder")
        for content, file in fetched:
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


def _read(path: Path, file: IdxFile) -> np.ndarray:
    """Read and check one packed file.

    Raises:
        DatasetError: If it cannot be read, or anything about it is wrong.
    """
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}): check its permissions.") from error
    return _unpack(packed, file, str(path))


def _unpack(packed: bytes, file: IdxFile, where: str) -> np.ndarray:
    """The array of a packed file: by xz, as the package carries it, or by gzip, as it circulates.

    Raises:
        DatasetError: If anything about it is wrong; the sentence begins with ``where`` and ends with what to do.
    """
    shipped = where.endswith(".xz")
    advice = "Install lightnets_edu again." if shipped else "Delete it and get a fresh copy."
    try:
        content = lzma.decompress(packed) if shipped else gzip.decompress(packed)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
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


def format_idx(array: np.ndarray) -> bytes:
    """The idx file of a uint8 array: what ``parse_idx`` reads."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
