"""Image files of every kind: the pixels that Pillow and NumPy say, or a sentence that names the file."""

from __future__ import annotations

import multiprocessing
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from lightnets_edu.training import DatasetError, FolderBatches, load_image_folder
from lightnets_edu.training.pictures import read_picture

SIDE = 12
# 16-bit numbers, the ends of the range among them.
DEEP = np.random.default_rng(0).integers(0, 65536, (SIDE, SIDE)).astype(np.uint16)
DEEP[0, :3] = 0, 65535, 32896
COLOURS = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
RGB = Image.fromarray(COLOURS[..., :3])


def pixels(path: Path) -> np.ndarray:
    picture = read_picture(path)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def grey(values: np.ndarray) -> np.ndarray:
    """Levels from 0 to 255 as colours, rounded as NumPy does it."""
    return np.repeat(np.rint(values).astype(np.uint8)[..., None], 3, 2)


def big_endian(path: Path) -> None:
    """Pillow has a mode of its own for it."""
    image = Image.frombytes("I;16B", (SIDE, SIDE), DEEP.astype(">u2").tobytes())
    image.save(path)
    with Image.open(path) as written:
        assert written.mode == "I;16B"


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("deep.png", lambda path: Image.fromarray(DEEP).save(path)),
        ("deep.tif", lambda path: Image.fromarray(DEEP).save(path)),
        ("big_endian.tif", big_endian),
        ("deep.pgm", lambda path: path.write_bytes(b"P5 12 12 65535\n" + DEEP.astype(">u2").tobytes())),
    ],
)
def test_grey_images_of_16_bits_are_divided_by_257(tmp_path, name, save):
    save(tmp_path / name)
    assert np.array_equal(pixels(tmp_path / name), grey(DEEP / 257))


def tiff(path: Path, bits: int, photometric: int, data: bytes, sample_format: int = 1) -> None:
    """A grey TIFF of one strip, written by hand after the TIFF 6.0 specification."""
    entries = [(256, SIDE), (257, SIDE), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, SIDE)]
    entries += [(279, len(data)), (339, sample_format)]
    directory = len(entries).to_bytes(2, "little")
    for tag, value in entries:
        directory += tag.to_bytes(2, "little") + (4).to_bytes(2, "little") + (1).to_bytes(4, "little")
        directory += value.to_bytes(4, "little")
    path.write_bytes(b"II*\0" + (8 + len(data)).to_bytes(4, "little") + data + directory + bytes(4))


def test_a_tiff_of_12_bits_and_one_whose_white_is_zero(tmp_path):
    values = DEEP // 16
    pairs = values.reshape(-1, 2).astype(int)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], 1)
    tiff(tmp_path / "twelve.tif", 12, 1, packed.astype(np.uint8).tobytes())
    assert np.array_equal(pixels(tmp_path / "twelve.tif"), grey(values / 4095 * 255))
    tiff(tmp_path / "negative.tif", 16, 0, DEEP.astype("<u2").tobytes())
    assert np.array_equal(pixels(tmp_path / "negative.tif"), 255 - grey(DEEP / 257))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_colours_and_transparency_of_16_bits_keep_their_contrast(tmp_path, colour_type, channels):
    """PNGs written by hand after the specification: Pillow writes none, and reads the upper byte of each number."""
    values = np.random.default_rng(3).integers(0, 65536, (SIDE, SIDE, channels)).astype(">u2")
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path = tmp_path / "deep.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    expected = values[..., :3] / 257 if channels > 2 else np.repeat(values[..., :1] / 257, 3, 2)
    assert np.abs(pixels(path) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK"])
def test_other_modes_are_what_pillow_makes_of_them(tmp_path, mode):
    image = Image.fromarray(COLOURS).convert(mode) if mode == "RGBA" else RGB.convert(mode)
    if mode == "LA":
        image.putalpha(Image.fromarray(COLOURS[..., 3]))
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    image.save(path)
    assert np.array_equal(pixels(path), np.asarray(image.convert("RGB")))


def test_a_palette_with_transparency_keeps_its_colours(tmp_path, recwarn):
    image = RGB.quantize(16)
    for name, transparency in (("bytes", bytes(range(0, 256, 16))), ("index", 3)):
        image.save(tmp_path / f"{name}.png", transparency=transparency)
        assert np.array_equal(pixels(tmp_path / f"{name}.png"), np.asarray(image.convert("RGB")))
    assert len(recwarn) == 0


def save_stencil(path: Path) -> None:
    """Black everywhere; its shape is in the transparency."""
    black = np.zeros_like(COLOURS)
    black[..., 3] = COLOURS[..., 3]
    Image.fromarray(black).save(path)


@pytest.mark.parametrize(
    ("name", "save", "sentence"),
    [
        (
            "whole.tif",
            lambda p: Image.fromarray(DEEP.astype(np.int32)).save(p),
            "whole numbers of 32 bits .*'I'.*8 or 16",
        ),
        ("real.tiff", lambda p: Image.fromarray(DEEP.astype(np.float32)).save(p), "floating-point .*'F'.*8 or 16"),
        ("signed.tif", lambda p: tiff(p, 16, 1, DEEP.tobytes(), sample_format=2), "or with a sign .*'I'"),
        ("stencil.png", save_stencil, "all that it shows is in its transparency"),
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_what_has_no_right_pixels_is_refused_by_name(tmp_path, name, save, sentence, workers):
    for split in ("train", "val"):
        for label in ("ant", "bee"):
            (tmp_path / split / label).mkdir(parents=True)
            RGB.save(tmp_path / split / label / "good.png")
    path = tmp_path / "train" / "ant" / name
    save(path)
    batches = FolderBatches(load_image_folder(tmp_path), 3, torch.device("cpu"), image_size=8, workers=workers)
    with pytest.raises(DatasetError, match=sentence) as caught:
        list(batches)
    assert str(caught.value).startswith(repr(str(path))) and "\n" not in str(caught.value)
    del batches
    assert multiprocessing.active_children() == []


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's, of the TIFF
@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "tif", "webp", "ppm"])
def test_a_file_that_is_cut_off_is_refused_by_name(tmp_path, ending):
    path = tmp_path / f"cut.{ending}"
    Image.fromarray(np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    content = path.read_bytes()
    for keep in (10, len(content) // 2, len(content) * 9 // 10):
        path.write_bytes(content[:keep])
        with pytest.raises(DatasetError, match=r"cut.* cannot be read as an image \(.+\): delete it or replace it"):
            read_picture(path)


# --- Links ----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two classes, and a folder of three images beside them."""
    for split in ("train", "val"):
        for label in ("ant", "bee"):
            (tmp_path / split / label).mkdir(parents=True)
            RGB.save(tmp_path / split / label / "own.png")
    (tmp_path / "far" / "deep").mkdir(parents=True)
    for name in ("1.png", "2.jpg", "deep/3.png"):
        RGB.save(tmp_path / "far" / name)
    return tmp_path


def test_links_to_files_folders_and_whole_classes_count_as_for_torchvision(folder):
    (folder / "train" / "ant" / "more").symlink_to(folder / "far")
    (folder / "train" / "bee" / "again").symlink_to(folder / "far")
    (folder / "train" / "bee" / "one.jpg").symlink_to(folder / "far" / "2.jpg")
    (folder / "train" / "cat").symlink_to(folder / "far")
    (folder / "train" / "bee" / "folder.png").mkdir()  # a folder whose name ends as an image's does
    found = load_image_folder(folder)
    expected = {
        (os.path.relpath(path, folder / "train"), label) for path, label in ImageFolder(folder / "train").samples
    }
    assert {(path, label) for path, _, label in found.files} == expected and len(found) == len(expected) == 12


def test_a_link_that_leads_back_ends(folder):
    before = load_image_folder(folder).files
    (folder / "train" / "ant" / "loop").symlink_to(folder / "train" / "ant")
    (folder / "train" / "ant" / "up").symlink_to(folder / "train")
    (folder / "train" / "bee" / "self").symlink_to("self")
    assert load_image_folder(folder).files == before
    (folder / "far" / "back").symlink_to(folder / "train" / "ant")
    (folder / "train" / "ant" / "more").symlink_to(folder / "far")
    assert len(load_image_folder(folder)) == len(before) + 3


@pytest.mark.parametrize("target", ["nowhere.png", "gone.png"])
def test_a_link_that_leads_nowhere_is_named(folder, target):
    (folder / "train" / "ant" / "gone.png").symlink_to(target)
    with pytest.raises(DatasetError, match=r"gone.png' is a link that leads to no file \(.+\): delete it or replace"):
        load_image_folder(folder)


def test_what_is_no_file_is_named(folder):
    os.mkfifo(folder / "train" / "ant" / "pipe.png")
    with pytest.raises(DatasetError, match=r"pipe.png' is no file"):
        load_image_folder(folder)
