"""CIFAR-10 and Imagenette: torchvision's own classes, on small sets of the right layout, without a network."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR10, Imagenette

from lightnets_edu.training import DatasetError, load_cifar10, load_dataset, load_imagenette

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


class Answer(io.BytesIO):
    """What urlopen returns."""

    def __init__(self, content: bytes, url: str) -> None:
        super().__init__(content)
        self.length, self.url = len(content), url


def serve(monkeypatch, content: bytes) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda request, *_, **__: Answer(content, request.full_url))


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        opened.extractall(folder)  # made above; Debian's Python 3.11.2 knows no filter


# --- CIFAR-10 --------------------------------------------------------------------------------------------

ROWS = np.random.default_rng(0).integers(0, 256, (12, 3072), dtype=np.uint8)  # as in the files: red, green, blue planes
LABELS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]


@pytest.fixture
def cifar(places, monkeypatch) -> bytes:
    """An archive of CIFAR-10's layout with 10 + 2 images, whose checksums torchvision's class then expects."""
    names = [*(f"data_batch_{index}" for index in range(1, 6)), "test_batch"]
    files: dict[str, dict] = {
        name: {"data": ROWS[first : first + 2], "labels": LABELS[first : first + 2]}
        for name, first in zip(names, range(0, 12, 2), strict=True)
    }
    files["batches.meta"] = {"label_names": NAMES}
    contents = {name: pickle.dumps(value) for name, value in files.items()}
    sums = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    archive = packed({f"cifar-10-batches-py/{name}": content for name, content in contents.items()})
    listed = [[name, sums[name]] for name in names]
    monkeypatch.setattr(CIFAR10, "train_list", listed[:5])
    monkeypatch.setattr(CIFAR10, "test_list", listed[5:])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(archive).hexdigest())
    return archive


def check_cifar(split: str, rows: np.ndarray, labels: list[int]) -> str:
    dataset = load_dataset("cifar10", split)
    assert torch.equal(dataset.images, torch.from_numpy(rows).view(-1, 3, 32, 32))
    assert dataset.labels.tolist() == labels and dataset.class_names == tuple(NAMES)
    assert dataset.is_real and dataset.split == split and dataset.name == "cifar10"
    return dataset.source


def test_cifar10_is_fetched_once_and_kept(places, cifar, monkeypatch, capsys):
    serve(monkeypatch, cifar)
    assert "downloaded now" in check_cifar("train", ROWS[:10], LABELS[:10])
    monkeypatch.setattr(urllib.request, "urlopen", None)
    assert "cached copy" in check_cifar("test", ROWS[10:], LABELS[10:])
    assert [path.name for path in (places / "cache" / "lightnets_edu").iterdir()] == ["cifar10"]
    assert load_cifar10("train", 3).images.shape == (3, 3, 32, 32)
    with pytest.raises(ValueError, match=r"limit should be from 1 to 50000 instead of 50001"):
        load_cifar10("train", 50_001)
    with pytest.raises(ValueError, match="split='valid'"):
        load_cifar10("valid")


@pytest.mark.parametrize("below", [".", "cifar10"])
def test_cifar10_in_a_named_folder(places, cifar, monkeypatch, below):
    unpack(cifar, places / "own" / below)
    monkeypatch.setenv("LIGHTNETS_DATA", str(places / "own"))
    assert "LIGHTNETS_DATA" in check_cifar("train", ROWS[:10], LABELS[:10])


@pytest.mark.parametrize("spoil", ["truncated", "absent"])
def test_a_broken_copy_of_cifar10(places, cifar, monkeypatch, spoil):
    unpack(cifar, places / "own")
    monkeypatch.setenv("LIGHTNETS_DATA", str(places / "own"))
    path = places / "own" / "cifar-10-batches-py" / "data_batch_3"
    content = path.read_bytes()
    path.unlink()
    if spoil == "truncated":
        path.write_bytes(content[:100])
    with pytest.raises(DatasetError, match=r"cifar-10-batches-py' is incomplete or corrupt .*: delete it and get"):
        load_cifar10()


@pytest.mark.parametrize("answer", ["silence", "half", "other"])
def test_a_failed_download_leaves_nothing(places, cifar, monkeypatch, answer, capsys):
    if answer != "silence":
        serve(monkeypatch, cifar[: len(cifar) // 2] if answer == "half" else b"<html>not found</html>")
    with pytest.raises(DatasetError, match=r"CIFAR-10 cannot be had: .*download failed .*'cifar-10-batches-py'"):
        load_cifar10()
    cache = places / "cache" / "lightnets_edu"
    assert not cache.exists() or not list(cache.iterdir())


def test_no_home_and_no_such_folder(places, cifar, no_home, monkeypatch):
    with pytest.raises(DatasetError, match="no home folder"):
        load_cifar10()
    monkeypatch.setenv("LIGHTNETS_DATA", str(places / "nowhere"))
    with pytest.raises(DatasetError, match="nowhere', which is no folder"):
        load_cifar10()


# --- Imagenette ------------------------------------------------------------------------------------------


@pytest.fixture
def imagenette(places, monkeypatch) -> bytes:
    """Two of the classes, two images each and split."""
    files = {}
    for split in ("train", "val"):
        for wnid, grey in (("n01440764", 30), ("n03888257", 220)):
            for index in range(2):
                buffer = io.BytesIO()
                Image.new("RGB", (20, 24), (grey, grey, index)).save(buffer, "jpeg")
                files[f"imagenette2-320/{split}/{wnid}/{split}_{index}.JPEG"] = buffer.getvalue()
    archive = packed(files)
    url, _ = Imagenette._ARCHIVES["320px"]
    monkeypatch.setitem(Imagenette._ARCHIVES, "320px", (url, hashlib.md5(archive).hexdigest()))
    return archive


def test_imagenette_is_fetched_once_and_kept(places, imagenette, monkeypatch, capsys):
    serve(monkeypatch, imagenette)
    train_set = load_dataset("imagenette")
    monkeypatch.setattr(urllib.request, "urlopen", None)
    test_set = load_dataset("imagenette", "test")
    assert train_set.class_names == test_set.class_names == ("tench", "parachute")
    assert (len(train_set), len(test_set)) == (4, 4) and "downloaded" in train_set.source
    assert all(path.endswith(".JPEG") and "val_" in path for path, _, _ in test_set.files)
    kept = places / "cache" / "lightnets_edu" / "imagenette"
    assert [path.name for path in kept.iterdir()] == ["imagenette2-320"]  # without the archive


def test_half_a_copy_of_imagenette(places, imagenette, monkeypatch, capsys):
    """An interrupted download leaves no folder that looks complete; a copy without a split is refused."""

    def stop(request, *_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(urllib.request, "urlopen", stop)
    with pytest.raises(KeyboardInterrupt):
        load_imagenette()
    cache = places / "cache" / "lightnets_edu"
    assert list(cache.iterdir()) == []
    (cache / "imagenette" / "imagenette2-320" / "val").mkdir(parents=True)
    with pytest.raises(DatasetError, match="imagenette2-320' has no folder 'train': delete it and get a fresh copy"):
        load_imagenette()
