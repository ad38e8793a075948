"""Chapter 3b: cut networks, frozen norms, heads replaced by their names, and what few images are worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lightnets_edu.formulas import linear
from lightnets_edu.models import get_model
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
from lightnets_edu.pages.study import show_study

NEW_CLASSES = 5
#: Small networks, the name of each one's last layer, and what it is.
HEADS = {"shufflenet_v2_x0_5": "fc", "mnasnet0_5": "classifier.1", "squeezenet1_1": "classifier.1"}


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


def _mean(way: str) -> float:
    """Test accuracy in per cent with twenty images of each class, over the study's seeds."""
    return show_study("alexnet").mean(way, "accuracy_20")


EXERCISES = (
    NumberExercise(
        name="zoo_new_head",
        question="You take torchvision's `shufflenet_v2_x1_0`, whose head reads 1,024 numbers, freeze everything else, "
        "and give it a new linear head with biases for 5 classes. How many parameters does your training change?",
        answer=lambda: linear(in_features=1024, out_features=NEW_CLASSES).params,
        unit="parameters",
        hint="A linear layer has a weight for each input and a bias, for each output.",
        mistakes=(
            Mistake(lambda: 1024 * NEW_CLASSES, "Each class has a bias, too."),
            Mistake(
                lambda: linear(in_features=1024, out_features=1000).params,
                "That is the old head. The new one has five classes.",
            ),
            Mistake(lambda: 1024 + NEW_CLASSES, "Every class reads all numbers: multiply."),
        ),
        solution=r"$(1024 + 1) \cdot 5$ = {answer}, of more than a million. That is why a frozen network learns from a "
        "few images, and why it cannot adapt.",
    ),
    ChoiceExercise(
        name="zoo_children",
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
        name="zoo_frozen_norms",
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
        name="zoo_replace_head",
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
        name="zoo_rank_ways",
        question="You have twenty images of each of four new classes. Put these four ways in order by the mean "
        "accuracy that the study found.",
        first="highest accuracy first",
        largest_first=True,
        unit="%",
        items=(
            Item("from scratch", lambda: _mean("scratch")),
            Item("frozen convolutions that learned six other classes of clothes", lambda: _mean("frozen")),
            Item("frozen convolutions from ImageNet", lambda: _mean("imagenet_frozen")),
            Item("fine-tuning the whole network from ImageNet", lambda: _mean("imagenet_tuned")),
        ),
        hint="What did the text say of a large network with a hundred steps?",
        solution="Highest first:\n\n{order}\n\nTo keep what ImageNet taught is worth most; to train all of it in a "
        "hundred steps spoils it.",
    ),
)
