"""A network as an ONNX file, checked against PyTorch before anybody gets it."""

from __future__ import annotations

import copy
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lightnets_edu.counting import count
from lightnets_edu.deployment.session import BATCH, onnx, onnxruntime, open_session, session_step
from lightnets_edu.models import get_model
from lightnets_edu.runtime.files import atomic_file
from lightnets_edu.training.fashion_mnist import load_fashion_mnist

INPUT, OUTPUT = "images", "scores"
TOLERANCE = 1e-4  # of the largest output: what another order of float32 sums may change
CHECKED = (1, 3)  # batch sizes: the file is to take any
CALIBRATION = 32  # images that tell the ranges of the maps


class ExportError(ValueError):
    """The network cannot be exported, or the file's outputs are not those of the network."""


@dataclass(frozen=True)
class Export:
    """What came of an export.

    Attributes:
        path: The file.
        input_size: (C, H, W) of one image; the number of images is free.
        nodes: Operations in the file.
        difference: Between ONNX Runtime's outputs and PyTorch's, the largest, as a part of the largest output.
    """

    path: Path
    input_size: tuple[int, int, int]
    nodes: int
    difference: float

    def __str__(self) -> str:
        """A sentence for the terminal."""
        size = " × ".join(map(str, self.input_size))
        return (
            f"{self.path}: {os.path.getsize(self.path) / 1e6:.1f} MB, {self.nodes} nodes, images of {size}, any number "
            f"of them; ONNX Runtime's outputs differ from PyTorch's by {self.difference:.1e} of the largest at most"
        )


def export_onnx(model: nn.Module, path: str | os.PathLike, input_size: tuple[int, int, int] = (3, 224, 224)) -> Export:
    """Write a network as an ONNX file and check its outputs.

    The network is exported as it predicts (evaluation mode), from a copy; batch norms are folded into the convolutions
    before them. Weights lie in the same file.

    Args:
        model: The network; it takes one batch of images and gives one tensor.
        path: The file to write; it is written only if the check passes.
        input_size: (C, H, W) of an image.

    Raises:
        ExportError: If PyTorch cannot export the network, or ONNX Runtime computes other outputs from the file.
        ImportError: If onnx, onnxscript or onnxruntime is not installed.
        OSError: If the file cannot be written.
    """
    onnx(), onnxruntime()
    network = copy.deepcopy(model).cpu().eval()
    images = torch.randn(2, *input_size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        network(images)  # what the network itself refuses is said in its own words
    proto = _exported(network, images)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, "draft.onnx")
        draft.write_bytes(proto.SerializeToString())
        difference = max(_difference(network, draft, torch.cat([images, images])[:n]) for n in CHECKED)
        if not difference <= TOLERANCE:
            raise ExportError(
                f"ONNX Runtime's outputs differ from PyTorch's by {difference:.1e} of the largest, more than "
                f"{TOLERANCE:.0e}: nothing was written."
            )
        with atomic_file(path) as handle:
            handle.write(draft.read_bytes())
    return Export(Path(path), input_size, len(proto.graph.node), difference)


def _exported(network: nn.Module, images: Tensor) -> Any:
    """The network as an ONNX model for any number of images."""
    # The exporter warns of its own insides, and some versions print about them.
    with warnings.catch_warnings(), redirect_stdout(sys.stderr), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                network,
                (images,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim(BATCH)},),
                input_names=[INPUT],
                output_names=[OUTPUT],
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            cause = " ".join(str(error.__cause__ or error).split())
            raise ExportError(
                f"PyTorch cannot export this network, whose forward pass does more than operations on tensors: {cause}"
            ) from error
    assert program is not None
    return program.model_proto


@torch.inference_mode()
def _difference(network: nn.Module, path: Path, images: Tensor) -> float:
    wanted = network(images).numpy()
    found = session_step(open_session(path), images.numpy())()
    if found.shape != wanted.shape:
        return float("inf")
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-30))


def quantise_onnx(path: str | os.PathLike, out: str | os.PathLike, images: np.ndarray) -> None:
    """Write a second file that computes in int8, by static quantisation.

    Weights get a scale for every output channel, maps one for each map, from the least and the largest value that they
    take for some images.

    Args:
        path: A float32 file.
        out: The int8 file to write.
        images: ``[N, C, H, W]``, as the network takes them.

    Raises:
        ImportError: If onnx or onnxruntime is not installed.
        OSError: If the file cannot be written.
    """
    onnx(), onnxruntime()
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter(np.split(images, len(images)))

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch}

    with tempfile.TemporaryDirectory() as folder, _silent():
        draft = Path(folder, "int8.onnx")
        types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
        quantize_static(str(path), str(draft), Images(), quant_format=QuantFormat.QDQ, per_channel=True, **types)
        with atomic_file(out) as handle:
            handle.write(draft.read_bytes())


@contextmanager
def _silent() -> Iterator[None]:
    """Without the library's advice to prepare the file, which an exported one does not need: it was folded already."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def calibration_images(side: int, number: int = CALIBRATION) -> np.ndarray:
    """Shipped Fashion-MNIST images, enlarged and with three equal channels: ``[number, 3, side, side]``, float32."""
    shipped = load_fashion_mnist("train", number)
    large = nn.functional.interpolate(shipped.images.float(), (side, side), mode="bilinear", align_corners=False)
    large = (large - large.mean()) / large.std()
    return large.expand(-1, 3, -1, -1).contiguous().numpy()


@dataclass(frozen=True, eq=False)
class Exported:
    """A network of this book as files in a folder of its own, which goes when this object goes.

    Attributes:
        folder: Where the files are.
        path: The float32 file.
        macs: Multiply-accumulates of one image, as `lightnets_edu.count` counts them.
        side: Of the images, in pixels.
    """

    folder: tempfile.TemporaryDirectory
    path: Path
    macs: int
    side: int

    @cached_property
    def quantised(self) -> Path:
        """The int8 file, made when it is first asked for."""
        out = Path(self.folder.name, "int8.onnx")
        quantise_onnx(self.path, out, calibration_images(self.side))
        return out

    def file(self, amp: str) -> Path:
        """The file of a number format, "off" or "int8"."""
        return self.quantised if amp == "int8" else self.path


def exported_network(name: str, options: Mapping[str, Any], side: int) -> Exported:
    """A network of the registry with fresh weights, exported once as long as no other is asked for.

    Args:
        name: As for ``get_model``.
        options: Its options.
        side: Of the images, in pixels.

    Raises:
        ValueError: If there is no such network or option.
        ImportError: If onnx, onnxscript or onnxruntime is not installed.
    """
    return _exported_once(name, tuple(sorted(options.items())), side)


@lru_cache(maxsize=1)
def _exported_once(name: str, options: tuple[tuple[str, Any], ...], side: int) -> Exported:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = get_model(name, **dict(options))
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name, "float32.onnx")
    export_onnx(model, path, (3, side, side))
    return Exported(folder, path, count(model, (1, 3, side, side)).macs, side)
