"""Chapter 7: MobileNetV1 made narrower, smaller and wider-eyed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from typing import Any

import torch
from torch import nn

from lightnets_edu.counting import count
from lightnets_edu.formulas import depthwise_conv2d
from lightnets_edu.models import get_model
from lightnets_edu.models.cost import Layer, network_cost
from lightnets_edu.models.mobilenet_v1 import DepthwiseSeparable, layers
from lightnets_edu.pages.exercise.kinds import (
    Blank,
    ChoiceExercise,
    CodeExercise,
    Comparison,
    Item,
    Mistake,
    NumberExercise,
    Option,
    RankingExercise,
    settings,
)

#: A small network is quick to try.
SMALL: dict[str, Any] = {"width_mult": 0.25, "num_classes": 10, "small_input": True}
SMALL_SIDE = 32


def _with_wide_kernels(network: Iterable[Layer]) -> list[Layer]:
    """The same layers, with depthwise kernels of 5 x 5."""
    return [(n, f, {**settings, "kernel_size": 5} if f is depthwise_conv2d else settings) for n, f, settings in network]


FULL = network_cost(layers())


def _share(quantity: str, network: Iterable[Layer]) -> Fraction:
    """Per cent of the full network's parameters or MACs that another one has, or a part of it."""
    return Fraction(100 * getattr(network_cost(network), quantity), getattr(FULL, quantity))


def _kept() -> Fraction:
    return _share("params", layers(num_classes=10))


def _growth() -> Fraction:
    """By how many per cent the network's MACs grow with 5 x 5 depthwise kernels."""
    return _share("macs", _with_wide_kernels(layers())) - 100


def _judge_widening(widen: Callable) -> list[Comparison]:
    changed: Any = widen(get_model("mobilenet_v1", **SMALL))
    if not isinstance(changed, nn.Module):
        return [Comparison("what widen returns", "a network", changed)]
    right = network_cost(_with_wide_kernels(layers(**SMALL, size=SMALL_SIDE)))
    chain: Any = changed.eval().chain
    *first_stages, _, _, _ = chain()
    with torch.inference_mode():
        maps = nn.Sequential(*first_stages)(torch.zeros(1, 3, SMALL_SIDE, SMALL_SIDE))
    side = Comparison("side of the maps behind the second stage", SMALL_SIDE // 2, maps.shape[-1])
    params = Comparison("parameters", right.params, sum(p.numel() for p in changed.parameters()))
    if not side.equal:  # with wrong paddings no map may be left further on
        return [side, params]
    return [side, params, Comparison("MACs", right.macs, count(changed, (1, 3, SMALL_SIDE, SMALL_SIDE)).macs)]


def _widened(**changes: Any) -> Callable[[nn.Module], nn.Module]:
    """A way to widen that differs from the right one in some arguments of the new convolution."""

    def widen(model: nn.Module) -> nn.Module:
        for block in model.modules():
            if isinstance(block, DepthwiseSeparable):
                channels = block.conv_dw.in_channels
                right: dict[str, Any] = {"stride": block.stride, "padding": 2, "groups": channels, "bias": False}
                block.conv_dw = nn.Conv2d(channels, channels, 5, **{**right, **changes})
        return model

    return widen


def _macs(alpha: float, side: int) -> int:
    return network_cost(layers(alpha, size=side)).macs


EXERCISES = (
    NumberExercise(
        name="mobilenet_rule_of_thumb",
        question=r"The network has 569 M MACs at $\alpha = 1$ with $224 \times 224$ images. By the two rules of "
        r"thumb, each a square: about how many are left at $\alpha = 0.5$ with $160 \times 160$ images?",
        answer=lambda: FULL.macs * Fraction(1, 2) ** 2 * Fraction(160, 224) ** 2,
        unit="MACs",
        digits=2,
        hint=r"MACs fall with $\alpha^2$, and with the number of pixels.",
        mistakes=(
            Mistake(
                lambda: FULL.macs * Fraction(1, 2) * Fraction(160, 224) ** 2,
                r"You halved once for $\alpha$. A pointwise convolution loses half of its inputs and half of its "
                "outputs.",
            ),
            Mistake(
                lambda: FULL.macs * Fraction(1, 4) * Fraction(160, 224),
                "You took the image's side. It loses rows and columns.",
            ),
            Mistake(
                lambda: network_cost(layers(0.5, size=160)).macs,
                "That is the exact number, from the sliders. The rule of thumb gives a little less; the next "
                "exercise asks why.",
            ),
        ),
        solution=r"$568.74 \text{ M} \cdot 0.5^2 \cdot (160/224)^2$: about {answer}.",
    ),
    ChoiceExercise(
        name="mobilenet_why_more",
        question=r"Set the sliders above to $\alpha = 0.5$ and 160 px. The exact number of MACs is more than 5 % above "
        "the rule of thumb. Which layers are to blame? Look at the table below the sliders, at both settings.",
        options=(
            Option(
                "All of them: their channels were rounded up to multiples of 8.",
                "Half of each width in table 1 is a multiple of 8 already: nothing was rounded.",
            ),
            Option(
                "The depthwise ones, the first one and the classifier.",
                r"The first two shrink with $\alpha$ and not with $\alpha^2$, and the classifier does not see the "
                "image's size.",
                right=True,
            ),
            Option("The pointwise ones.", r"These are the ones that follow both rules exactly."),
            Option(
                "All of them: 160 is not a multiple of 32, so the maps were rounded up.",
                r"$160 = 5 \cdot 32$: no map was rounded.",
            ),
        ),
        hint="Compare each kind of layer at both settings: which did not fall to an eighth?",
        solution=r"A depthwise layer has one channel count, not two, so it shrinks with $\alpha$; so does the first "
        r"convolution, whose three colours stay. The classifier shrinks with $\alpha$ and not with the image.",
    ),
    ChoiceExercise(
        name="mobilenet_largest_layer",
        question="Which layer has the most parameters, and which convolution has the most MACs? Find out with "
        "`sorted(table.rows, key=lambda row: row.params)[-3:]`, and the same with `row.macs` and a longer list; or "
        "read the table of layers above.",
        options=(
            Option(
                "The classifier; the first convolution.",
                "Close for the parameters, but look again. And the first convolution reads three channels only.",
            ),
            Option(
                "The last pointwise convolution; the same one.",
                "Right for the parameters. But is it alone with its MACs?",
            ),
            Option(
                "The last pointwise convolution; eight pointwise ones tie.",
                "More inputs and outputs make up for fewer pixels.",
                right=True,
            ),
            Option(
                "The classifier; eight pointwise ones tie.",
                "Right for the MACs. For the parameters, compare the classifier with the convolution before it.",
            ),
        ),
        hint="A pointwise convolution has as many weights as inputs times outputs.",
        solution=r"The last pointwise convolution has $1024 \cdot 1024$ parameters, the classifier $1024 \cdot 1000$ "
        r"and 1000 biases. Eight pointwise convolutions tie at $512 \cdot 512 \cdot 14 \cdot 14$ MACs: halving the "
        "map's side and doubling both channel counts leaves the product as it was.",
    ),
    NumberExercise(
        name="mobilenet_ten_classes",
        question="Make the classifier smaller: with 10 classes instead of 1000, what share of all parameters is left?",
        answer=_kept,
        unit="%",
        digits=3,
        hint="The classifier has 1024 weights and one bias for each class.",
        mistakes=(
            Mistake(lambda: 100 - _kept(), "That is the share that went. How much is left?"),
            Mistake(
                lambda: _share("params", list(layers())[:-1]),
                "You took the whole classifier away. Ten classes need a small one.",
            ),
            Mistake(lambda: _kept() / 100, "Right as a fraction; here it should be in per cent."),
        ),
        solution=r"$990 \cdot (1024 + 1)$ parameters go. Left are {answer}.",
    ),
    NumberExercise(
        name="mobilenet_wider_macs",
        question=r"Replace each $3 \times 3$ depthwise kernel by a $5 \times 5$ one, with padding 2. By how many per "
        "cent do the MACs of the whole network grow? Predict it from the bar chart of shares above.",
        answer=_growth,
        unit="%",
        digits=1,
        hint="Only the depthwise layers change. What is their share now, and how many times more do they cost?",
        mistakes=(
            Mistake(
                lambda: Fraction(25, 9) * _share("macs", (row for row in layers() if row[1] is depthwise_conv2d)),
                "That is what the depthwise layers cost afterwards. How much of it is new?",
            ),
            Mistake(
                lambda: Fraction(100 * (25 - 9), 9),
                "That is the growth of the depthwise layers alone. They are a small part of the network.",
            ),
            Mistake(lambda: 100 + _growth(), "That is the new number against the old one. By how much did it grow?"),
            Mistake(lambda: 1 + _growth() / 100, "That is the factor. Say by how many per cent it grows."),
        ),
        solution=r"Depthwise layers have about 3.1 % of the MACs. They become $\frac{25}{9}$ as many, so "
        r"$\frac{16}{9}$ of these 3.1 % are new: {answer}.",
    ),
    CodeExercise(
        name="mobilenet_wider_code",
        question=r"Now build it. Write `widen(model)`: it gives every `DepthwiseSeparable` block of a MobileNetV1 a "
        r"$5 \times 5$ depthwise convolution with padding 2 in place of `conv_dw`, changes nothing else, and returns "
        "the network.",
        blank=Blank(
            line="padding = ____",
            lead="The padding on each side with which a convolution of stride 1 and an odd kernel of "
            "`kernel_size` × `kernel_size` keeps the size of the map.",
            right=lambda kernel_size: next(
                p for p in range(kernel_size) if SMALL_SIDE + 2 * p - kernel_size + 1 == SMALL_SIDE
            ),
            settings=settings("kernel_size", (3,), (5,), (7,), (9,)),
            solution="(kernel_size - 1) / 2",
            mistakes=(
                ("kernel_size / 2", "Half of an odd side is not whole: the place in the middle needs no padding."),
                ("kernel_size - 1", "That is the padding of both sides together."),
                ("1", "That fits a kernel of 3 × 3 only; the maps would shrink with a larger one."),
                ("kernel_size - 3", "For 3 × 3 that would be no padding at all, but the network pads there."),
            ),
            hint="How far does the kernel reach beyond the pixel in its middle?",
        ),
        judge=_judge_widening,
        hint="Go through `model.modules()`, and keep channels, stride, groups and the missing bias.",
        mistakes=(
            Mistake(_widened(padding=1), "The maps shrink: a larger kernel needs a larger padding."),
            Mistake(_widened(groups=1), "That convolution is not depthwise: it needs as many groups as channels."),
            Mistake(_widened(stride=1), "The stride is lost: some blocks halve the map."),
            Mistake(
                _widened(bias=True), "The new convolutions have a bias, which the batch norm behind makes useless."
            ),
            Mistake(lambda model: model, "The network is as it was. Assign to `block.conv_dw`."),
        ),
        solution="""
from torch import nn

from lightnets_edu.models.mobilenet_v1 import DepthwiseSeparable


def widen(model):
    for block in model.modules():
        if isinstance(block, DepthwiseSeparable):
            channels = block.conv_dw.in_channels
            block.conv_dw = nn.Conv2d(
                channels, channels, 5, block.stride, padding=2, groups=channels, bias=False
            )
    return model


answer = widen
""",
    ),
    RankingExercise(
        name="mobilenet_rank_versions",
        question=r"Four ways to make the network smaller. Put them in order by their MACs; the two rules of thumb "
        r"are enough.",
        first="fewest MACs first",
        unit="MACs",
        items=tuple(
            Item(
                rf"$\alpha = {alpha}$, images of $ {side} \times {side}$".replace("$ ", "$"),
                partial(_macs, alpha, side),
            )
            for alpha, side in ((1.0, 160), (0.75, 192), (0.5, 224), (0.25, 224))
        ),
        hint=r"Multiply $\alpha^2$ by the square of side / 224.",
        solution="Fewest first:\n\n{order}\n\nBoth multipliers count as squares: with $\\alpha = 0.75$ and 192 pixels "
        "each is at least three quarters, and yet less than half of the MACs are left.",
    ),
)
