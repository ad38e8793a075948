"""Photographs for a trained network to look at: those inside scikit-image's package that are free of rights.

The files are read where the package was installed; scikit-image itself is not imported, and nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lightnets_edu.checks import whole_number

PACKAGE = "scikit-image"
# File, who made the picture, and under which licence, as scikit-image's documentation says of each. Every half of the
# list has objects, textures and a picture through an instrument, so the halves are alike.
CREDITS = {
    "coffee.png": ("Rachel Michetti, courtesy of Pikolo Espresso Bar", "CC0"),
    "camera.png": ("Lav Varshney", "CC0"),
    "rocket.jpg": ("SpaceX", "public domain"),
    "coins.png": ("Brooklyn Museum Collection", "no known copyright restrictions"),
    "brick.png": ("CC0Textures", "CC0"),
    "hubble_deep_field.jpg": ("NASA", "public domain"),
    "chelsea.png": ("Stefan van der Walt", "CC0"),
    "astronaut.png": ("NASA", "public domain"),
    "clock_motion.png": ("Stefan van der Walt", "public domain"),
    "grass.png": ("linolafett, DeviantArt", "CC0"),
    "gravel.png": ("CC0Textures", "CC0"),
    "retina.jpg": ("Wikimedia Commons, Fundus photograph of normal left eye", "CC0"),
}
SMALLEST_CUT = 0.6  # of the shorter side: the smallest square that is cut out for a further view


@dataclass(frozen=True, eq=False)
class Photos:
    """Photographs as a batch.

    Attributes:
        names: Of the photographs, such as "coffee"; a photograph with several views is named as often.
        images: ``[N, 3, size, size]``, red, green and blue from 0 to 1; all views of a photograph stand together.
        credits: Name to who made it and the licence.
    """

    names: tuple[str, ...]
    images: Tensor
    credits: dict[str, str]

    def normalised(self, mean: Sequence[float], std: Sequence[float]) -> Tensor:
        """The images as a network was trained to take them: each channel minus its mean, divided by its deviation.

        Args:
            mean: Of red, green and blue, from 0 to 1; that of the weights is in ``weights_info(name).mean``.
            std: The same.
        """
        centre, scale = (torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1) for values in (mean, std))
        return (self.images - centre) / scale


def load_photos(size: int = 224, views: int = 1, seed: int = 0) -> Photos:
    """The photographs, as squares of one size.

    The first view of each is the largest square in its middle. Further views are squares cut out at random places, of
    random sizes down to `SMALLEST_CUT` of the shorter side, half of them mirrored. Grey photographs get three equal
    channels. All are resized as Pillow does it, bicubic and without aliasing.

    Args:
        size: Side of the squares, in pixels.
        views: Of each photograph.
        seed: Of the further views.

    Raises:
        ModuleNotFoundError: If scikit-image is not installed.
        FileNotFoundError: If its package does not have one of the files.
    """
    size, views = whole_number("size", size, 1), whole_number("views", views, 1)
    generator = torch.Generator().manual_seed(seed)
    paths = _paths()
    images = [view for path in paths.values() for view in _views(path, size, views, generator)]
    names = tuple(name for name in paths for _ in range(views))
    return Photos(names, torch.stack(images), {Path(file).stem: ", ".join(credit) for file, credit in CREDITS.items()})


def imagenet_classes() -> list[str]:
    """The thousand classes of ImageNet in the order of the logits, as torchvision names them."""
    from torchvision.models import MobileNet_V2_Weights

    return list(MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"])


def _paths() -> dict[str, Path]:
    """Name to file."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise ModuleNotFoundError(
            f"the photographs come in the package {PACKAGE}, which is not installed: pip install {PACKAGE} "
            "(it is part of lightnets-edu[photos])"
        ) from None
    there = {
        file.name: Path(str(file.locate())) for file in package.files or () if file.parts[:2] == ("skimage", "data")
    }
    for file in CREDITS:
        if file not in there or not there[file].exists():
            raise FileNotFoundError(
                f"the photograph {file} is not in {PACKAGE} {package.version}, which should have it: "
                f"pip install --force-reinstall {PACKAGE}"
            )
    return {Path(file).stem: there[file] for file in CREDITS}


def _views(path: Path, size: int, views: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Squares of one photograph, ``[3, size, size]`` from 0 to 1."""
    from PIL import Image
    from torchvision.transforms.functional import pil_to_tensor

    with Image.open(path) as opened:
        picture: Any = opened.convert("RGB")
    shorter = min(picture.size)
    for view in range(views):
        side, left, top, mirrored = float(shorter), 0.5, 0.5, False
        if view:
            cut, left, top, coin = torch.rand(4, generator=generator).tolist()
            side, mirrored = shorter * (SMALLEST_CUT + (1 - SMALLEST_CUT) * cut), coin < 0.5
        x, y = left * (picture.width - side), top * (picture.height - side)
        square = picture.resize((size, size), Image.Resampling.BICUBIC, box=(x, y, x + side, y + side))
        if mirrored:
            square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        yield pil_to_tensor(square).float() / 255
