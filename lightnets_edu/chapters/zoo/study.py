"""Chapter 3b's study: with few images of a new task, are convolutions that were trained on another one worth having?"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightnets_edu.models import get_model
from lightnets_edu.models.weights import weights_info
from lightnets_edu.recording.networks import NORM_MOMENTUM
from lightnets_edu.recording.studies import Comparison, Context, Measure, Study, Variant
from lightnets_edu.training.batches import Order, mixed_seed
from lightnets_edu.training.distributed import World
from lightnets_edu.training.fashion_mnist import CLASSES, load_fashion_mnist
from lightnets_edu.training.steps import Stepper

# The new task: the four clothes of the set that are most like each other, so that a few images do not solve it. The
# other six are what a network learns before.
OWN = ("T-shirt/top", "pullover", "coat", "shirt")
OTHERS = tuple(name for name in CLASSES if name not in OWN)
DRAWS = {5: 4, 20: 4, 100: 2}  # images of each class, and how often they are drawn: fewer images leave more to luck
STEPS, BATCH = 100, 32  # of every way of learning, whatever it begins with
WARMUP = 0.1  # of the steps
# The peak learning rate of each way is the best of 0.001, 0.003, 0.01, ... for it. They were compared before the first
# run, with a seed that no run has: learned from the first 6,000 training images, judged on the other 2,000 (by the mean
# over the numbers of images; "imagenet_tuned", the slowest, with twenty images of each class).
RATES = {"scratch": 0.01, "frozen": 0.1, "tuned": 0.1, "imagenet_frozen": 0.001, "imagenet_tuned": 0.1}
QUICK_STEPS, QUICK_TEST_IMAGES = 10, 100
IMAGENET_NETWORK, IMAGENET_SIDE = "efficientnet_lite0", 64  # pixels: its last map then has 2 x 2 of them
CHUNK = 100  # images at once where nothing is learned

Learned = Callable[[Tensor], Tensor]  # inputs to logits


class SmallAlexNet(nn.Module):
    """AlexNet of 2014 with an eighth of its channels, for images of 28 x 28 pixels.

    Five convolutions and three pools stand in its order. The kernels are smaller, a batch norm follows each
    convolution, and one fully connected layer is left of three.

    Args:
        num_classes: Outputs.

    Shape:
        ``[N, 1, 28, 28] -> [N, num_classes]``
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()

        def step(in_channels: int, out_channels: int, kernel_size: int) -> list[nn.Module]:
            convolution = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
            return [convolution, nn.BatchNorm2d(out_channels), nn.ReLU()]

        self.features = nn.Sequential(
            *step(1, 8, 5),
            nn.MaxPool2d(3, 2),  # 13 x 13
            *step(8, 24, 5),
            nn.MaxPool2d(3, 2),  #  6 x 6
            *step(24, 48, 3),
            *step(48, 32, 3),
            *step(32, 32, 3),
            nn.MaxPool2d(3, 2),  #  2 x 2
            nn.Flatten(),
        )
        self.classifier = nn.Linear(4 * 32, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.features(x))


def from_scratch(context: Context, rate: float) -> dict[str, float]:
    """All weights are new."""

    def way(images: Tensor, labels: Tensor) -> Learned:
        network = SmallAlexNet(len(OWN)).to(context.device).train()
        return learn(context, network, images, labels, rate)

    return few_images(context, partial(as_the_six, context), way)


def frozen(context: Context, rate: float) -> dict[str, float]:
    """The convolutions stay as they are, so what they give for an image is computed once; only a head is trained."""
    convolutions = context.trained.get_submodule("features").eval()  # batch norms use the statistics of the source

    def features(images: Tensor) -> Tensor:
        return in_chunks(convolutions, as_the_six(context, images))

    return few_images(context, features, partial(new_head, context, rate=rate))


def fine_tuned(context: Context, rate: float) -> dict[str, float]:
    """All weights of the trained network go on learning, behind a new head."""

    def way(images: Tensor, labels: Tensor) -> Learned:
        network: Any = copy.deepcopy(context.trained).train()
        network.classifier = nn.Linear(network.classifier.in_features, len(OWN))
        return learn(context, network.to(context.device), images, labels, rate)

    return few_images(context, partial(as_the_six, context), way)


def imagenet_frozen(context: Context, rate: float) -> dict[str, float]:
    """As `frozen`, with the convolutions of a network that was trained on ImageNet."""
    network: Any = get_model(IMAGENET_NETWORK, weights="imagenet").to(context.device).eval()

    def features(images: Tensor) -> Tensor:
        return in_chunks(lambda some: network.forward_features(some).mean((2, 3)), as_imagenet(context, images))

    return few_images(context, features, partial(new_head, context, rate=rate))


def imagenet_tuned(context: Context, rate: float) -> dict[str, float]:
    """As `fine_tuned`, from a network that was trained on ImageNet."""
    trained = get_model(IMAGENET_NETWORK, weights="imagenet", norm_momentum=NORM_MOMENTUM).train()

    def way(images: Tensor, labels: Tensor) -> Learned:
        network: Any = copy.deepcopy(trained)
        network.classifier[1] = nn.Linear(network.classifier[1].in_features, len(OWN))
        return learn(context, network.to(context.device), images, labels, rate)

    return few_images(context, partial(as_imagenet, context), way)


def as_the_six(context: Context, images: Tensor) -> Tensor:
    """uint8 ``[N, 1, 28, 28]`` as the network of the six classes takes them: normalised by their mean and deviation."""
    statistics = context.train_set.normalisation()
    return (images.to(context.device).float() / 255 - statistics.mean[0]) / statistics.std[0]


def as_imagenet(context: Context, images: Tensor) -> Tensor:
    """uint8 ``[N, 1, 28, 28]`` as the network of ImageNet takes them: three channels, larger, its own normalisation."""
    info = weights_info(IMAGENET_NETWORK)
    mean, std = (torch.tensor(values, device=context.device).view(3, 1, 1) for values in (info.mean, info.std))
    larger = F.interpolate(images.to(context.device).float() / 255, size=IMAGENET_SIDE, mode=info.interpolation)
    return ((larger.clamp(0, 1) - mean) / std).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def in_chunks(function: Learned, inputs: Tensor) -> Tensor:
    """What a function gives for many inputs, a few of them at a time."""
    return torch.cat([function(some) for some in inputs.split(CHUNK)])


def new_head(context: Context, features: Tensor, labels: Tensor, rate: float) -> Learned:
    """One linear layer, trained on features ``[N, C]``."""
    return learn(context, nn.Linear(features.shape[1], len(OWN)).to(context.device), features, labels, rate)


def learn(context: Context, network: nn.Module, inputs: Tensor, labels: Tensor, rate: float) -> Learned:
    """Train a network in place, in the mode that it is in, and give it back in evaluation mode."""
    steps = QUICK_STEPS if context.quick else STEPS
    recipe = replace(context.recipe, epochs=1, warmup_epochs=WARMUP, learning_rate=rate)
    order = Order(len(labels), min(BATCH, len(labels)), shuffle=True, seed=context.seed, part=(0, 1))
    batches = itertools.chain.from_iterable(order.epoch(number) for number in itertools.count())
    stepper = Stepper(
        network,
        recipe,
        device=context.device,
        amp="off",
        world=World(),
        classes=len(OWN),
        steps_per_epoch=steps,
    )
    for step, chosen in enumerate(itertools.islice(batches, steps)):
        stepper.take(step, inputs[chosen], labels[chosen])
    return network.eval()


def few_images(context: Context, prepare: Learned, way: Callable[[Tensor, Tensor], Learned]) -> dict[str, float]:
    """Learn the new task from few images of each class, and test.

    Args:
        context: Of the run; its seed decides which images are drawn.
        prepare: uint8 ``[N, 1, 28, 28]`` to what is learned from.
        way: Learns from such inputs and their labels.

    Returns:
        A measure for each number of images, the mean over its draws.
    """
    train_set, test_set = (load_fashion_mnist(split).of_classes(OWN) for split in ("train", "test"))
    test_set = test_set.first(QUICK_TEST_IMAGES if context.quick else None)
    test_inputs, test_labels = prepare(test_set.images), test_set.labels.to(context.device)
    found = {}
    for each, draws in DRAWS.items():
        right = []
        for draw in range(1 if context.quick else draws):
            few = train_set.drawn(each, mixed_seed(context.seed, each, draw) % 2**32)
            learned = way(prepare(few.images), few.labels.to(context.device))
            right.append((in_chunks(learned, test_inputs).argmax(1) == test_labels).double().mean())
        found[f"accuracy_{each}"] = 100 * float(torch.stack(right).mean())
    return found


def _compared(a: str, b: str, each: int, claim: str = "") -> Comparison:
    return Comparison(a, b, by=MATTERS, measure=f"accuracy_{each}", claim=claim)


# By how many points one way has to be better. With so few images results scatter more than elsewhere in this book, and
# nobody chooses between two ways for less.
MATTERS = 2.0
STUDY = Study(
    name="alexnet",
    claim="With twenty images a class, convolutions that learned other classes before and go on learning are better "
    "than new ones.",
    source="the practice for which libraries offer trained weights; no paper was read for it",
    variants=(
        Variant("six", "networks of the six other classes", partial(SmallAlexNet, len(OTHERS))),
        Variant(
            "tuned",
            "networks fine-tuned from six other classes",
            run=partial(fine_tuned, rate=RATES["tuned"]),
            after="six",
        ),
        Variant(
            "frozen",
            "a new head on frozen convolutions of six other classes",
            run=partial(frozen, rate=RATES["frozen"]),
            after="six",
        ),
        Variant("scratch", "networks from scratch", run=partial(from_scratch, rate=RATES["scratch"])),
        Variant(
            "imagenet_tuned",
            "EfficientNet-Lite0 fine-tuned from ImageNet",
            run=partial(imagenet_tuned, rate=RATES["imagenet_tuned"]),
        ),
        Variant(
            "imagenet_frozen",
            "a new head on EfficientNet-Lite0 frozen as ImageNet left it",
            run=partial(imagenet_frozen, rate=RATES["imagenet_frozen"]),
        ),
    ),
    comparisons=(
        _compared("tuned", "scratch", 20),
        _compared("tuned", "scratch", 5, "With five images a class, fine-tuning is better than learning from scratch."),
        _compared("tuned", "scratch", 100, "With a hundred images a class, fine-tuning is better than from scratch."),
        _compared(
            "frozen", "tuned", 5, "With five images a class, frozen convolutions are better than fine-tuned ones."
        ),
        _compared("tuned", "frozen", 100, "With a hundred images a class, fine-tuning is better than freezing."),
        _compared(
            "imagenet_frozen", "frozen", 20, "With twenty, ImageNet's frozen convolutions beat those of six classes."
        ),
        _compared(
            "imagenet_frozen", "scratch", 5, "With five, ImageNet's frozen convolutions beat learning from scratch."
        ),
        _compared(
            "imagenet_tuned", "scratch", 20, "With twenty, fine-tuning from ImageNet beats learning from scratch."
        ),
    ),
    measures=(
        *(Measure(f"accuracy_{each}", f"test accuracy with {each} images a class", "%") for each in DRAWS),
        Measure("accuracy", "test accuracy of the six other classes", "%"),
    ),
    classes=OTHERS,
)
