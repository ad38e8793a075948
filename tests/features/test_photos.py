"""Photographs of the package, and a trained network that names what is on them."""

import importlib.metadata

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from lightnets_edu import get_model
from lightnets_edu.features import imagenet_classes, load_photos, photos
from lightnets_edu.models import weights_info


def test_every_photograph_is_there_and_credited():
    loaded = load_photos(32)
    assert loaded.images.shape == (len(loaded.names), 3, 32, 32)
    assert set(loaded.names) == set(loaded.credits) and len(set(loaded.names)) == len(loaded.names) == 12
    assert 0 <= loaded.images.min() < 0.1 and 0.9 < loaded.images.max() <= 1
    assert len({image.numpy().tobytes() for image in loaded.images}) == 12
    assert all("CC0" in text or "public domain" in text or "no known" in text for text in loaded.credits.values())


def test_the_first_view_is_the_square_in_the_middle():
    """By Pillow alone: coffee.png has 600 x 400 pixels, camera.png is grey and has 512 x 512."""
    files = {file.name: file.locate() for file in importlib.metadata.files("scikit-image")}
    loaded = load_photos(100, views=2)
    with Image.open(files["coffee.png"]) as picture:
        square = picture.crop((100, 0, 500, 400)).resize((100, 100), Image.Resampling.BICUBIC)
    assert loaded.names[:4] == ("coffee", "coffee", "camera", "camera")
    # Near the sides of the square, load_photos may look beyond it: twice the four pixels of coffee.png in one of ours.
    inner = slice(2, -2)
    assert torch.equal(loaded.images[0][:, :, inner], (pil_to_tensor(square) / 255)[:, :, inner])
    grey = loaded.images[2]
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[0], grey[2])


def test_views_are_the_seeds():
    first, again, other = (load_photos(16, views=3, seed=seed).images for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(first[::3], other[::3])  # the first view of each is no matter of chance
    assert not torch.equal(first[1::3], other[1::3])


def test_normalised_is_what_the_weights_transforms_do():
    info = weights_info("efficientnet_lite0")
    loaded = load_photos(info.crop)
    steps = info.transforms().transforms
    by_torchvision = torch.stack([steps[-2](image) for image in loaded.images])
    assert type(steps[-2]).__name__ == "Normalize"
    torch.testing.assert_close(loaded.normalised(info.mean, info.std), by_torchvision)


def test_a_trained_network_names_them():
    info, classes = weights_info("efficientnet_lite0"), imagenet_classes()
    loaded = load_photos(info.crop)
    model = get_model("efficientnet_lite0", weights="imagenet").eval()
    with torch.no_grad():
        probabilities = dict(zip(loaded.names, model(loaded.normalised(info.mean, info.std)).softmax(1), strict=True))
    named = {name: classes[row.argmax()] for name, row in probabilities.items()}
    assert (named["coffee"], named["chelsea"], named["camera"]) == ("espresso", "Egyptian cat", "tripod")
    cats = [classes.index(cat) for cat in ("tabby", "tiger cat", "Egyptian cat")]
    assert probabilities["chelsea"][cats].sum() > 0.8
    assert probabilities["coffee"].max() > 0.9


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setattr(photos, "PACKAGE", "no-such-photos")
    with pytest.raises(ModuleNotFoundError, match="come in the package no-such-photos, which is not installed: pip"):
        load_photos()
    monkeypatch.setattr(photos, "PACKAGE", "numpy")
    with pytest.raises(FileNotFoundError, match=r"coffee\.png is not in numpy"):
        load_photos()
    monkeypatch.undo()
    with pytest.raises(ValueError, match="views should be at least 1 instead of 0"):
        load_photos(views=0)
