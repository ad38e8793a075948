"""Chapter 3: what AlexNet's groups save, where its parameters are, and heads replaced by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lightnets_edu.formulas import conv2d, linear
from lightnets_edu.models import get_model
from lightnets_edu.models.alexnet import layers
from lightnets_edu.models.cost import network_cost
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

NUM_CLASSES = 1000
LAST_CHANNELS = 256
POOLED_FEATURES = LAST_CHANNELS * 6 * 6
NEW_CLASSES = 5
#: Small networks, the name of each one's last layer, and what it is.
HEADS = {"shufflenet_v2_x0_5": "fc", "mnasnet0_5": "classifier.1", "squeezenet1_1": "classifier.1"}


def _saved(quantity: str) -> int:
    """What the 2012 network has less than the same network without groups, for 227 x 227 images."""
    whole, split = (network_cost(layers("2012", groups=groups, size=227)) for groups in (1, 2))
    return getattr(whole, quantity) - getattr(split, quantity)


def _convolution_params(bias: int = 1) -> int:
    """Parameters of the five convolutions of 2014."""
    found = [settings for _, formula, settings in layers("2014") if formula is conv2d]
    return sum(conv2d(**{**settings, "bias": bias}).params for settings in found)


def _pooled_params(features: int = LAST_CHANNELS) -> int:
    """The 2014 network with one linear layer after its convolutions."""
    return _convolution_params() + linear(in_features=features, out_features=NUM_CLASSES).params


def _judge_replacing(replace_head: Callable) -> list[Comparison]:
    comparisons = []
    for network, name in HEADS.items():
        model = get_model(network, num_classes=10, small_input=True).eval()
        first = next(model.parameters())
        old = sum(p.numel() for p in model.parameters())
        layer: Any = model.get_submodule(name)
        right = old - (10 - NEW_CLASSES) * (layer.weight[0].numel() + 1)
        changed = replace_head(model, name, NEW_CLASSES)
        if not isinstance(changed, nn.Module):
            return [Comparison("what replace_head returns", "a network", changed)]
        with torch.inference_mode():
            shape = _shape(changed.eval())
        comparisons += [
            Comparison(f"{network}: shape of the logits", [1, NEW_CLASSES], shape),
            Comparison(f"{network}: parameters", right, sum(p.numel() for p in changed.parameters())),
            Comparison(f"{network}: the first layer is the old one", True, next(changed.parameters()) is first),
        ]
    return comparisons


def _shape(model: nn.Module) -> list[int] | str:
    """Shape of what the network returns for one image, or the error's first words."""
    try:
        return list(model(torch.zeros(1, 3, 32, 32)).shape)
    except RuntimeError as error:
        return str(error).splitlines()[0][:80]


def _without_biases(model: nn.Module, name: str, num_classes: int) -> nn.Module:
    """The head is exchanged, but its biases are forgotten."""
    parent, _, child = name.rpartition(".")
    old: Any = model.get_submodule(name)
    if isinstance(old, nn.Conv2d):
        size: Any = old.kernel_size
        new: nn.Module = nn.Conv2d(old.in_channels, num_classes, size, bias=False)
    else:
        new = nn.Linear(old.in_features, num_classes, bias=False)
    setattr(model.get_submodule(parent), child, new)
    return model


def _cut(model: nn.Module, name: str, num_classes: int) -> nn.Module:
    """The tutorials' way: everything but the last child, then something new."""
    head: Any = model.get_submodule(name)
    features = head.in_channels if isinstance(head, nn.Conv2d) else head.in_features
    return nn.Sequential(*list(model.children())[:-1], nn.Flatten(), nn.Linear(features, num_classes))


def _params(name: str) -> int:
    """Parameters of a layer of 2014."""
    return network_cost(layer for layer in layers("2014") if layer[0] == name).params


EXERCISES = (
    NumberExercise(
        name="alexnet_saved_by_groups",
        question="The 2012 network has two groups in its second, fourth and fifth convolution. How many parameters do "
        "these groups save? The channels are 96 → 256 → 384 → 384 → 256, the kernels of these three layers 5 × 5, "
        "3 × 3 and 3 × 3.",
        answer=lambda: _saved("params"),
        unit="parameters",
        hint="Two groups halve the weights of a convolution: each output reads half of the input channels. Biases are "
        "not weights.",
        mistakes=(
            Mistake(
                lambda: 2 * _saved("params"), "That is what the three layers have without groups. Half of it stays."
            ),
            Mistake(
                lambda: _saved("params") + (256 + 384 + 256) // 2,
                "You halved the biases too. Each output channel keeps its own.",
            ),
            Mistake(lambda: _saved("macs"), "Those are the MACs: parameters do not know the map's size."),
        ),
        solution=r"Half of $25 \cdot 96 \cdot 256 + 9 \cdot 384 \cdot 384 + 9 \cdot 384 \cdot 256$: {answer}. That is "
        "2 % of the network's parameters, but more than a third of its MACs.",
    ),
    NumberExercise(
        name="alexnet_pooled_head",
        question="Take the network of 2014 and replace its three fully connected layers: the mean of each of the 256 "
        "last maps, then one linear layer to 1000 classes, with biases. How many parameters has the new network? The "
        "table of layers above has what you need.",
        answer=_pooled_params,
        unit="parameters",
        hint="Add up the five convolutions, then a layer with 256 inputs and 1000 outputs.",
        mistakes=(
            Mistake(
                lambda: _pooled_params(POOLED_FEATURES),
                "You took all 256 · 6 · 6 numbers of the last maps. The mean leaves one of each map.",
            ),
            Mistake(lambda: _pooled_params() - NUM_CLASSES, "The new layer's 1000 biases are missing."),
            Mistake(
                lambda: _convolution_params(bias=0) + (LAST_CHANNELS + 1) * NUM_CLASSES,
                "The biases of the convolutions are missing.",
            ),
            Mistake(_convolution_params, "Those are the convolutions alone. The new layer comes on top."),
        ),
        solution=r"2,469,696 in the convolutions and $(256 + 1) \cdot 1000$ in the new layer: {answer}, instead of 61 "
        "million. SqueezeNet, the next chapter, begins with this idea.",
    ),
    ChoiceExercise(
        name="alexnet_children",
        question="A tutorial takes `features = nn.Sequential(*list(model.children())[:-1])` of torchvision's "
        "`shufflenet_v2_x1_0` and adds `nn.Flatten()` and `nn.Linear(1024, 5)`, because `model.fc` takes 1024 numbers. "
        "What happens with an image of 224 × 224? Build it and try.",
        options=(
            Option(
                "It works: the head gets the same 1024 numbers as before.",
                "The 1024 numbers are the means of 1024 maps. Who takes the mean?",
            ),
            Option(
                "It works, but the last convolution is missing.", "The last child is `fc`, and only that is cut off."
            ),
            Option(
                "An error: `children()` gives the layers in the wrong order.",
                "They come in the order in which they were made, which here is the order in which they run.",
            ),
            Option(
                "An error: the head gets 50,176 numbers for each image.",
                "The mean is a line of `forward`, not a child. Without it, 1024 maps of 7 × 7 arrive.",
                right=True,
            ),
        ),
        hint="Print the shape that `features` returns, and read the network's `forward`.",
        solution=r"$1024 \cdot 7 \cdot 7 = 50176$ numbers reach a layer for 1024. The error is the lucky case: with a "
        "`nn.LazyLinear`, or with a convolution as a head, it would run and be something else.",
    ),
    ChoiceExercise(
        name="alexnet_frozen_norms",
        question="You set `requires_grad = False` on every parameter but the new head's, call `model.train()`, and run "
        "one batch of images through the network, without any step of an optimiser. Compare "
        "`model.state_dict()` before and after, for the small network of this chapter, `base`. What has changed?",
        options=(
            Option("Nothing: frozen is frozen.", "Parameters are frozen. What else is in a state dict?"),
            Option("The head only.", "The head changes when an optimiser steps, and none did."),
            Option(
                "The buffers of the batch norms, such as running means.",
                "Buffers are not parameters: `requires_grad` does not concern them, `eval()` does.",
                right=True,
            ),
            Option("The weights of the batch norms.", "Those are parameters, and frozen."),
        ),
        hint="Print the names for which `torch.equal(before[name], after[name])` is False.",
        solution="In training mode a batch norm updates its running mean and variance in every forward pass. So a "
        "frozen network needs `eval()` too, or it drifts towards the new images without being asked.",
    ),
    CodeExercise(
        name="alexnet_replace_head",
        question="Write `replace_head(model, name, num_classes)`: it exchanges the layer called `name` (such as `fc` "
        "or `classifier.1`) for a new one of the same kind with `num_classes` outputs, and returns the network. The "
        "head is an `nn.Linear` or, in SqueezeNet, a 1 × 1 `nn.Conv2d`; both have biases.",
        blank=Blank(
            line="lost = ____",
            lead="The parameters that a network loses when its linear head for `old_classes` classes makes way "
            "for one for `new_classes`. The head reads `features` numbers and has biases.",
            right=lambda features, old_classes, new_classes: (
                linear(in_features=features, out_features=old_classes).params
                - linear(in_features=features, out_features=new_classes).params
            ),
            settings=settings("features old_classes new_classes", (1024, 1000, 5), (4096, 1000, 10), (512, 10, 100)),
            solution="(features + 1) * (old_classes - new_classes)",
            mistakes=(
                ("features * (old_classes - new_classes)", "Each class has a bias, too."),
                (
                    "(features + 1) * (new_classes - old_classes)",
                    "That is what it gains. The question is what it loses.",
                ),
                ("(features + 1) * old_classes", "That is the whole old head. A new one comes in its place."),
            ),
            hint="A linear layer has one weight for each input and one bias, for each output.",
        ),
        judge=_judge_replacing,
        hint="`model.get_submodule(name)` gives the old layer, and `name.rpartition('.')` its parent's name and its "
        "own.",
        mistakes=(
            Mistake(
                lambda model, name, num_classes: model,
                "The network is as it was. `setattr(parent, child, new_layer)` puts the new layer in.",
            ),
            Mistake(_without_biases, "Every head here has biases; yours has lost them."),
            Mistake(
                lambda model, name, num_classes: nn.Sequential(model, nn.Linear(10, num_classes)),
                "You put a new layer behind the old one, which still turns everything it knows into its 10 old classes "
                "first.",
            ),
            Mistake(
                _cut,
                "`children()[:-1]` loses what is not a child, such as ShuffleNet's pooling in `forward`. Keep the "
                "network, and exchange one layer inside it.",
            ),
        ),
        solution="""
from torch import nn


def replace_head(model, name, num_classes):
    old = model.get_submodule(name)
    if isinstance(old, nn.Conv2d):
        new = nn.Conv2d(old.in_channels, num_classes, old.kernel_size)
    else:
        new = nn.Linear(old.in_features, num_classes)
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, new)
    return model


answer = replace_head
""",
    ),
    RankingExercise(
        name="alexnet_rank_layers",
        question="Put these four layers of the network of 2014 in order by their parameters.",
        first="most parameters first",
        largest_first=True,
        unit="parameters",
        items=(
            Item("the first convolution, 3 to 64 channels, $11 \\times 11$", lambda: _params("features.0")),
            Item("the last fully connected layer, 4096 to 1000", lambda: _params("classifier.6")),
            Item("the first fully connected layer, 9216 to 4096", lambda: _params("classifier.1")),
            Item("the third convolution, 192 to 384 channels, $3 \\times 3$", lambda: _params("features.6")),
        ),
        hint="A convolution has inputs times outputs times places of the kernel; a fully connected layer is one "
        "of $1 \\times 1$.",
        solution="Most first:\n\n{order}\n\nAll five convolutions together have fewer parameters than the "
        "smallest of the fully connected layers.",
    ),
)
