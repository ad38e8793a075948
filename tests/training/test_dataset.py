"""Where images come from: the idx format, the search order, the real set, the drawn one."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lightnets_edu.training import (
    DatasetError,
    ImageDataset,
    fashion_mnist,
    list_datasets,
    load_dataset,
    load_fashion_mnist,
    load_shapes,
    make_shapes,
)
from lightnets_edu.training.fashion_mnist import IdxFile, format_idx, load_full_fashion_mnist, parse_idx
from lightnets_edu.training.ship_fashion_mnist import ship

# --- idx -------------------------------------------------------------------------------------------------


def packed(content: bytes) -> bytes:
    """By gzip, at no time of day: these bytes are parts of tests' names."""
    return gzip.compress(content, mtime=0)


def test_idx_by_hand():
    content = bytes.fromhex("00 00 08 02  00 00 00 02  00 00 00 03  01 02 03 0a 0b ff")
    array = parse_idx(content)
    assert array.tolist() == [[1, 2, 3], [10, 11, 255]]
    assert array.dtype == np.uint8
    array[0, 0] = 9  # writable, as torch.from_numpy wants it


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)))
def test_idx_round_trip(array):
    np.testing.assert_array_equal(parse_idx(format_idx(array)), array)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "begins with nothing"),
        (bytes.fromhex("00 00 0d 01 00 00 00 01 00 00 00 00"), "begins with 00 00 0d 01"),  # floats
        (bytes.fromhex("00 00 08 00"), "begins with 00 00 08 00"),  # no dimension
        (bytes.fromhex("00 00 08 03 00 00 00 01"), "within its header of 16"),
        (bytes.fromhex("00 00 08 01 00 00 00 03 01 02"), "has 10 bytes, but its header, with sizes"),
        (bytes.fromhex("00 00 08 01 00 00 00 01 01 02"), "promises 9"),
        (bytes.fromhex("00 00 08 04" + "ff ff ff ff" * 4), "promises"),  # a size that overflows 64 bits
    ],
)
def test_broken_idx(content, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse_idx(content)


# --- Search order, with a set of five images in place of the real one -----------------------------------

IMAGES = np.arange(5 * 4 * 4, dtype=np.uint8).reshape(5, 4, 4)
LABELS = np.array([0, 1, 2, 3, 9], dtype=np.uint8)


def put(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("images", IMAGES), ("labels", LABELS)):
        (folder / f"{name}.gz").write_bytes(packed(format_idx(array)))
        (folder / f"{name}.xz").write_bytes(lzma.compress(format_idx(array[:2])))


def described(count: int) -> dict[str, tuple[IdxFile, IdxFile]]:
    """The first images of the small set, as the tables of the real one describe theirs."""
    files = tuple(
        IdxFile(name, array[:count].shape, hashlib.sha256(format_idx(array[:count])).hexdigest())
        for name, array in (("images", IMAGES), ("labels", LABELS))
    )
    return {"train": files, "test": files}


@pytest.fixture
def places(places, monkeypatch) -> Path:
    """The small set stands for the real one, and two of its five images would come shipped."""
    monkeypatch.setattr(fashion_mnist, "FULL", described(5))
    monkeypatch.setattr(fashion_mnist, "SHIPPED", described(2))
    monkeypatch.setattr(fashion_mnist, "SHIPPED_FOLDER", places / "shipped")
    monkeypatch.setattr(fashion_mnist, "SYSTEM_FOLDER", places / "system")
    return places


def test_search_order(places, monkeypatch):
    def source() -> str:
        dataset = load_fashion_mnist(limit=5)
        assert dataset.is_real and dataset.name == "fashion_mnist"
        np.testing.assert_array_equal(dataset.images[:, 0].numpy(), IMAGES)
        assert dataset.labels.tolist() == LABELS.tolist()
        return dataset.source

    put(places / "system")
    assert source() == "Fashion-MNIST, from Debian's package dataset-fashion-mnist"
    put(places / "cache/lightnets_edu/fashion-mnist")
    assert source() == "Fashion-MNIST, cached copy of an earlier download"
    (places / "mine").mkdir()
    monkeypatch.setenv("LIGHTNETS_DATA", str(places / "mine"))
    assert "cached copy" in source()  # the folder is there, but holds no copy
    for below in ("FashionMNIST/raw", "fashion-mnist", "."):
        put(places / "mine" / below)
        assert source() == "Fashion-MNIST, copy in the folder that LIGHTNETS_DATA names"


def test_named_folder_must_exist(places, monkeypatch):
    monkeypatch.setenv("LIGHTNETS_DATA", str(places / "nowhere"))
    with pytest.raises(DatasetError, match=r"LIGHTNETS_DATA names .*nowhere.*unset the variable"):
        load_fashion_mnist(limit=5)


def test_half_a_copy_is_no_copy(places):
    put(places / "system")
    (places / "system/labels.gz").unlink()
    with pytest.raises(DatasetError, match="no copy was found"):
        load_fashion_mnist(limit=5)


def test_no_full_set_and_no_network(places):
    """Nothing stands in for it: the sentence says what was asked for and where it can be had."""
    with pytest.raises(DatasetError) as caught:
        load_fashion_mnist("test", limit=3)
    parts = ("limit=3 needs", "2 images of the test split come with", "Name or service not known", "LIGHTNETS_DATA")
    for part in (*parts, "dataset-fashion-mnist"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def serve(monkeypatch, change=lambda packed: packed) -> None:
    def urlopen(url, timeout):
        name = url.rsplit("/", 1)[1]
        return io.BytesIO(change(packed(format_idx(IMAGES if name == "images.gz" else LABELS))))

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)


def test_download_is_kept(places, monkeypatch):
    serve(monkeypatch)
    assert load_full_fashion_mnist().source == "Fashion-MNIST, downloaded now from the address that torchvision lists"
    monkeypatch.setattr(urllib.request, "urlopen", None)  # a second download would fail
    assert "cached copy" in load_full_fashion_mnist().source


@pytest.mark.parametrize("change", [lambda packed: b"<html>Log in to this network</html>", lambda packed: packed[:-9]])
def test_broken_download_is_refused_and_not_kept(places, monkeypatch, change):
    serve(monkeypatch, change)
    with pytest.raises(DatasetError, match=r"the download of images.gz is corrupt"):
        load_full_fashion_mnist()
    assert not list(places.rglob("*.gz"))


def test_cache_that_cannot_be_written(places, monkeypatch):
    serve(monkeypatch)
    (places / "cache").write_text("a file where the folder should be")
    dataset = load_full_fashion_mnist()
    assert len(dataset) == 5
    assert "not kept because the cache cannot be written (Not a directory); XDG_CACHE_HOME" in dataset.source


def test_no_home(places, no_home, monkeypatch):
    with pytest.raises(DatasetError, match="no copy was found"):
        load_full_fashion_mnist()
    serve(monkeypatch)
    assert "not kept because the cache cannot be written (there is no home folder)" in load_full_fashion_mnist().source


AGAIN = "Delete it and get a fresh copy."


@pytest.mark.parametrize(
    ("path", "packed", "sentence", "advice"),
    [
        ("system/images.gz", b"not gzip", "is corrupt: it cannot be unpacked", AGAIN),
        ("system/images.gz", packed(format_idx(IMAGES))[:-20], "is corrupt: it cannot be unpacked", AGAIN),
        ("system/images.gz", packed(b"\0\0\x08\x01"), "is corrupt: it ends after 4 bytes", AGAIN),
        ("system/images.gz", packed(format_idx(IMAGES[:4])), "has the shape", AGAIN),
        ("system/labels.gz", packed(format_idx(LABELS[::-1])), "is corrupt: the SHA-256 of its content", AGAIN),
        ("shipped/images.xz", b"not xz", "is corrupt: it cannot be unpacked", "Install lightnets_edu again."),
    ],
)
def test_corrupt_copy_is_refused(places, path, packed, sentence, advice):
    folder, name = path.split("/")
    put(places / folder)
    (places / path).write_bytes(packed)
    with pytest.raises(DatasetError, match=f"{name} {sentence}") as caught:
        load_fashion_mnist(limit=2 if folder == "shipped" else 5)
    assert str(caught.value).endswith(advice)


def test_the_first_images_are_shipped(places):
    put(places / "system")
    digests = ship(places / "shipped")
    assert digests == {file.name: file.sha256 for file in fashion_mnist.SHIPPED["train"]}
    (places / "system/images.gz").unlink()
    dataset = load_fashion_mnist()
    np.testing.assert_array_equal(dataset.images[:, 0].numpy(), IMAGES[:2])
    assert dataset.labels.tolist() == LABELS[:2].tolist()
    assert dataset.source == "Fashion-MNIST, the first images of the set, which come with lightnets_edu"
    assert len(load_fashion_mnist(limit=1)) == 1


# --- The real set ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("split", "count"), [("train", 8_000), ("test", 2_000)])
def test_the_images_that_come_with_the_package(split, count):
    dataset = load_fashion_mnist(split)
    assert dataset.is_real and dataset.images.shape == (count, 1, 28, 28)
    # Ten classes in random order: the counts scatter by about the square root of a tenth of the images.
    assert (torch.bincount(dataset.labels) - count / 10).abs().max() < 4 * (0.09 * count) ** 0.5
    # Near the statistics that everybody quotes for the 60,000.
    normalisation = dataset.normalisation()
    assert normalisation.mean == pytest.approx((0.2860,), abs=3e-3)
    assert normalisation.std == pytest.approx((0.3530,), abs=3e-3)


# --- Shapes ----------------------------------------------------------------------------------------------


def test_shapes_are_deterministic_and_even():
    one, same, other = make_shapes(205, 3), make_shapes(205, 3), make_shapes(205, 4)
    assert one.images.shape == (205, 1, 28, 28) and one.images.dtype == torch.uint8
    assert torch.equal(one.images, same.images) and torch.equal(one.labels, same.labels)
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    assert sorted(torch.bincount(one.labels, minlength=10).tolist()) == [20] * 5 + [21] * 5
    assert not one.is_real and len(one.class_names) == 10
    assert make_shapes(4, 0, image_size=20).images.shape == (4, 1, 20, 20)


def test_ten_thousand_shapes_to_train_on():
    assert len(load_shapes("train")) == 10_000


def test_shapes_look_like_their_names():
    """Classes differ as drawn: the mean image of stripes varies along one axis more than the other."""
    dataset = make_shapes(2000, 0)
    names = dataset.class_names
    images = dataset.images[:, 0].float()

    def variation(name):
        chosen = images[dataset.labels == names.index(name)]
        return chosen.diff(dim=1).abs().mean(), chosen.diff(dim=2).abs().mean()

    down, across = variation("horizontal stripes")
    assert down > 1.2 * across
    down, across = variation("vertical stripes")
    assert across > 1.2 * down
    areas = {name: images[dataset.labels == names.index(name)].mean() for name in ("square", "frame", "disc", "ring")}
    assert areas["square"] > areas["frame"] and areas["disc"] > areas["ring"]


# --- The container ---------------------------------------------------------------------------------------


def test_load_dataset():
    assert list_datasets() == ["fashion_mnist", "fashion_mnist_full", "cifar10", "imagenette", "shapes"]
    assert load_dataset("shapes", "test", limit=7).images.shape == (7, 1, 28, 28)
    with pytest.raises(ValueError, match=r"'fashion_mnist', .*'imagefolder:DIR' \(did you mean 'fashion_mnist'"):
        load_dataset("fashion-minst")
    for spelling in ("fashion-mnist", "fashion_mnist"):
        assert load_dataset(spelling, "test", 3).name == "fashion_mnist"
    with pytest.raises(ValueError, match="split='valid' is unknown: choose one of 'train', 'test'"):
        load_dataset("shapes", "valid")
    for limit in (0, 2001, 1.5, True):
        with pytest.raises(ValueError, match=r"limit should be .*from 1 to 2000"):
            load_dataset("shapes", "test", limit)
    with pytest.raises(ValueError, match=r"limit should be from 1 to 60000 instead of 60001"):
        load_fashion_mnist(limit=60_001)


def dataset_of(images: torch.Tensor, labels: torch.Tensor, split: str = "train") -> ImageDataset:
    return ImageDataset(images, labels, ("a", "b"), "made", "made for a test", is_real=False, split=split)


@given(st.lists(st.integers(0, 255), min_size=2, max_size=40).filter(lambda values: len(set(values)) > 1))
def test_normalisation_is_exact(values):
    images = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1)
    normalisation = dataset_of(images, torch.zeros(len(values), dtype=torch.int64)).normalisation()
    scaled = np.array(values) / 255
    assert normalisation.mean == pytest.approx((scaled.mean(),), abs=1e-12)
    assert normalisation.std == pytest.approx((scaled.std(),), abs=1e-12)


def test_container_refuses_nonsense():
    images, labels = torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.tensor([0, 1])
    dataset_of(images, labels)
    with pytest.raises(ValueError, match="uint8"):
        dataset_of(images.float(), labels)
    with pytest.raises(ValueError, match=r"int64 \[2\]"):
        dataset_of(images, labels[:1])
    with pytest.raises(ValueError, match="0 to 2, but there are 2 class names"):
        dataset_of(images, torch.tensor([0, 2]))
    with pytest.raises(ValueError, match="at least one image"):
        dataset_of(images[:0], labels[:0])
    with pytest.raises(ValueError, match="same value"):
        dataset_of(images, labels).normalisation()


THREE = ImageDataset(
    torch.arange(30, dtype=torch.uint8).view(30, 1, 1, 1),
    torch.tensor([0, 1, 2] * 10),  # image i has the class i % 3
    ("a", "b", "c"),
    "made",
    "made for a test",
    is_real=False,
    split="train",
)


def test_images_of_some_classes_keep_their_order_and_get_new_labels():
    some = THREE.of_classes(("c", "a"))
    wanted = [image for image in range(30) if image % 3 != 1]
    assert some.images.flatten().tolist() == wanted
    assert [some.class_names[label] for label in some.labels] == ["abc"[image % 3] for image in wanted]
    assert some.class_names == ("c", "a") and some.source == "made for a test; of them c, a"
    assert len(THREE) == 30 and THREE.of_classes(("a", "b", "c")).fingerprint() == THREE.fingerprint()


@given(each=st.integers(1, 10), seed=st.integers(0, 2**32 - 1))
def test_as_many_images_of_each_class_are_drawn(each, seed):
    few, again = (THREE.drawn(each, seed) for _ in range(2))
    assert torch.bincount(few.labels).tolist() == [each] * 3 and few.fingerprint() == again.fingerprint()
    images = few.images.flatten()
    assert len(images.unique()) == 3 * each and torch.equal(images % 3, few.labels)


def test_another_seed_draws_others():
    assert len({THREE.drawn(5, seed).fingerprint() for seed in range(20)}) > 10


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: THREE.of_classes(("a", "d")), "a class='d' is unknown: choose one of 'a', 'b', 'c'"),
        (lambda: THREE.of_classes(("a", "b", "a")), "a class is named twice among a, b, a"),
        (lambda: THREE.drawn(11, 0), r"each should be .*1.*10 .*smallest class"),
        (lambda: THREE.drawn(0, 0), r"each should be .*1.*10 .*smallest class"),
    ],
)
def test_classes_that_are_not_there_are_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
