"""Chapter 4's study: bypasses, the three strategies, and how few bytes a trained network needs."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

from torch import Tensor, nn

from lightnets_edu.models.squeezenet import Fire, fire_bypass
from lightnets_edu.recording.studies import (
    ACCURACY,
    Comparison,
    Context,
    Evidence,
    HeldEqual,
    Measure,
    Study,
    Variant,
)
from lightnets_edu.training import train
from lightnets_edu.training.compression import (
    fold_batch_norms,
    keep_zeros,
    pack_weights,
    prune_smallest,
    unpack_weights,
)

STEM_CHANNELS = 24  # a 3x3 convolution with stride 2: 14 x 14
# Section 5.1's rules, in small: half of the filters that expand are 3x3, and there are as many again after two modules.
FIRES, BASE, FREQUENCY = 6, 48, 2
SQUEEZE_RATIO, PART_3X3 = 0.125, 0.5
POOLS = (2, 4)  # before these modules: 14 x 14, then 7 x 7, then 3 x 3
EARLY = (0, 0)  # both before the first module: 3 x 3
WIDE = 92  # expand filters of the first modules, where both pools stand early and the MACs are those of POOLS


def normed(module: nn.Module) -> nn.Module:
    """Put a batch norm after each of the module's own convolutions, whose biases it makes needless.

    Args:
        module: Changed in place, and returned.
    """
    for name, layer in list(module.named_children()):
        if isinstance(layer, nn.Conv2d):
            layer.register_parameter("bias", None)
            setattr(module, name, nn.Sequential(layer, nn.BatchNorm2d(layer.out_channels)))
    return module


class SmallSqueezeNet(nn.Module):
    """Six fire modules by the rules of SqueezeNet's section 5.1, and no fully connected layer.

    In three things it is not a SqueezeNet. There is a batch norm after every convolution but the last: without them,
    networks so narrow as these do not start reliably. There is no ReLU on the scores, and no dropout.

    Args:
        bypass: "none", "simple" or "complex", as in figure 2.
        squeeze_ratio: Filters that squeeze, as a part of those that expand.
        part_3x3: The part of the filters that expand which are 3x3.
        base: Filters that expand in the first modules; there are as many more after every two modules.
        pools: Where the pools stand: before the modules with these places, counted from 0.

    Shape:
        ``[N, 1, 28, 28] -> [N, 10]``
    """

    def __init__(
        self,
        bypass: str = "none",
        squeeze_ratio: float = SQUEEZE_RATIO,
        part_3x3: float = PART_3X3,
        base: int = BASE,
        pools: tuple[int, ...] = POOLS,
    ) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(1, STEM_CHANNELS, 3, stride=2, padding=1))
        layers: list[nn.Module] = [normed(stem), nn.ReLU()]
        channels = STEM_CHANNELS
        for index in range(FIRES):
            layers += [nn.MaxPool2d(3, 2, ceil_mode=True) for place in pools if place == index]
            expand = base + base * (index // FREQUENCY)
            expand3x3 = round(expand * part_3x3)
            squeeze = round(expand * squeeze_ratio)
            own_bypass = fire_bypass(bypass, channels, expand)
            layers.append(normed(Fire(channels, squeeze, expand - expand3x3, expand3x3, own_bypass)))
            channels = expand
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Conv2d(channels, 10, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.features(x)).mean((2, 3))


BITS = 8  # where it is not the bits that are varied


def file_as_float32(context: Context) -> dict[str, float]:
    """The bytes of the trained network's parameters, four each; a batch norm's go into the convolution before it."""
    model = copy.deepcopy(context.trained)
    fold_batch_norms(model)
    return {"bytes": 4 * sum(parameter.numel() for parameter in model.parameters())}


def stored(context: Context, bits: int, pruned: float = 0.0, epochs: int = 0) -> dict[str, float]:
    """A trained network, pruned, trained further, and written to a file, which is read back and tested.

    Before it is written its batch norms go into the convolutions, so that each has a weight and a bias again.

    Args:
        context: Of the run.
        bits: Of a shared weight.
        pruned: The part of the weights that become zero.
        epochs: Of training after the pruning, in which the zeros stay; at a tenth of the learning rate.
    """
    model = context.trained
    if pruned or epochs:
        prune_smallest(model, pruned)
        if epochs:
            recipe = replace(
                context.recipe, epochs=epochs, warmup_epochs=0, learning_rate=context.recipe.learning_rate / 10
            )
            train(model, context.train_set, context.test_set, recipe, device=context.device, progress=False)
        keep_zeros(model)
    fold_batch_norms(model)
    packed = pack_weights(model, bits)
    unpack_weights(packed, model)
    return {"accuracy": context.accuracy(model), "bytes": len(packed)}


FEWER_BITS = (8, 6, 5, 4, 3)
CUT = (50, 67, 80, 90)  # per cent of the weights that become zero
AGAIN = (0, 67, 80, 90)  # nothing pruned: what the further epochs do alone
FURTHER_EPOCHS = 3  # of training after the pruning: not until nothing is lost, as Deep Compression does, but cheap
AGAIN_WORDS = f"trained for {FURTHER_EPOCHS} more epochs"


def bits_name(bits: int) -> str:
    """The variant with shared weights of so many bits."""
    return f"bits{bits}"


def pruned_name(per_cent: int, again: bool) -> str:
    """The variant with so many weights pruned, and perhaps trained again."""
    return f"again{per_cent}" if again else f"cut{per_cent}"


# What the chapter's curves join, from the largest file to the smallest: a name, and variants. The last is one point.
CURVES = {
    "fewer bits": tuple(bits_name(bits) for bits in FEWER_BITS),
    f"pruned, {BITS} bits": (bits_name(BITS), *(pruned_name(per_cent, False) for per_cent in CUT)),
    f"pruned and trained again, {BITS} bits": tuple(pruned_name(per_cent, True) for per_cent in AGAIN),
    "67 % pruned and trained again, 6 bits": ("paper",),
}


def _compressed() -> list[Variant]:
    """The trained networks without bypasses, stored in fewer bytes."""
    same = "the same trained networks"
    found = [
        Variant(bits_name(bits), f"{same} with weights of {bits} bits", run=partial(stored, bits=bits), after="plain")
        for bits in FEWER_BITS
    ]
    for again, shares in ((False, CUT), (True, AGAIN)):
        for per_cent in shares:
            words = f"{same}, {per_cent} % pruned" if per_cent else same
            words += f", {AGAIN_WORDS}" if again else ""
            function = partial(stored, bits=BITS, pruned=per_cent / 100, epochs=FURTHER_EPOCHS if again else 0)
            found.append(Variant(pruned_name(per_cent, again), f"{words}, {BITS} bits", run=function, after="plain"))
    smallest = partial(stored, bits=6, pruned=0.67, epochs=FURTHER_EPOCHS)
    words = f"{same}, 67 % pruned, {AGAIN_WORDS}, 6 bits"
    return [*found, Variant("paper", words, run=smallest, after="plain")]


STUDY = Study(
    name="squeezenet",
    claim="A simple bypass makes a network of fire modules more accurate.",
    source="Iandola et al. 2016, arXiv:1602.07360, section 6, table 3",
    evidence=(
        Evidence(
            "SqueezeNet with a simple bypass instead of none, ImageNet",
            "top-1 accuracy 60.4 % instead of 57.5 %",
            "table 3",
        ),
        Evidence(
            "SqueezeNet with a complex bypass, ImageNet",
            "top-1 accuracy 58.8 %",
            "table 3 †",
        ),
        Evidence(
            "a squeeze ratio of 0.75 instead of 0.125, ImageNet",
            "top-5 accuracy 86.0 % instead of 80.3 %, with 19 MB instead of 4.8 MB",
            "section 5.2",
        ),
        Evidence(
            "the part of 3 × 3 filters, with a squeeze ratio of 0.5",
            "top-5 accuracy 85.6 % with a half, and no more with more",
            "section 5.3",
        ),
        Evidence(
            "SqueezeNet with a third of its parameters kept, trained again, and weights of 6 bits",
            "as accurate as before, with 0.47 MB instead of 4.8 MB",
            "section 4, table 2",
        ),
    ),
    variants=(
        Variant("plain", "networks without bypasses", SmallSqueezeNet),
        Variant("simple", "networks with simple bypasses", partial(SmallSqueezeNet, "simple")),
        Variant("complex", "networks with complex bypasses", partial(SmallSqueezeNet, "complex")),
        Variant("early", "networks that down-sample early", partial(SmallSqueezeNet, pools=EARLY)),
        Variant(
            "early_wide",
            "wider networks that down-sample early, with as many MACs as late",
            partial(SmallSqueezeNet, base=WIDE, pools=EARLY),
        ),
        Variant("squeeze_less", "networks with a squeeze ratio of 0.5", partial(SmallSqueezeNet, squeeze_ratio=0.5)),
        Variant("more_3x3", "networks with seven eighths of 3 × 3 filters", partial(SmallSqueezeNet, part_3x3=0.875)),
        *_compressed(),
    ),
    comparisons=(
        Comparison("simple", "plain", by=0.5),
        Comparison("complex", "plain", by=0.5, claim="A complex bypass makes the network more accurate."),
        Comparison(
            "simple", "complex", by=0.5, kind="no worse", claim="A simple bypass is no worse than a complex one."
        ),
        Comparison(
            "plain", "early", by=0.5, claim="With equal layers, down-sampling late makes the network more accurate."
        ),
        Comparison(
            "plain",
            "early_wide",
            by=0.5,
            claim="At equal MACs, down-sampling late is better than a wider network that does it early.",
        ),
        Comparison(
            "squeeze_less",
            "plain",
            by=0.5,
            claim="A squeeze ratio of 0.5 makes the network more accurate than one of 0.125.",
        ),
        Comparison(
            "plain",
            "more_3x3",
            by=0.5,
            kind="no worse",
            claim="With half of its filters 3 × 3 the network is no worse than with seven eighths of them.",
        ),
        Comparison(bits_name(BITS), "plain", by=0.5, kind="no worse", claim="Weights of 8 bits cost no accuracy."),
        Comparison(bits_name(4), "plain", by=0.5, kind="no worse", claim="Weights of 4 bits cost no accuracy."),
        Comparison(
            "paper",
            "plain",
            by=0.5,
            kind="no worse",
            claim="A third of the weights, trained again, with 6 bits each, is no worse than all of them.",
        ),
        Comparison(
            pruned_name(80, True),
            "plain",
            by=0.5,
            kind="no worse",
            claim="A fifth of the weights, trained again, with 8 bits each, is no worse than all of them.",
        ),
    ),
    held_equal=(
        HeldEqual("parameters", ("plain", "simple", "early")),
        HeldEqual("macs", ("plain", "simple")),
        HeldEqual("macs", ("plain", "early_wide"), tolerance=0.02),
    ),
    measures=(ACCURACY, Measure("bytes", "size of the file", "bytes", better="lower", digits=0)),
    measure=file_as_float32,
)
