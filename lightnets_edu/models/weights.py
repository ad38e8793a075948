"""Official weights: which file, from whom, under which licence, how good, and how its images were prepared.

What is known of each file stands in ``weights.json`` beside this module. A file is downloaded into torch.hub's cache
(``torch.hub.get_dir()``, so ``TORCH_HOME`` moves it), checked against the hash that its publisher gives, and only then
put in its place. Some files come inside a Python package instead: they are read where the package was installed.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from lightnets_edu.models.key_maps import KEY_MAPS

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class OfficialWeights:
    """One published file of weights.

    Attributes:
        model: The network's name in `list_models`.
        name: What to pass as ``weights=``.
        url: Where the file is; for one that comes in a Python package, the package's page.
        file: Its name in the cache, or in the package.
        source: Who trained and published it.
        license: The licence of the weights, as the publisher states it.
        num_params: Parameters of the network that it fits.
        top1: Top-1 accuracy on ImageNet's validation images in percent, as published; None if not recorded.
        sha256: The file's SHA-256 or the first digits of it, as published (often in the file's name); None if unknown.
        git_blob_sha1: The file's SHA-1 as Git computes it, where the file lies in a repository; None if unknown.
        verified: Whether the URL was read in the publisher's code or pages. False: it was put together from a file
            name and a release, so it may not exist.
        resize: The images' shorter side is brought to this, in pixels.
        crop: Then the square of this side in the middle is cut out.
        interpolation: How the resizing interpolates.
        mean: Subtracted from each channel (red, green, blue; from 0 to 1).
        std: Each channel is divided by this.
        options: The network's options that the file was trained with.
        key_map: The function in `key_maps` that renames its parameters; None if the names are ours.
        package: The Python package that the file comes in, as pip calls it; None for one that is downloaded.
    """

    model: str
    name: str
    url: str
    file: str
    source: str
    license: str
    num_params: int
    top1: float | None
    sha256: str | None
    git_blob_sha1: str | None
    verified: bool
    resize: int
    crop: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    options: Mapping[str, Any] = field(default_factory=dict)
    key_map: str | None = None
    package: str | None = None

    @property
    def non_commercial(self) -> bool:
        """Whether the licence forbids commercial use."""
        return "-NC" in self.license

    @property
    def published_hash(self) -> bool:
        """Whether a publisher's hash is known, against which the file is checked."""
        return bool(self.sha256 or self.git_blob_sha1)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must know before using the file, one sentence each; empty if there is nothing."""
        what = f"the {self.name} weights of {self.model}"
        notes = []
        if self.non_commercial:
            notes.append(f"{what} are licensed {self.license}: not for commercial use")
        if not self.published_hash:
            notes.append(f"{what} have no published hash: only their names and shapes are checked")
        if not self.verified:
            notes.append(f"the URL of {what} is unverified: it was inferred, not read, and may not exist ({self.url})")
        return tuple(notes)

    def transforms(self):
        """The preparation of images that the accuracy was measured with, from PIL image or uint8 tensor to input."""
        from torchvision.transforms import InterpolationMode, v2

        return v2.Compose(
            [
                v2.Resize(self.resize, InterpolationMode(self.interpolation), antialias=True),
                v2.CenterCrop(self.crop),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(self.mean, self.std),
                v2.ToPureTensor(),
            ]
        )


@cache
def _table() -> dict[str, dict[str, OfficialWeights]]:
    """weights.json: {model: {name: file}}."""

    def read(model: str, name: str, entry: dict[str, Any]) -> OfficialWeights:
        return OfficialWeights(model, name, **entry | {"mean": tuple(entry["mean"]), "std": tuple(entry["std"])})

    table = json.loads(Path(__file__).with_name("weights.json").read_text(encoding="utf-8"))
    return {model: {name: read(model, name, entry) for name, entry in files.items()} for model, files in table.items()}


def list_weights(model: str) -> list[str]:
    """The names that a network's ``weights=`` takes; empty if it has no official weights."""
    return list(_table().get(model, {}))


def weights_info(model: str, weights: str = "imagenet") -> OfficialWeights:
    """What is known of a network's official weights.

    Raises:
        ValueError: If the network has none, or none of this name; the sentence names those it has.
    """
    known = _table().get(model)
    if not known:
        raise ValueError(f"{model} has no official weights: build it with weights=None and train it")
    if weights not in known:
        inferred = "" if "imagenet" in known else " (no URL of its weights could be verified)"
        raise ValueError(
            f"weights of {model} should be None or {' or '.join(map(repr, known))} instead of {weights!r}{inferred}"
        )
    return known[weights]


def with_weights(model: Model, name: str, weights: str | None, *, num_classes: int, **options: Any) -> Model:
    """The model as it is, or with official weights in it.

    Args:
        model: The network.
        name: Its name in `list_models`.
        weights: None, or a name that `weights_info` knows.
        num_classes: The network's number of classes.
        **options: The network's other options, at least all that change what it computes.

    Raises:
        ValueError: If there are no such weights, or if they do not fit the options.
        ConnectionError: If the file is not in the cache and cannot be downloaded.
        ModuleNotFoundError: If the file comes in a package that is not installed.
        RuntimeError: If the file is not the one that was published.
    """
    if weights is None:
        return model
    info = weights_info(name, weights)
    given = {"num_classes": num_classes, **options}
    for option, trained in {"num_classes": 1000, **info.options}.items():
        if given[option] != trained:
            hint = "; build it so, then replace its last layer" if option == "num_classes" else ""
            raise ValueError(
                f"the {weights} weights of {name} were trained with {option}={trained!r} and do not fit "
                f"{option}={given[option]!r}{hint}"
            )
    num_params = sum(parameter.numel() for parameter in model.parameters())
    if num_params != info.num_params:
        raise ValueError(
            f"the {weights} weights of {name} have {info.num_params:,} parameters and do not fit this network, which "
            f"has {num_params:,}: they need the default options, and small_input=False if it changes the stem"
        )
    load_official(model, name, weights)
    return model


def load_official(model: nn.Module, name: str, weights: str = "imagenet", progress: bool = True) -> OfficialWeights:
    """Put official weights into a network, downloading them if they are neither in torch.hub's cache nor in a package.

    Args:
        model: A network of this name, with the options that the file was trained with.
        name: Its name in `list_models`.
        weights: A name that `weights_info` knows.
        progress: Whether to show a progress bar while downloading.

    Returns:
        What is known of the file. Its `notes` (licence, missing hash, unverified URL) are also given as warnings.

    Raises:
        ValueError: If there are no such weights.
        ConnectionError: If the file is not in the cache and cannot be downloaded.
        ModuleNotFoundError: If the file comes in a package that is not installed.
        RuntimeError: If the file is not the one that was published (it is removed), or does not fit the network.
    """
    info = weights_info(name, weights)
    for note in info.notes:
        warnings.warn(note, stacklevel=2)
    path = packaged_file(info) if info.package else cached_file(info, progress)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = KEY_MAPS[info.key_map](content) if info.key_map else content
        model.load_state_dict(state, strict=True)
    except Exception as error:
        # A file without a published hash may be anything, so it is no use keeping; one with the right hash is right.
        removed = "" if info.published_hash else "; the file was removed"
        if removed:
            path.unlink()
        reason = " ".join(str(error).split())
        raise RuntimeError(f"the file from {info.url} does not fit {name}{removed} ({reason})") from None
    return info


def cached_file(info: OfficialWeights, progress: bool = True) -> Path:
    """The file of weights on this machine, downloaded if need be, with its hash checked in any case.

    Raises:
        ConnectionError: If it is not in the cache and cannot be downloaded; nothing is left behind.
        RuntimeError: If it is not the published file; it is removed.
    """
    path = Path(torch.hub.get_dir(), "checkpoints", info.file)
    if path.exists():
        check_hash(path, info)
        return path
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(info.url, str(temporary), hash_prefix=None, progress=progress)
        check_hash(temporary, info)
        os.replace(temporary, path)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ConnectionError(
            f"the {info.name} weights of {info.model} could not be downloaded from {info.url} ({reason}): "
            f"try again online, or put the file into {path.parent}"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def packaged_file(info: OfficialWeights) -> Path:
    """The file of weights in the Python package that it comes in, with its hash checked; the package is not imported.

    Raises:
        ModuleNotFoundError: If the package is not installed.
        RuntimeError: If the package does not have the file, or has another one; the package is left as it is.
    """
    what = f"the {info.name} weights of {info.model}"
    try:
        package = distribution(str(info.package))
    except PackageNotFoundError:
        raise ModuleNotFoundError(
            f"{what} come in the package {info.package}, which is not installed: pip install {info.package} "
            "(it is part of lightnets-edu[photos])"
        ) from None
    path = next((Path(str(file.locate())) for file in package.files or () if file.name == info.file), None)
    if path is None or not path.exists():
        raise RuntimeError(
            f"{what} should be the file {info.file} in the package {info.package}, but version {package.version} has "
            f"none of that name: pip install --force-reinstall {info.package}"
        )
    if difference := _difference(path, info):
        raise RuntimeError(
            f"{path} is not the file that was published: {difference}; pip install --force-reinstall {info.package}"
        )
    return path


def check_hash(path: Path, info: OfficialWeights) -> None:
    """Compare a downloaded file with its published hash; without one, do nothing.

    Raises:
        RuntimeError: If they differ; the file is removed.
    """
    if difference := _difference(path, info):
        path.unlink()
        raise RuntimeError(f"the file from {info.url} is not the one that was published: {difference}; it was removed")


def _difference(path: Path, info: OfficialWeights) -> str:
    """How a file's hash differs from the published one, in words; empty if it does not, or if none was published."""
    published = {"SHA-256": info.sha256, "Git's SHA-1": info.git_blob_sha1}
    computed = {"SHA-256": _sha256, "Git's SHA-1": _git_blob_sha1}
    for kind, expected in published.items():
        if expected and not (found := computed[kind](path)).startswith(expected):
            return f"its {kind} begins with {found[: len(expected)]} instead of {expected}"
    return ""


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _git_blob_sha1(path: Path) -> str:
    """As ``git hash-object`` computes it: over a header with the size, then the content."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
