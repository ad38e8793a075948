"""A network as an ONNX file: the same outputs, for any number of images, and nothing written that is not."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from lightnets_edu.deployment import (
    ExportError,
    calibration_images,
    export_onnx,
    exported_network,
    own_network,
    quantise_onnx,
)
from lightnets_edu.models import get_model
from lightnets_edu.training.fashion_mnist import load_fashion_mnist


class Shuffled(nn.Module):
    """Convolution, batch norm with statistics of its own, ReLU, channel shuffle, mean."""

    def __init__(self, channels: int = 6) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, channels, 3, bias=False), nn.BatchNorm2d(channels)
        nn.init.uniform_(self.norm.running_mean, -1, 1)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.conv(x)).relu()
        n, c, h, w = y.shape
        return y.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w).mean((2, 3))


class Noisy(nn.Module):
    """Gives something else whenever it is asked."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) + torch.rand(3)


def run(path, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})[0]


def images_of(side: int, number: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((number, 3, side, side), dtype=np.float32)


@pytest.mark.parametrize("number", [1, 2, 7])
def test_the_file_computes_what_the_network_computes(tmp_path, number):
    model = Shuffled().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export = export_onnx(model, tmp_path / "net.onnx", (3, 20, 16))
    images = np.random.default_rng(1).standard_normal((number, 3, 20, 16), dtype=np.float32)
    assert model.training and all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        wanted = model.eval()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(run(export.path, images), wanted, rtol=1e-4, atol=1e-5)
    assert export.input_size == (3, 20, 16) and export.difference < 1e-4 and "any number" in str(export)
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


# One of each kind of difficulty: local response norm, concatenations, gates with sums, a shuffle of groups.
@pytest.mark.parametrize("name", ["alexnet_2012", "ghostnet", "shufflenet_v1"])
def test_networks_of_the_book(name):
    exported = exported_network(name, {"num_classes": 7}, 96)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = get_model(name, num_classes=7).eval()
        wanted = model(torch.from_numpy(images_of(96, 2))).numpy()
    found = run(exported.path, images_of(96, 2))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    assert exported.path == exported_network(name, {"num_classes": 7}, 96).path  # exported once


def test_a_file_that_computes_something_else_is_not_written(tmp_path):
    with pytest.raises(ExportError, match="nothing was written"):
        export_onnx(Noisy(), tmp_path / "net.onnx", (3, 8, 8))
    assert not list(tmp_path.iterdir())


class Deciding(nn.Module):
    """Does something else for bright images: no graph can say that."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) if x.mean().item() > 0 else x.amax((2, 3))


def test_what_cannot_be_exported_is_said_in_a_sentence(tmp_path):
    with pytest.raises(ExportError, match="cannot export this network"):
        export_onnx(Deciding(), tmp_path / "net.onnx", (3, 8, 8))
    with pytest.raises(ValueError, match="at least 67 x 67 pixels"):  # the network's own words
        export_onnx(get_model("alexnet_2012"), tmp_path / "net.onnx", (3, 64, 64))
    assert not list(tmp_path.iterdir())


def test_int8_is_near_and_small(tmp_path):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
    model.append(nn.Flatten())
    export = export_onnx(model, tmp_path / "net.onnx", (3, 24, 24))
    images = calibration_images(24, 8)
    quantise_onnx(export.path, tmp_path / "int8.onnx", images)
    wanted, found = run(export.path, images), run(tmp_path / "int8.onnx", images)
    assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.999 and not np.array_equal(wanted, found)
    assert (tmp_path / "int8.onnx").stat().st_size < 0.4 * export.path.stat().st_size


def test_calibration_images_are_the_shipped_ones():
    images = calibration_images(28, 3)
    shipped = load_fashion_mnist("train", 3).images.numpy().astype(float)
    assert images.shape == (3, 3, 28, 28) and images.dtype == np.float32
    assert np.array_equal(images[:, 0], images[:, 2])
    assert images.mean() == pytest.approx(0, abs=1e-5) and images.std() == pytest.approx(1, abs=1e-3)
    assert np.corrcoef(images[:, 0].ravel(), shipped[:, 0].ravel())[0, 1] == pytest.approx(1)


def test_a_network_of_ones_own(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self, width=3):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, width, 1)\nready = Net()\nnumber = 3\ndef wrong():\n    return 7\n"
    )
    file = str(tmp_path / "mine.py")
    assert own_network(f"{file}:Net", {"width": 5}).conv.out_channels == 5
    assert own_network(f"{file}:ready").conv.out_channels == 3
    for where, options, sentence in (
        (f"{file}:Other", {}, "mine.py has no 'Other'"),
        (f"{file}:Net", {"depth": 2}, "Net of mine.py cannot be called with these options"),
        (f"{file}:wrong", {}, "gives int, and no torch.nn.Module"),
        (f"{file}:number", {}, "cannot be called"),
        (f"{tmp_path}/absent.py:Net", {}, "should be FILE.py:NAME"),
        ("ghostnet", {}, "should be FILE.py:NAME"),
    ):
        with pytest.raises(ValueError, match=sentence):
            own_network(where, options)
