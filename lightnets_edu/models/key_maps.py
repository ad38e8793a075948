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


_INVERTED_RESIDUAL = {
    "conv_pw": "0", "bn1": "1", "conv_dw": "3", "bn2": "4", "se.conv_reduce": "se.fc1", "se.conv_expand": "se.fc2",
    "conv_pwl": "6", "bn3": "7",
}  # fmt: skip


def timm_mnasnet(state: StateDict) -> StateDict:
    """timm's MNASNet: ``blocks.1.0.conv_pw.weight`` is our (and torchvision's) ``layers.8.0.layers.0.weight``."""

    def in_block(match: re.Match) -> str:
        return f"layers.{7 + int(match[1])}.{match[2]}.layers.{_INVERTED_RESIDUAL[match[3]]}."

    return _renamed(
        state,
        (r"conv_stem\.", "layers.0."),
        (r"bn1\.", "layers.1."),
        (r"blocks\.0\.0\.conv_dw\.", "layers.3."),
        (r"blocks\.0\.0\.bn1\.", "layers.4."),
        (r"blocks\.0\.0\.conv_pw\.", "layers.6."),
        (r"blocks\.0\.0\.bn2\.", "layers.7."),
        (r"blocks\.(\d)\.(\d)\.((?:se\.)?\w+)\.", in_block),
        (r"conv_head\.", "layers.14."),
        (r"bn2\.", "layers.15."),
        (r"classifier\.", "classifier.1."),
    )


KEY_MAPS: dict[str, Callable[[Any], StateDict]] = {
    function.__name__: function
    for function in (unwrapped, cadene_senet, torchvision_regnet, pycls_regnet, timm_mnasnet)
}
