"""One image file as 8-bit colours: formats of more bits keep their contrast, or are refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lightnets_edu.training.data import DatasetError

# TIFF 6.0 (Adobe 1992), section 8: the tags that say what the numbers of a grey image mean.
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0
_NO_RANGE = {"I": "whole numbers of 32 bits or with a sign", "F": "floating-point numbers"}
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


def find_pictures(root: Path, folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The image files below a folder, in order; as torchvision's ``ImageFolder``, links to files and folders count.

    A link that leads back to a folder in which it lies (or to ``root``) would never end and is left out: the images
    there are found without it.

    Args:
        root: The folder of all classes, which ends the search upwards.
        folder: The folder of one class.
        endings: Of the names of images, in small letters.

    Raises:
        DatasetError: If a folder cannot be listed.
    """

    def below(here: Path, above: frozenset[str]) -> Iterator[Path]:
        real = os.path.realpath(here)
        if real in above:
            return
        try:
            with os.scandir(here) as listed:
                entries = [(here / entry.name, os.path.isdir(entry)) for entry in listed]
        except OSError as error:
            raise DatasetError(f"{str(here)!r} cannot be listed ({error.strerror}).") from error
        for path, is_folder in entries:
            if is_folder:
                yield from below(path, above | {real})
            elif path.suffix.lower() in endings:
                yield path

    return sorted(below(folder, frozenset([os.path.realpath(root)])))


def picture_size(path: Path) -> int:
    """The size of an image file in bytes.

    Raises:
        DatasetError: If it is empty, no file, or a link to a file that is not there.
    """
    try:
        found = path.stat()
    except OSError as error:
        link = "is a link that leads to no file" if path.is_symlink() else "cannot be read"
        raise DatasetError(f"{str(path)!r} {link} ({error.strerror}): delete it or replace it.") from error
    if not stat.S_ISREG(found.st_mode):
        raise DatasetError(f"{str(path)!r} is no file: images are files, so move it elsewhere.")
    if found.st_size == 0:
        raise DatasetError(f"{str(path)!r} is empty: delete the file or get a fresh copy.")
    return found.st_size


def read_picture(path: Path) -> Any:
    """Read an image file as Pillow's RGB, 8 bits a channel.

    Grey images of 16 bits are scaled by 257, which takes 65535 to 255 (of a TIFF of 12 bits, 4095). As torchvision's
    ``ImageFolder`` does it, transparency is dropped and the colours under it are taken.

    Raises:
        DatasetError: If the file is no image that can be read, or its numbers have no agreed range (whole numbers of
            32 bits or with a sign, floating-point numbers), or all that it shows is in its transparency.
    """
    from PIL import Image

    try:
        image: Any
        with Image.open(path) as image:
            image.load()
            top = _top(image)
            if top is not None:
                inverted = image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
                return Image.fromarray(_eight_bits(image, top, inverted)).convert("RGB")
            if image.mode not in _NO_RANGE:
                return _without_transparency(image)
            kind = f"{_NO_RANGE[image.mode]} (Pillow's mode {image.mode!r})"
    except Exception as error:  # Pillow raises many kinds for files that are broken in many ways
        reason = " ".join(str(error).split()).replace(repr(str(path)), "it")
        raise DatasetError(f"{str(path)!r} cannot be read as an image ({reason}): delete it or replace it.") from error
    raise DatasetError(
        f"{str(path)!r} holds {kind}, which have no agreed black and white: "
        "scale it yourself and save it with 8 or 16 bits a channel."
    )


def _top(image: Any) -> int | None:
    """The largest number of a grey image's range, if the format settles it and it is more than 255; otherwise None."""
    if image.mode in _SIXTEEN_BITS:
        bits = image.tag_v2.get(_BITS_PER_SAMPLE, (16,))[0] if image.format == "TIFF" else 16
        return 2**bits - 1
    # Here Pillow's 32-bit mode holds 16-bit numbers: PPM is scaled to them, and PNG, which older versions open so,
    # has no more.
    return 65535 if image.mode == "I" and image.format in ("PNG", "PPM") else None


def _eight_bits(image: Any, top: int, inverted: bool) -> np.ndarray:
    """Numbers from 0 to ``top`` as uint8 [H, W], rounded to the nearest."""
    values = np.asarray(image).astype(np.int64).clip(0, top)
    light = (values * 255 + top // 2) // top
    return (255 - light if inverted else light).astype(np.uint8)


def _without_transparency(image: Any) -> Any:
    """An image of 8 bits as RGB.

    Raises:
        ValueError: If its colour is the same everywhere and its transparency is not.
    """
    if image.getbands()[-1] != "A" and "transparency" not in image.info:
        return image.convert("RGB")
    layers = image.convert("RGBA")
    lowest_and_highest = layers.getextrema()
    if all(low == high for low, high in lowest_and_highest[:3]) and len(set(lowest_and_highest[3])) == 2:
        raise ValueError("all that it shows is in its transparency, which is not read")
    return layers.convert("RGB")
