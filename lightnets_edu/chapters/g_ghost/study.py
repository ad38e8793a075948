"""Chapter 13's studies: is a stage with ghosts better than a thinner one, as good as a plain one, and faster?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from lightnets_edu.features import capture
from lightnets_edu.models.g_ghost_regnet import GGhostStage
from lightnets_edu.models.regnet import plain_stage
from lightnets_edu.recording.studies import Comparison, Context, Evidence, HeldEqual, Measure, Study, Variant
from lightnets_edu.timing import forward_step, paired_ratio, time_interleaved

STEM_CHANNELS = 16  # a 3x3 convolution with stride 2: 14 x 14
WIDTH, DEPTH, GROUP_WIDTH = 60, 5, 4  # of the stage: 7 x 7; thin blocks of 42, 30 or 18 channels fit exactly
THINNER = 44  # a plain stage with as many MACs as one of 60 channels of which half are ghosts
BATCH, ROUNDS, QUICK_ROUNDS = 64, 200, 3  # of the study of times
SOURCE = "Han et al. 2022, arXiv:2201.03297, abstract"


class OneStage(nn.Module):
    """A stem and one stage of RegNetX's bottlenecks, plain or with ghosts.

    Args:
        stage: Builds it from ``(in_channels, out_channels, depth, group_width)``.
        width: Its channels.

    Shape:
        ``[N, 1, 28, 28] -> [N, 10]``
    """

    def __init__(self, stage: Callable[[int, int, int, int], nn.Module] = plain_stage, width: int = WIDTH) -> None:
        super().__init__()
        convolution = nn.Conv2d(1, STEM_CHANNELS, 3, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(convolution, nn.BatchNorm2d(STEM_CHANNELS), nn.ReLU())
        self.stage = stage(STEM_CHANNELS, width, DEPTH, GROUP_WIDTH)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.head(self.stage(self.stem(x)).mean((2, 3)))


class NoCorrection(nn.Module):
    """In place of a G-Ghost stage's correction: adds 0."""

    def forward(self, maps: Tensor) -> float:
        """The maps of the blocks on the way are not looked at."""
        return 0.0


def uncorrected_stage(in_channels: int, out_channels: int, depth: int, group_width: int) -> GGhostStage:
    """A G-Ghost stage whose ghosts learn nothing of the thin blocks."""
    stage = GGhostStage(in_channels, out_channels, depth, group_width)
    stage.merge = NoCorrection()  # type: ignore[assignment]
    return stage


@contextmanager
def replaced_correction(model: OneStage, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """While the block lasts, the correction ``[N, ghosts, 1, 1]`` is what ``change`` makes of it."""
    merge = model.get_submodule("stage.merge")
    hook = merge.register_forward_hook(lambda module, inputs, output: change(output))
    try:
        yield
    finally:
        hook.remove()


def _with_correction(context: Context, change: Callable[[Tensor], Tensor]) -> dict[str, float]:
    assert isinstance(context.trained, OneStage)
    with replaced_correction(context.trained, change):
        return {"accuracy": context.accuracy()}


def at_its_mean(context: Context) -> dict[str, float]:
    """The correction is held at its mean over the test images: the same for every image."""
    (corrections,) = capture(context.trained, ["stage.merge"], context.images()[0]).values()
    mean = corrections.mean(0, keepdim=True).to(context.device)
    return _with_correction(context, lambda correction: mean.expand_as(correction))


def of_another_image(context: Context) -> dict[str, float]:
    """Each image gets the correction of the image before it in the test set."""
    return _with_correction(context, lambda correction: correction.roll(1, 0))


def left_out(context: Context) -> dict[str, float]:
    """The correction is 0."""
    return _with_correction(context, torch.zeros_like)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ghosts": partial(OneStage, GGhostStage),
    "plain": OneStage,
    "thinner": partial(OneStage, width=THINNER),
    "share30": partial(OneStage, partial(GGhostStage, share=0.3)),
    "share70": partial(OneStage, partial(GGhostStage, share=0.7)),
    "uncorrected": partial(OneStage, uncorrected_stage),
}
WORDS = {
    "ghosts": "stages of which half the channels are ghosts (λ = 0.5)",
    "plain": "plain stages (λ = 0)",
    "thinner": "thinner plain stages with as many MACs as with λ = 0.5",
    "share30": "stages with λ = 0.3",
    "share70": "stages with λ = 0.7",
    "uncorrected": "stages with λ = 0.5 and no correction",
}

STUDY = Study(
    name="g_ghost",
    claim="A stage with ghosts is more accurate than a thinner plain stage with as many MACs.",
    source=f"{SOURCE}, which says it of accuracy and time on a GPU",
    evidence=(
        Evidence(
            "G-Ghost RegNetX-3.2GF, and RegNetX of 3.2 and 1.6 GF, ImageNet",
            "top-1 77.8 % with 1.8 G MACs; 78.3 % with 3.2 G and 77.0 % with 1.6 G",
            "the authors' list of trained networks; pycls's model zoo",
        ),
    ),
    variants=(
        *(Variant(name, WORDS[name], build) for name, build in NETWORKS.items()),
        Variant("mean", "the same trained networks with the correction at its mean", run=at_its_mean, after="ghosts"),
        Variant(
            "other", "the same trained networks with another image's correction", run=of_another_image, after="ghosts"
        ),
        Variant("zero", "the same trained networks without the correction", run=left_out, after="ghosts"),
    ),
    comparisons=(
        Comparison("ghosts", "thinner", by=0.5),
        Comparison("ghosts", "plain", by=0.5, kind="no worse", claim="Ghosts cost no accuracy."),
        Comparison("ghosts", "share30", by=0.5, kind="no worse", claim="A share of 0.5 is no worse than one of 0.3."),
        Comparison("share70", "ghosts", by=0.5, kind="no worse", claim="A share of 0.7 is no worse than one of 0.5."),
        Comparison("ghosts", "uncorrected", by=0.5, claim="The correction makes the network more accurate."),
        Comparison("ghosts", "mean", by=0.5, claim="A trained network needs a correction that changes with the image."),
        Comparison("ghosts", "other", by=0.5, claim="A trained network needs the correction of the image itself."),
        Comparison("ghosts", "zero", by=0.5, claim="A trained network needs its correction."),
    ),
    held_equal=(HeldEqual("macs", ("ghosts", "thinner"), tolerance=0.005),),
)


def timed(name: str, context: Context) -> dict[str, float]:
    """A forward pass in turns with the plain network's; the weights are random."""
    shape = (BATCH, context.recipe.channels, context.recipe.image_size, context.recipe.image_size)
    own, plain = (
        forward_step(NETWORKS[which](), shape, device=context.device, channels_last=True) for which in (name, "plain")
    )
    rounds = QUICK_ROUNDS if context.quick else ROUNDS
    times = time_interleaved({"own": own, "plain": plain}, device=context.device, repeats=rounds)
    return {"relative": paired_ratio(times["own"], times["plain"]), "milliseconds": 1000 * times["own"].median}


TIME = Study(
    name="g_ghost_time",
    claim="A G-Ghost stage takes less time than the plain stage.",
    source=f"{SOURCE}; the paper says it of GPUs",
    variants=tuple(Variant(name, WORDS[name], run=partial(timed, name)) for name in NETWORKS),
    comparisons=(
        Comparison("ghosts", "plain", by=0.05),
        Comparison(
            "thinner",
            "ghosts",
            by=0.05,
            claim="A thinner plain stage with as many MACs is faster than one with ghosts.",
        ),
        Comparison("share70", "ghosts", by=0.05, claim="A stage with λ = 0.7 is faster than one with λ = 0.5."),
        Comparison("uncorrected", "ghosts", by=0.05, claim="Without the correction the stage is faster."),
    ),
    measures=(
        Measure("relative", "time as a multiple of the plain network's", better="lower", digits=2),
        Measure("milliseconds", f"time for {BATCH} images", "ms", better="lower"),
    ),
    takes_time=True,
)
