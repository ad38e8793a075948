"""What trains inside a page does what PyTorch does: each operation's gradient, each step, each test."""

from __future__ import annotations

import base64
import copy
import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import Browser, Page
from torch import Tensor, nn

from lightnets_edu.features import capture_gates, replaced_gates
from lightnets_edu.models.channel_shuffle import ChannelShuffle
from lightnets_edu.models.shufflenet_v1 import ShuffleUnit
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation
from lightnets_edu.pages.live.rows import UnknownOperationError, compact, network_rows
from lightnets_edu.pages.live.train.shown import RECIPE, described_pictures, recipe_of_page
from lightnets_edu.pages.live.train.start import epoch_order, page_pairs, page_pictures, put_first_weights
from lightnets_edu.recording.studies import get_study
from lightnets_edu.training import TrainConfig, load_fashion_mnist
from lightnets_edu.training.distributed import World
from lightnets_edu.training.steps import Stepper, learning_rate_at

from .conftest import call

SEED = 2  # with others a number lies so near the edge of a ReLU that rounding decides, in PyTorch too
TRAIN_PICTURES, TEST_PICTURES = 4000, 1024
# What readers train, by study.
TRAINED_HERE = {
    "mobilenet_v1": ("separable", "narrow"),
    "senet": ("gates", "plain"),
    "ghostnet": ("ghosts", "fewer"),
}
TRAIN = """async ({ Training, rateAt, stepsOf, unpackPictures }, packed, recipe, seed, rows, many, kinds) => {
  const pictures = await unpackPictures(packed), each = stepsOf(packed, recipe);
  const training = new Training();
  await training.begin(pictures, rows, recipe.batch, seed, kinds);
  const first = await training.ask("numbers", { which: "at" });
  const rates = Array.from({ length: many }, (_, step) => rateAt(step, each, recipe));
  const { losses } = await training.ask("train", { first: 0, rates, recipe });
  const numbers = await training.ask("numbers", { which: "at" });
  const velocities = await training.ask("numbers", { which: "velocity" });
  const statistics = await training.ask("statistics");
  const test = await training.ask("test"), held = await training.ask("testHeld");
  const rest = Array.from({ length: 3 }, (_, step) => rateAt(many + step, each, recipe));
  const later = (await training.ask("train", { first: many, rates: rest, recipe })).losses;
  training.stop();
  return {
    losses, later, test, held, first: [...first], numbers: [...numbers], velocities: [...velocities],
    statistics: statistics.map((one) => [...one]),
  };
}"""


@pytest.fixture(scope="module")
def browser(both_browsers: Browser) -> Browser:
    return both_browsers


@dataclass
class Trained:
    """The same in PyTorch: losses and, in the rows' order, weights, velocities and statistics."""

    losses: list[float]
    first: np.ndarray
    numbers: np.ndarray
    velocities: np.ndarray
    model: nn.Module


def train_with_torch(
    name: str,
    steps: int,
    dtype: torch.dtype,
    config: TrainConfig = RECIPE,
    begun: int = 0,
    state: tuple[np.ndarray, np.ndarray] | None = None,
) -> Trained:
    """The book's own optimiser on the page's pictures, from the page's first weights or from a later state.

    Args:
        name: Of the network.
        steps: How many.
        dtype: Of all numbers.
        config: The settings.
        begun: Steps that were made before.
        state: The weights and velocities after these, in the rows' order.
    """
    model, kinds = SHOWN[name](), KINDS.get(name)
    pictures = page_pairs(kinds) if kinds else page_pictures()
    rows = network_rows(copy.deepcopy(model), size_of(name), training=True)
    put_first_weights(model, rows, SEED)
    model.to(dtype).train()
    each = TRAIN_PICTURES // config.batch_size
    stepper = Stepper(
        model,
        config,
        device=torch.device("cpu"),
        amp="off",
        world=World.current(),
        classes=2 if kinds else 10,
        steps_per_epoch=each,
    )
    named = dict(model.named_parameters())
    order = [named[name] for row in rows for name in row.parameters if name]
    assert {id(one) for one in order} == {id(one) for one in model.parameters()}

    def flat(tensors: list[Tensor]) -> np.ndarray:
        return torch.cat([one.detach().flatten() for one in tensors]).double().numpy()

    if state is not None:
        sizes = [one.numel() for one in order]
        numbers, velocities = (torch.from_numpy(one).to(dtype).split(sizes) for one in state)
        for parameter, number, velocity in zip(order, numbers, velocities, strict=True):
            parameter.data.copy_(number.view_as(parameter))
            stepper.optimizer.state[parameter]["momentum_buffer"] = velocity.view_as(parameter).clone()
    first, losses = flat(order), []
    for step in range(begun, begun + steps):
        at = step % each * config.batch_size
        chosen = epoch_order(SEED, step // each)[at : at + config.batch_size]
        for group in stepper.optimizer.param_groups:
            group["lr"] = stepper.learning_rate(step)
        images, targets = pictures.images(chosen).to(dtype), pictures.targets(chosen)
        stepper.optimizer.zero_grad()
        loss = F.cross_entropy(model(images), targets, label_smoothing=config.label_smoothing)
        loss.backward()
        stepper.optimizer.step()
        losses.append(loss.item())
    velocities = flat([stepper.optimizer.state[one]["momentum_buffer"] for one in order])
    return Trained(losses, first, flat(order), velocities, model)


class Everything(nn.Module):
    """Each operation that can be trained, more than once where it has kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 5, 2, 2), nn.BatchNorm2d(8), nn.ReLU())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.strided = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1, groups=8), nn.Conv2d(8, 10, 1, bias=False))
        self.copies = nn.Conv2d(4, 12, 3, padding=1, groups=4)
        self.grouped = nn.Sequential(nn.Conv2d(12, 8, 3, padding=1, groups=4), ChannelShuffle(4), nn.BatchNorm2d(8))
        self.squeeze = SqueezeExcitation(8, 4)
        self.largest, self.average = nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(34, 12), nn.ReLU(), nn.Linear(12, 10)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        x = self.stem(x)
        x = x + self.depthwise(x)
        y = self.squeeze(self.grouped(self.copies(x[:, 2:6])))
        parts = [self.largest(x), self.average(y), self.strided(y), self.average(x)]
        return self.head(torch.cat(parts, 1))


def pair_network(shuffle: str) -> nn.Module:
    """As chapter 8 builds it."""
    units = [ShuffleUnit(32, 32, groups=2, stride=1, shuffle=shuffle) for _ in range(2)]
    stem = nn.Sequential(nn.Conv2d(2, 32, 7, stride=7, groups=2, bias=False), nn.BatchNorm2d(32), nn.ReLU())
    return nn.Sequential(stem, *units, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 2))


def size_of(name: str) -> tuple[int, int, int]:
    return (2 if name in KINDS else 1, 28, 28)


SHOWN: dict[str, Callable[[], nn.Module]] = {
    "everything": Everything,
    **{
        f"{study}: {name}": get_study(study).variant(name).build
        for study, names in TRAINED_HERE.items()
        for name in names
    },
}
# Those that see pairs of pictures, and the labels of these.
KINDS = {"pairs: shuffled": (1, 9), "pairs: not shuffled": (1, 9)}
SHOWN |= {name: partial(pair_network, how) for name, how in zip(KINDS, ("paper", "none"), strict=True)}
STEPS = 50
SLOW = replace(RECIPE, learning_rate=1e-4)  # so slow that roundings stay small


def in_page(page: Page, name: str, steps: int, config: TrainConfig = RECIPE) -> dict[str, Any]:
    """What the page makes of a network."""
    rows = compact(network_rows(SHOWN[name](), size_of(name), training=True))
    arguments = (described_pictures(), recipe_of_page(config), SEED, rows, steps, KINDS.get(name))
    return call(page, "live/train/training.js", TRAIN, *arguments)


@pytest.mark.parametrize("name", SHOWN)
def test_one_step(page, name):
    """Each parameter's gradient is PyTorch's: with weight decay it is the velocity after the first step."""
    found, wanted = in_page(page, name, 1), train_with_torch(name, 1, torch.float64)
    np.testing.assert_array_equal(np.array(found["first"], np.float32), wanted.first)
    assert found["losses"] == pytest.approx(wanted.losses, abs=1e-6)
    scale = np.abs(wanted.velocities).max()
    np.testing.assert_allclose(found["velocities"], wanted.velocities, rtol=1e-4, atol=1e-5 * scale)
    np.testing.assert_allclose(found["numbers"], wanted.numbers, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["everything", "ghostnet: fewer"])
def test_fifty_steps(page, name):
    """With a network and a rate at which PyTorch's float32 stays within 1e-4 of its float64, the page does too."""
    wanted, rounded = (train_with_torch(name, STEPS, dtype, SLOW) for dtype in (torch.float64, torch.float32))
    assert np.abs(np.subtract(rounded.losses, wanted.losses)).max() < 1e-4
    found = in_page(page, name, STEPS, SLOW)
    assert np.abs(np.subtract(found["losses"], wanted.losses)).max() < 1e-4
    np.testing.assert_allclose(found["numbers"], wanted.numbers, atol=1e-4)


@pytest.mark.parametrize("name", SHOWN)
def test_the_shown_recipe(page, name):
    """With the rate that readers see, three losses are PyTorch's, and three more from a later state.

    Roundings are enlarged from step to step there, in PyTorch too: after some steps its float32 is far from its
    float64. So what the page has after 50 steps is given to PyTorch, and both go on from there.
    """
    found = in_page(page, name, STEPS)
    start = train_with_torch(name, 3, torch.float64)
    assert found["losses"][:3] == pytest.approx(start.losses, abs=1e-4)
    state = np.array(found["numbers"]), np.array(found["velocities"])
    wanted = train_with_torch(name, 3, torch.float64, begun=STEPS, state=state)
    assert found["later"] == pytest.approx(wanted.losses, abs=1e-4)


def test_statistics_and_test(page):
    """Running statistics, and the test with them, are PyTorch's; so is the test with all gates at their means."""
    name = "senet: gates"
    found, wanted = in_page(page, name, 3), train_with_torch(name, 3, torch.float64)
    norms = [module for module in wanted.model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(found["statistics"]) == 2 * len(norms)
    rows = network_rows(SHOWN[name](), (1, 28, 28), training=True)
    named = dict(wanted.model.named_modules())
    order = [named[row.parameters[0].rpartition(".")[0]] for row in rows if row.op == "affine" and row.weights]
    for norm, mean, variance in zip(order, found["statistics"][::2], found["statistics"][1::2], strict=True):
        np.testing.assert_allclose(mean, norm.running_mean, atol=1e-5)
        np.testing.assert_allclose(variance, norm.running_var, rtol=1e-4)
    pictures, numbers = page_pictures(), np.arange(TRAIN_PICTURES, TRAIN_PICTURES + TEST_PICTURES)
    images, targets = pictures.images(numbers).double(), pictures.targets(numbers)
    model = wanted.model.eval()
    with torch.no_grad():
        plain = model(images)
        means = {key: gates.mean(0) for key, gates in capture_gates(model, images).items()}
        with replaced_gates(model, lambda key, gates: means[key].view(1, -1, 1, 1).expand_as(gates)):
            held = model(images)
    for key, scores in (("test", plain), ("held", held)):
        assert found[key]["loss"] == pytest.approx(F.cross_entropy(scores, targets).item(), abs=1e-4)
        assert found[key]["right"] == pytest.approx((scores.argmax(1) == targets).double().mean().item(), abs=2e-3)


def test_rates(page):
    """The learning rate's rise and fall are the book's."""
    each = TRAIN_PICTURES // RECIPE.batch_size
    rates = (
        """({ rateAt }, each, recipe, all) => Array.from({ length: all }, (_, step) => rateAt(step, each, recipe))"""
    )
    all_steps, rise = each * RECIPE.epochs, round(RECIPE.warmup_epochs * each)
    found = call(page, "live/train/training.js", rates, each, recipe_of_page(RECIPE), all_steps)
    wanted = [learning_rate_at(step, all_steps, rise, RECIPE.learning_rate) for step in range(all_steps)]
    assert found == pytest.approx(wanted, rel=1e-12)


def test_pictures_are_those_of_the_package():
    """Each pixel is the nearest of 16 shades, and an epoch has each picture once."""
    content = gzip.decompress(base64.b64decode(described_pictures()["packed"]))
    count = TRAIN_PICTURES + TEST_PICTURES
    pairs = np.frombuffer(content, np.uint8, offset=count).reshape(count, -1)
    shades = np.stack([pairs >> 4, pairs & 15], 2).reshape(count, 28, 28)
    sets = load_fashion_mnist("train", TRAIN_PICTURES), load_fashion_mnist("test", TEST_PICTURES)
    real = np.concatenate([one.images.squeeze(1).numpy() for one in sets])
    assert np.abs(shades * 17.0 - real).max() <= 8.5
    np.testing.assert_array_equal(
        np.frombuffer(content[:count], np.uint8), np.concatenate([one.labels.numpy() for one in sets])
    )
    first, second = epoch_order(SEED, 0), epoch_order(SEED, 1)
    assert sorted(first) == sorted(second) == list(range(TRAIN_PICTURES)) and (first != second).any()


def test_pairs_are_what_they_are_called():
    """About half are alike, each with the label of its pictures; none of the test is made of training pictures."""
    pairs, pictures = page_pairs((1, 9)), page_pictures()
    labels = pictures.labels[pairs.numbers]
    assert set(labels.flat) == {1, 9}
    np.testing.assert_array_equal(pairs.labels == 1, labels[:, 0] == labels[:, 1])
    assert pairs.labels.mean() == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(len(pairs.labels)))
    assert (pairs.numbers[:TRAIN_PICTURES] < TRAIN_PICTURES).all()
    assert (pairs.numbers[TRAIN_PICTURES:] >= TRAIN_PICTURES).all()
    assert (pairs.numbers[:, 0] == pairs.numbers[:, 1]).mean() < 0.01


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.Dropout(0.2), "drops 0.2 of its inputs"),
        (nn.BatchNorm2d(3, eps=1e-3), "not 0.1 and 0.001"),
        (nn.BatchNorm2d(3, momentum=0.01), "not 0.01 and 1e-05"),
    ],
)
def test_what_would_train_otherwise_is_refused(layer, words):
    network = nn.Sequential(nn.Conv2d(1, 3, 1), layer)
    network_rows(network, (1, 9, 9))
    with pytest.raises(UnknownOperationError, match=words):
        network_rows(network, (1, 9, 9), training=True)


def test_what_cannot_be_trained_is_said(page):
    said = """async ({ Training, unpackPictures }, packed) => {
      const training = new Training(), messages = [];
      const pictures = await unpackPictures(packed);
      for (const row of [["response_norm", [1], [1, 28, 28], [5, 1, 1]], ["reshape", [1], [784, 1, 1], []]]) {
        await training.begin(pictures, [row], 32, 1, null).catch((error) => messages.push(error.message));
        training.stop();
      }
      return messages;
    }"""
    assert call(page, "live/train/training.js", said, described_pictures()) == [
        "Training knows no operation response_norm.",
        "Training knows no flattened maps: pool them first.",
    ]
