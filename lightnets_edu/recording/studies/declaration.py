"""What a study is: a claim, the variants that test it, and the smallest difference that would matter.

A chapter declares its study in ``chapters/<chapter>/study.py``, before anything runs::

    STUDY = Study(
        name="shortcuts",
        claim="Shortcuts make a deep network more accurate.",
        source="He et al. 2016, arXiv:1512.03385, section 4.1, table 2",
        evidence=(Evidence("ResNet-34 instead of a plain network", "top-1 error 25.03 instead of 28.54 %", "table 2"),),
        variants=(
            Variant("with", "networks with shortcuts", partial(SmallNet, shortcuts=True)),
            Variant("without", "networks without shortcuts", partial(SmallNet, shortcuts=False)),
        ),
        comparisons=(Comparison("with", "without", by=0.5),),
        held_equal=(HeldEqual("macs", ("with", "without"), tolerance=0.01),),
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from lightnets_edu.checks import one_of, real_number
from lightnets_edu.records.verdicts import KINDS
from lightnets_edu.training import Batches, ImageDataset, TrainConfig, evaluate

# Small networks on the images that come with the package (one channel, 28 × 28, no border). In ten epochs a network of
# 2 M MACs reaches its last accuracy, in about forty seconds on one core; what is saved on a run buys more seeds. The
# seed is each run's own. The registry's networks take three channels: replace(RECIPE, image_size=32, channels=3).
RECIPE = TrainConfig(
    epochs=10,
    batch_size=64,
    learning_rate=0.1,
    label_smoothing=0.1,
    augment=False,
    amp="off",
    channels_last=True,  # a fifth faster on a CPU
    image_size=28,
    channels=1,
)


@dataclass(frozen=True)
class Measure:
    """What is measured of a run: one number.

    Attributes:
        name: Its key in the runs' measures.
        label: In words, as the subject of a sentence after "the", such as ``"test accuracy"``.
        unit: Such as ``"%"``, ``"ms"`` or ``"bytes"``; empty if it has none.
        better: Which values are better.
        digits: Decimals of a value on the page; a difference gets one more.
    """

    name: str
    label: str
    unit: str = ""
    better: Literal["higher", "lower"] = "higher"
    digits: int = 1

    def __post_init__(self) -> None:
        """Check the choice."""
        one_of("better", self.better, ("higher", "lower"))


ACCURACY = Measure("accuracy", "test accuracy", "%")


@dataclass(frozen=True)
class Evidence:
    """What the paper itself measured, at its own size.

    Attributes:
        what: What was compared, such as ``"SE-ResNet-50 instead of ResNet-50, ImageNet"``.
        value: The numbers as the paper prints them, with units.
        source: Table, figure or section.
    """

    what: str
    value: str
    source: str


@dataclass(frozen=True)
class Context:
    """All that a function of a study may use.

    Attributes:
        seed: Of the run.
        recipe: The settings of the training, with this seed.
        train_set: The images to learn from.
        test_set: The images to test on.
        device: Where to compute.
        quick: Whether this is a quick look that nobody keeps: do less.
        model: The trained network, in evaluation mode; None where nothing was trained before.
    """

    seed: int
    recipe: TrainConfig
    train_set: ImageDataset
    test_set: ImageDataset
    device: torch.device
    quick: bool = False
    model: nn.Module | None = None

    @property
    def trained(self) -> nn.Module:
        """The trained network.

        Raises:
            ValueError: If there is none.
        """
        if self.model is None:
            raise ValueError("nothing was trained before: only a measure, or a variant with after=..., has a network")
        return self.model

    def accuracy(self, model: nn.Module | None = None) -> float:
        """The per cent of the test images that a network gets right.

        Args:
            model: By default the trained one.
        """
        _, right = evaluate(
            self.trained if model is None else model,
            self.test_set,
            device=self.device,
            image_size=self.recipe.image_size,
            channels=self.recipe.channels,
            normalisation=self.train_set.normalisation(),
        )
        return 100 * right

    def images(self, count: int | None = None) -> tuple[Tensor, Tensor]:
        """Test images as the network takes them, and their labels, on the device.

        Args:
            count: The first so many (None: all).

        Returns:
            float32 [count, channels, H, W], normalised as in training, and int64 [count].
        """
        chosen = self.test_set.first(count)
        batches = Batches(
            chosen,
            len(chosen),
            self.device,
            image_size=self.recipe.image_size,
            channels=self.recipe.channels,
            normalisation=self.train_set.normalisation(),
        )
        return next(iter(batches))


Function = Callable[[Context], Mapping[str, float]]  # gives values of the study's measures, by name


@dataclass(frozen=True)
class Variant:
    """One of the things that are compared. Exactly one of ``build`` and ``run`` is given.

    Attributes:
        name: A short word, for the command line and the record.
        description: A phrase that fits after "the test accuracy is 90.3 % for", such as ``"networks with gates"``.
        build: Builds the network, which is then trained by the recipe; the random numbers are seeded before.
        run: Does what it likes instead of a training, and returns measures.
        after: A variant that is trained: ``run`` then works on a copy of each of its trained networks.
    """

    name: str
    description: str
    build: Callable[[], nn.Module] | None = None
    run: Function | None = None
    after: str | None = None

    def __post_init__(self) -> None:
        """Check what goes together."""
        if (self.build is None) == (self.run is None):
            raise ValueError(f"variant {self.name!r} needs either build (a network to train) or run (a function)")
        if self.after is not None and self.run is None:
            raise ValueError(f"variant {self.name!r} has after={self.after!r}, so it needs run, not build")


@dataclass(frozen=True)
class Comparison:
    """A claim about two variants.

    Attributes:
        a: The variant that the claim speaks for.
        b: The variant it is compared with.
        by: The smallest difference that would matter, in the measure's unit, above 0; fixed before anything runs.
        claim: What it says, as a sentence (the study's main comparison, its first: the study's claim).
        kind: ``"better"``: a is better than b by a difference that matters. ``"no worse"``: it is not worse by one.
        measure: The measure's name; by default the study's first.
    """

    a: str
    b: str
    by: float
    claim: str = ""
    kind: Literal["better", "no worse"] = "better"
    measure: str = ""

    def __post_init__(self) -> None:
        """Check kind and difference."""
        one_of("kind", self.kind, KINDS)
        real_number("by", self.by, "the smallest difference that would matter, above 0", (0, float("inf")), True)


@dataclass(frozen=True)
class HeldEqual:
    """What the networks of some variants have in common, so that the rest is compared fairly.

    Attributes:
        what: ``"parameters"`` or ``"macs"``, as `count` gives them.
        variants: Those it holds for.
        tolerance: The largest may be larger than the smallest by this part.
    """

    what: Literal["parameters", "macs"]
    variants: tuple[str, ...]
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        """Check what is held equal."""
        one_of("what", self.what, ("parameters", "macs"))


@dataclass(frozen=True)
class Study:
    """A claim and how it is tested.

    Attributes:
        name: For the command line and the record's file.
        claim: The paper's claim in its own meaning, as a sentence.
        source: Where the paper makes it: paper, section, table.
        variants: What is compared.
        comparisons: The first one decides about the claim; the others answer further questions.
        evidence: What the paper measured.
        held_equal: What is equal, checked before anything runs.
        measures: What is measured; variants that are trained give ``"accuracy"`` by themselves.
        measure: Called after each training, with the trained network; returns further measures.
        recipe: How to train; its seed is not used.
        data: The images, as ``load_dataset`` knows them.
        train_images: So many of them to learn from (None: those that come with the package).
        test_images: So many of them to test on (likewise).
        classes: Keep only the images of these classes, of both sets (none means all).
        takes_time: Whether times are measured: then nothing runs beside a run, which has one thread on a CPU.
        module: The module that declares it; found out when it is looked up.
    """

    name: str
    claim: str
    source: str
    variants: tuple[Variant, ...]
    comparisons: tuple[Comparison, ...]
    evidence: tuple[Evidence, ...] = ()
    held_equal: tuple[HeldEqual, ...] = ()
    measures: tuple[Measure, ...] = (ACCURACY,)
    measure: Function | None = None
    recipe: TrainConfig = RECIPE
    data: str = "fashion_mnist"
    train_images: int | None = None
    test_images: int | None = None
    classes: tuple[str, ...] = ()
    takes_time: bool = False
    module: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Check that all names are there."""
        variants, measures = [one.name for one in self.variants], [one.name for one in self.measures]
        for kind, names in (("variants", variants), ("measures", measures)):
            if len(set(names)) < len(names):
                raise ValueError(f"study {self.name!r}: two {kind} have the same name among {', '.join(names)}")
        if not self.comparisons or not measures:
            raise ValueError(f"study {self.name!r} needs a measure and a comparison: its first one gives the verdict")
        built = [variant.name for variant in self.variants if variant.build]
        for comparison in self.comparisons:
            for side in (comparison.a, comparison.b):
                one_of(f"study {self.name!r}: a comparison's side", side, variants)
            one_of(f"study {self.name!r}: a comparison's measure", comparison.measure or measures[0], measures)
        for name in [one.after for one in self.variants if one.after] + [
            v for h in self.held_equal for v in h.variants
        ]:
            one_of(f"study {self.name!r}: a variant that is trained", name, built)
        if untold := [c for c in self.comparisons[1:] if not c.claim]:
            raise ValueError(f"study {self.name!r}: the comparison of {untold[0].a} and {untold[0].b} needs a claim")

    def variant(self, name: str) -> Variant:
        """One of the variants.

        Raises:
            ValueError: If there is none of that name; the sentence lists them.
        """
        one_of("variant", name, [variant.name for variant in self.variants])
        return next(variant for variant in self.variants if variant.name == name)

    @property
    def chapter(self) -> str:
        """The chapter's folder; empty if no chapter declares it."""
        return self.module.split(".")[-2] if self.module.count(".") else ""
