"""Small networks that train in front of the reader: what a page shows, and what it loads after a press."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import traitlets
from torch import nn

from lightnets_edu.checks import one_of
from lightnets_edu.counting import count
from lightnets_edu.pages.live.rows import Shape, compact, network_rows
from lightnets_edu.pages.live.shown import pressed_html
from lightnets_edu.pages.live.train.start import TEST, TRAIN, page_pictures
from lightnets_edu.pages.script.bundle import bundle, page_script
from lightnets_edu.pages.script.component import PageWidget
from lightnets_edu.recording.studies import get_study
from lightnets_edu.training import TrainConfig

_HERE = Path(__file__).parent
_TRAIN_CSS = (_HERE / "train.css").read_text(encoding="utf-8")
IMAGE: Shape = (1, 28, 28)
PAIR: Shape = (2, 28, 28)
# Less than a study's training: two networks are through in less than a minute.
RECIPE = TrainConfig(
    epochs=4,
    batch_size=32,
    learning_rate=0.05,
    warmup_epochs=0.5,
    label_smoothing=0.1,
    augment=False,
    amp="off",
    image_size=28,
    channels=1,
)
SCRIPTS = ("lightnets-pictures.js", "lightnets-train.js")


class TrainHere(PageWidget):
    """Trains networks beside each other: in a built page when a button is pressed, in Jupyter too."""

    _esm = bundle(_HERE / "train.js")
    _css = (_HERE.parent / "live.css").read_text(encoding="utf-8") + _TRAIN_CSS
    spec = traitlets.Dict().tag(sync=True)
    pictures = traitlets.Dict().tag(sync=True)

    def static_html(self) -> str:
        """The element for a page without a kernel: words and a button. The rest is loaded by a press."""
        return pressed_html("train", self.spec, {"start": "Train them here"}, SCRIPTS, _TRAIN_CSS)


def train_here(study: str, variants: Mapping[str, str]) -> TrainHere:
    """Let the reader train networks of a study on the reader's own device, side by side.

    Args:
        study: Its name.
        variants: Those of the study's variants that are trained, two of them, with a few words for each.

    Raises:
        ValueError: If there is no such study or variant, or a variant is no network of its own.
        UnknownOperationError: If the page cannot train one of them.
    """
    described = []
    for name, words in variants.items():
        variant = get_study(study).variant(name)
        if variant.build is None:
            raise ValueError(
                f"{name!r} cannot be trained: in the study {study!r} it is something that is done to {variant.after!r}"
            )
        described.append(describe_network(name, words, variant.build(), IMAGE))
    seen = f"{TRAIN:,} pictures of Fashion-MNIST"
    less = "That is a shorter training than the study's, so both end less accurate than there."
    return TrainHere(spec=_spec(described, seen, less), pictures=described_pictures())


def train_pairs_here(networks: Mapping[str, nn.Module], kinds: tuple[str, str]) -> TrainHere:
    """Let the reader train networks that say whether two pictures are of one kind.

    Args:
        networks: Words to networks from ``[N, 2, 28, 28]``, a picture in each channel, to two logits: different, alike.
        kinds: The two classes of Fashion-MNIST whose pictures they see.

    Raises:
        ValueError: If there is no such class.
        UnknownOperationError: If the page cannot train one of them.
    """
    classes = page_pictures().classes
    for kind in kinds:
        one_of("kinds", kind, classes)
    labels = [classes.index(kind) for kind in kinds]
    described = [describe_network(words, words, network, PAIR) for words, network in networks.items()]
    seen = f"{TRAIN:,} pairs of pictures, each a {kinds[0]} or an {kinds[1]}, and have to say whether both are alike"
    return TrainHere(spec=_spec(described, seen, "", labels), pictures=described_pictures())


def describe_network(name: str, words: str, model: nn.Module, size: Shape) -> dict[str, Any]:
    """What the page has to know of a network that it is to train."""
    table = count(model, (1, *size))
    rows = network_rows(model, size, training=True)
    return {
        "name": name,
        "words": words,
        "parameters": sum(one.numel() for one in model.parameters()),
        "macs": table.macs,
        "gates": any(row.op == "gate" for row in rows),
        "rows": compact(rows),
    }


def recipe_of_page(config: TrainConfig) -> dict[str, float]:
    """The settings under the names that the page's scripts have for them."""
    return {
        "epochs": config.epochs,
        "batch": config.batch_size,
        "rate": config.learning_rate,
        "rise": round(config.warmup_epochs * (TRAIN // config.batch_size)),
        "momentum": config.momentum,
        "decay": config.weight_decay,
        "smoothing": config.label_smoothing,
    }


def _spec(
    networks: Sequence[Mapping[str, Any]], seen: str, less: str, kinds: Sequence[int] | None = None
) -> dict[str, Any]:
    megabytes = len(pictures_script()) / 1e6
    words = " and ".join(one["words"] for one in networks)
    introduction = (
        f"Two small networks ({words}) learn in front of you, on your own device, in turns. In batches of "
        f"{RECIPE.batch_size} they see, {RECIPE.epochs} times over, {seen}. They are tested on {TEST:,} others. "
        f"{less} A press loads the pictures ({megabytes:.1f} MB) and the engine; nothing is sent anywhere."
    )
    return {
        "introduction": " ".join(introduction.split()),
        "networks": list(networks),
        "recipe": recipe_of_page(RECIPE),
        "kinds": kinds,
    }


@cache
def described_pictures() -> dict[str, Any]:
    """The pictures as the page's scripts read them."""
    pictures = page_pictures()
    return {"packed": pictures.packed(), "train": TRAIN, "test": TEST, "mean": pictures.mean, "std": pictures.std}


def pictures_script() -> str:
    """What a page loads before it trains: real pictures."""
    return f"globalThis.lightnetsPictures = {json.dumps(described_pictures())};\n"


def train_scripts() -> Iterator[tuple[str, str]]:
    """Files that pages load on a press: name and content."""
    data, engine = SCRIPTS
    yield data, pictures_script()
    yield engine, page_script(_HERE / "train.js", 'live="train"')
