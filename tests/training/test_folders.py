"""Images in folders: what is found, which batches come, and what is said of broken ones."""

from __future__ import annotations

import dataclasses
import gc
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

from lightnets_edu.training import (
    DatasetError,
    FolderBatches,
    FolderDataset,
    TrainConfig,
    evaluate,
    load_dataset,
    load_image_folder,
    seed_everything,
    train,
)

CPU = torch.device("cpu")
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as torchvision's recipes print them
COLOURS = {"ant": 40, "bee": 200}


def make(folder: Path, train: int = 5, val: int = 3, size: tuple[int, int] = (40, 52)) -> Path:
    """Two classes of noise around two grey values; one file is grey, one has a capital ending."""
    draw = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for name, grey in COLOURS.items():
            (folder / split / name).mkdir(parents=True)
            for index in range(count):
                pixels = draw.integers(grey - 40, grey + 40, (*size, 3), dtype=np.uint8)
                image = Image.fromarray(pixels if index else pixels[..., 0])
                image.save(folder / split / name / f"{index}.{'JPG' if index == 1 else 'png'}")
    return folder


@pytest.fixture(autouse=True)
def _no_reader_stays() -> Iterator[None]:
    """Processes that read images end with their batches. One that an error's traceback keeps would also keep the pipe
    to the browser of other tests open, and that browser would never end."""
    yield
    gc.collect()
    assert multiprocessing.active_children() == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("images"))


def test_what_is_found(folder):
    train_set, test_set = load_dataset(f"imagefolder:{folder}"), load_dataset(f"imagefolder:{folder}", "test")
    assert (len(train_set), len(test_set)) == (10, 6)
    assert train_set.class_names == test_set.class_names == ("ant", "bee")
    assert all(path.startswith(train_set.class_names[label] + "/") for path, _, label in train_set.files)
    assert {path for path, _, _ in train_set.files} == {
        file.relative_to(folder / "train").as_posix() for file in (folder / "train").rglob("*.*")
    }
    assert train_set.normalisation().mean == IMAGENET_MEAN and train_set.normalisation().std == IMAGENET_STD
    described = train_set.describe()
    assert described["is_real"] and described["name"] == "imagefolder" and str(folder) not in str(described)


def test_a_part_has_all_classes_and_is_always_the_same(folder):
    labels = [label for _, _, label in load_image_folder(folder, limit=6).files]
    assert set(labels) == {0, 1}
    assert load_image_folder(folder, limit=6).files == load_image_folder(folder).files[:6]
    with pytest.raises(ValueError, match=r"limit should be from 1 to 10 instead of 11"):
        load_image_folder(folder, limit=11)


def test_fingerprint_tells_files_apart(folder, tmp_path):
    assert load_image_folder(folder).fingerprint() == load_image_folder(str(folder)).fingerprint()
    other = make(tmp_path)
    (other / "train" / "ant" / "0.png").rename(other / "train" / "ant" / "9.png")
    assert load_image_folder(other).fingerprint() != load_image_folder(folder).fingerprint()


def test_test_batches_are_torchvisions_standard(folder):
    """Resize by 256/224, central crop, ImageNet's statistics, in the order of the set."""
    dataset = load_image_folder(folder, "test")
    batches = FolderBatches(dataset, 4, CPU, image_size=28)
    assert [len(labels) for _, labels in batches] == [4, 2] and len(batches) == 2
    images = torch.cat([images for images, _ in batches])
    cropped = [transforms.Resize(32), transforms.CenterCrop(28), transforms.ToTensor()]
    standard = transforms.Compose([*cropped, transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)])
    for image, (path, _, _) in zip(images, dataset.files, strict=True):
        expected = standard(Image.open(dataset.root / path).convert("RGB"))
        torch.testing.assert_close(image, expected, atol=1e-5, rtol=0)
    assert torch.cat([labels for _, labels in batches]).tolist() == [label for _, _, label in dataset.files]


def test_training_batches_depend_on_seed_and_epoch_alone(folder):
    dataset = load_image_folder(folder)

    def batches(workers=0, seed=0, epoch=1):
        made = FolderBatches(
            dataset, 4, CPU, shuffle=True, seed=seed, image_size=16, augment=True, workers=workers, channels_last=True
        )
        torch.rand(3)  # where the global generator stands does not matter
        return torch.stack([torch.cat([images.flatten(), labels]) for images, labels in made.epoch(epoch)])

    one = batches()
    assert one.shape == (2, 4 * 3 * 16 * 16 + 4)  # the incomplete third batch is left out
    assert torch.equal(one, batches()) and torch.equal(one, batches(workers=2))
    assert not torch.equal(one, batches(epoch=2)) and not torch.equal(one, batches(seed=1))


def test_processes_share_a_batch(folder):
    dataset = load_image_folder(folder)
    options = {"shuffle": True, "image_size": 16, "augment": True}
    whole = list(FolderBatches(dataset, 4, CPU, **options).epoch(3))
    parts = [list(FolderBatches(dataset, 4, CPU, part=(rank, 2), **options).epoch(3)) for rank in range(2)]
    for (images, labels), *shares in zip(whole, *parts, strict=True):
        for rank, (own, own_labels) in enumerate(shares):
            assert torch.equal(own, images[rank::2]) and torch.equal(own_labels, labels[rank::2])


def test_it_learns_and_can_be_evaluated(folder):
    """Two classes that differ in brightness: a mean and a linear layer suffice."""
    seed_everything(0)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    config = TrainConfig(epochs=8, batch_size=5, image_size=16, learning_rate=0.3)
    sets = load_image_folder(folder), load_image_folder(folder, "test")
    result = train(model, *sets, config, device="cpu", progress=False, workers=0)
    assert result.last_test_accuracy == 1.0
    assert evaluate(model, sets[1], device="cpu", image_size=16)[1] == 1.0
    assert result.data["train"]["name"] == "imagefolder" and result.normalisation.mean == IMAGENET_MEAN


@pytest.mark.parametrize(
    ("spoil", "split", "sentence"),
    [
        (lambda f: (f / "train").rename(f / "training"), "train", "has no folder 'train'"),
        (lambda f: (f / "val").rename(f / "valid"), "test", "has no folder 'val' or 'test'"),
        (lambda f: [file.unlink() for file in (f / "train" / "ant").iterdir()], "train", "ant' holds no image"),
        (lambda f: (f / "train" / "bee" / "0.png").write_bytes(b""), "train", "0.png' is empty"),
        (lambda f: (f / "train" / "ant").rename(f / "train" / "bee" / "ant"), "train", "has 1 class folder:"),
    ],
)
def test_folders_that_are_no_data_set(tmp_path, spoil, split, sentence):
    make(tmp_path)
    spoil(tmp_path)
    with pytest.raises(DatasetError, match=sentence):
        load_image_folder(tmp_path, split)


def test_an_absent_folder(tmp_path):
    with pytest.raises(DatasetError, match="nowhere' has no folder 'train': an image folder holds"):
        load_dataset(f"imagefolder:{tmp_path}/nowhere")
    with pytest.raises(ValueError, match="split='valid'"):
        load_image_folder(tmp_path, "valid")


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("keep", [20, 0.5])
def test_a_broken_image_is_named(tmp_path, workers, keep):
    """Cut after 20 bytes (no image at all), or in the middle of the pixels."""
    make(tmp_path)
    path = tmp_path / "train" / "bee" / "2.png"
    content = path.read_bytes()
    path.write_bytes(content[: keep if keep > 1 else len(content) // 2])
    batches = FolderBatches(load_image_folder(tmp_path), 5, CPU, shuffle=True, image_size=16, workers=workers)
    with pytest.raises(DatasetError) as caught:
        list(batches)
    assert multiprocessing.active_children() == [], "the readers should end, though the error and its traceback live"
    sentence = str(caught.value)
    assert sentence.startswith(repr(str(path))) and "cannot be read as an image" in sentence and "\n" not in sentence


def test_what_batches_refuse(folder):
    dataset = load_image_folder(folder)
    assert isinstance(dataset, FolderDataset)
    with pytest.raises(ValueError, match="channels=1 is unknown: choose one of 3"):
        FolderBatches(dataset, 2, CPU, channels=1)
    with pytest.raises(ValueError, match="batch_size=11 is more than the 10 images"):
        FolderBatches(dataset, 11, CPU, shuffle=True)
    with pytest.raises(ValueError, match="batch_size=5 cannot be shared evenly by 2 processes"):
        FolderBatches(dataset, 5, CPU, shuffle=True, part=(0, 2))
    with pytest.raises(ValueError, match="workers should be at least 0 instead of -1"):
        FolderBatches(dataset, 5, CPU, workers=-1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.name = "other"
