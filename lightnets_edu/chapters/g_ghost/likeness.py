"""Chapter 13's look into a plain stage: how much of its last block's output is in the first block's already?"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from lightnets_edu.chapters.g_ghost.study import DEPTH, OneStage
from lightnets_edu.features import block_similarity, capture, pointwise_r2, settle_batch_norms
from lightnets_edu.recording.studies import RECIPE
from lightnets_edu.training import Batches, load_fashion_mnist, seed_everything, train

TRAINING_IMAGES, EPOCHS = 4000, 4
IMAGES = 400  # of the test set: half of them fit the 1x1 convolution, half judge it
BLOCKS = [f"stage.{block}" for block in range(DEPTH)]


@dataclass(frozen=True)
class Likeness:
    """What a block's maps have in common with the first block's: three numbers up to 1.

    Attributes:
        r2: The part of their variance that the best 1x1 convolution of the first block's maps makes, see
            ``pointwise_r2``.
        cka: Linear centred kernel alignment, see ``block_similarity``.
        cosine: Mean similarity to the most similar map of the first block, see ``block_similarity``.
    """

    r2: float
    cka: float
    cosine: float


class NoShortcut(nn.Module):
    """In place of a shortcut: adds 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Zeros as many as there are inputs."""
        return torch.zeros_like(x)


def trained_plain(seed: int = 0) -> tuple[OneStage, float]:
    """The study's plain network, trained for a moment by the study's recipe on a part of its images.

    Returns:
        The network, and the part of 2,000 test images that it gets right, from 0 to 1.
    """
    config = replace(RECIPE, epochs=EPOCHS, seed=seed)
    seed_everything(seed)
    network = OneStage()
    result = train(
        network,
        load_fashion_mnist("train").first(TRAINING_IMAGES),
        load_fashion_mnist("test"),
        config,
        device="cpu",
        threads=1,
        progress=False,
    )
    return network, result.last_test_accuracy


def images_to_look_at() -> Tensor:
    """Test images as the network takes them, ``[400, 1, 28, 28]``."""
    chosen = load_fashion_mnist("test").first(IMAGES)
    normalisation = load_fashion_mnist("train").first(TRAINING_IMAGES).normalisation()
    batches = Batches(
        chosen,
        IMAGES,
        torch.device("cpu"),
        image_size=RECIPE.image_size,
        channels=RECIPE.channels,
        normalisation=normalisation,
    )
    images, _ = next(iter(batches))
    return images


def with_controls(trained: OneStage, images: Tensor, seed: int = 0) -> dict[str, list[Likeness]]:
    """The likeness of block 1 with each later block, in the trained network and in three controls.

    Args:
        trained: A plain network.
        images: ``[N, 1, 28, 28]``.
        seed: That the network had before its training.

    Returns:
        For ``"trained"``; ``"before training"``, with the weights that it had then; ``"no shortcuts"``, the trained
        network with the shortcuts after its first block removed; ``"another image"``, each image's later block beside
        the first block of the next image in the test set. The batch norms' statistics of the two changed networks are
        measured anew.
    """
    seed_everything(seed)
    before, cut = OneStage(), copy.deepcopy(trained)
    for block in BLOCKS[1:]:
        cut.get_submodule(block).downsample = NoShortcut()
    for network in (before, cut):
        settle_batch_norms(network, images)
    return {
        "trained": _likenesses(trained, images),
        "before training": _likenesses(before, images),
        "no shortcuts": _likenesses(cut, images),
        "another image": _likenesses(trained, images, shift=1),
    }


def _likenesses(network: OneStage, images: Tensor, shift: int = 0) -> list[Likeness]:
    """Of block 1 with blocks 2, 3, ...; with a shift, of different images."""
    first, *later = capture(network, BLOCKS, images).values()
    found = []
    for maps in later:
        maps = maps.roll(shift, 0)
        alike = block_similarity(first, maps)
        found.append(Likeness(pointwise_r2(first, maps), alike.cka, alike.cosine))
    return found
