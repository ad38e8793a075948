"""ONNX Runtime: a network from a file, as the people run it who ship it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from lightnets_edu.checks import whole_number

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


BATCH = "batch"  # the name that export_onnx gives the number of images


def onnxruntime() -> ModuleType:
    """The library.

    Raises:
        ImportError: If it is not installed; the sentence says how to install it.
    """
    return _imported("onnxruntime")


def onnx() -> ModuleType:
    """The library that reads and writes the files.

    Raises:
        ImportError: If it is not installed; the sentence says how to install it.
    """
    return _imported("onnx")


def _imported(name: str) -> ModuleType:
    try:
        return __import__(name)
    except ImportError as error:
        raise ImportError(f'{name} is not installed: pip install "lightnets-edu[onnx]"') from error


def open_session(
    path: str | os.PathLike,
    *,
    threads: int = 1,
    optimised: str | os.PathLike | None = None,
    profile: str | os.PathLike | None = None,
    images: int | None = None,
) -> InferenceSession:
    """Load a file for the CPU, with all of ONNX Runtime's optimisations.

    Args:
        path: An ONNX file.
        threads: Threads of one operation; operations run one after the other.
        optimised: Write the graph that is really run there.
        profile: Note the time of every node; the file's name begins with this.
        images: How many images it will get (None: any number), so that shapes are computed beforehand; for files that
            ``export_onnx`` wrote.

    Raises:
        ImportError: If ONNX Runtime is not installed.
        ValueError: If ONNX Runtime cannot read the file.
    """
    library = onnxruntime()
    options = library.SessionOptions()
    options.intra_op_num_threads = whole_number("threads", threads, 1)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: that an optimised graph suits this machine only is known
    if images is not None:
        options.add_free_dimension_override_by_name(BATCH, images)
    if optimised is not None:
        options.optimized_model_filepath = str(optimised)
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    try:
        return library.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class below Exception
        raise ValueError(f"ONNX Runtime cannot load {Path(path).name!r}: {' '.join(str(error).split())}") from error


def session_step(session: InferenceSession, images: np.ndarray) -> Callable[[], np.ndarray]:
    """A function without arguments that runs one pass and returns the first output."""
    (given,) = session.get_inputs()
    feed = {given.name: images}
    return lambda: session.run(None, feed)[0]


def input_shape(session: InferenceSession, batch_size: int = 1, image_size: int = 224) -> tuple[int, ...]:
    """Shape of a session's only input, with a batch and, where the file leaves it open, a size of the images.

    Raises:
        ValueError: If the file has other inputs than one batch of images, or wants another size.
    """
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        found = "; ".join(f"{one.name} {one.shape}" for one in inputs)
        raise ValueError(f"the file has the inputs {found}, and not one batch of images [N, C, H, W].")
    wanted = (batch_size, 3, image_size, image_size)
    shape = tuple(one if isinstance(one, int) else other for one, other in zip(inputs[0].shape, wanted, strict=True))
    if shape[0] != batch_size:
        raise ValueError(f"the file takes {shape[0]} images at a time, and not {batch_size}: export it anew.")
    return shape
