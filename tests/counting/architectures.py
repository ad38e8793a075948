"""Networks of other libraries, counted by us and by torch's FlopCounterMode."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import pytorchcv.model_provider
import timm
import torch
import torchvision  # noqa: F401  # registers its operations
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count
from lightnets_edu.counting import UnsupportedOperationError
from lightnets_edu.counting.inputs import InputSize, make_inputs


def timm_names() -> list[str]:
    return timm.list_models()


def timm_families() -> list[str]:
    """The first network of each of timm's files."""
    first: dict[str, str] = {}
    for name in timm_names():
        first.setdefault(timm.models._registry._model_to_module[name], name)
    return list(first.values())


def timm_network(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    model = _on_meta(lambda: timm.create_model(name))
    return model, (1, *model.default_cfg.get("input_size", (3, 224, 224)))


def pytorchcv_names() -> list[str]:
    return sorted(pytorchcv.model_provider._models)


FRAMES = 5
VIDEO = (1, FRAMES, 3, 64, 96)
IMAGE_PAIR = [(1, 3, 128, 128), (1, 3, 128, 128)]
#: What the forwards of pytorchcv's networks take that are not made for one image.
PYTORCHCV_INPUTS: dict[str, InputSize] = {
    "raft_things": IMAGE_PAIR,
    "raft_small": IMAGE_PAIR,
    "propainter": {
        "masked_frames": VIDEO,
        "masks_updated": (1, FRAMES, 1, *VIDEO[3:]),
        "masks_in": (1, FRAMES, 1, *VIDEO[3:]),
        "completed_flows": (1, FRAMES - 1, 4, *VIDEO[3:]),
    },
    "propainter_ip": [(FRAMES, 3, *VIDEO[3:]), (FRAMES, 1, *VIDEO[3:]), (FRAMES - 1, 4, *VIDEO[3:])],
    "propainter_rfc": [(1, FRAMES, 2, *VIDEO[3:]), (1, FRAMES, 1, *VIDEO[3:])],
    "nvpattexp116bazel76": [(2, 8, 16, 29), ((2,), torch.long)],  # windows of sound, and who speaks
    "visemenet20": [(34, 8, 195), (34, 76)],
    "voca8flame": [(2, 1, 16, 29), ((2,), torch.long)],
    "irevnet301": (1, 3, 224, 224),  # its first convolution sees half of the channels of a smaller map
    **dict.fromkeys(("tresnet_m", "tresnet_l", "tresnet_xl"), (1, 3, 224, 224)),  # likewise, a sixteenth
}
#: Arguments of forwards that are no tensors.
PYTORCHCV_SETTINGS = {"propainter": {"num_local_frames": FRAMES}}


class With(nn.Module):
    """A network some of whose arguments are given already."""

    def __init__(self, model: nn.Module, **settings: Any) -> None:
        super().__init__()
        self.model, self.settings = model, settings

    def forward(self, *args, **kwargs):
        return self.model(*args, **kwargs, **self.settings)


def pytorchcv_network(name: str) -> tuple[nn.Module, InputSize]:
    model = _on_meta(lambda: pytorchcv.model_provider.get_model(name, pretrained=False))
    if name in PYTORCHCV_SETTINGS:
        model = With(model, **PYTORCHCV_SETTINGS[name]).eval()
    if name in PYTORCHCV_INPUTS:
        return model, PYTORCHCV_INPUTS[name]
    channels = next((m.in_channels for m in model.modules() if isinstance(m, nn.Conv2d)), 3)
    side = getattr(model, "in_size", (224, 224))
    return model, (1, getattr(model, "in_channels", channels), *side)


def _on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """Without memory for the weights; on the CPU if it makes tensors that do not follow, or reads values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                model = build().eval()
        except (RuntimeError, NotImplementedError):
            return build().eval()
        return model if all(tensor.is_meta for tensor in _tensors(model)) else build().eval()


def _tensors(model: nn.Module) -> Iterator[torch.Tensor]:
    """Parameters, buffers, and what modules keep beside them."""
    yield from model.parameters()
    yield from model.buffers()
    for module in model.modules():
        yield from (value for value in vars(module).values() if isinstance(value, torch.Tensor))


def _run(model: nn.Module, size: InputSize, make: Callable[..., torch.Tensor]) -> None:
    args, kwargs = make_inputs(size, torch.float32, lambda shape, dtype: make(shape, dtype=dtype))
    model(*args, **kwargs)


def _deformable_flops(image, weight, *settings, out_shape: tuple[int, ...], **others: Any) -> int:
    """Two FLOPs for each weight of a filter at each place of its map."""
    return 2 * prod(out_shape) * prod(weight[1:])


def by_torch(model: nn.Module, size: InputSize) -> int:
    """MACs by torch's counter: on the meta device, where torch splits attention and recurrence up, if that is possible.

    The counter is told of torchvision's deformable convolution, which it does not know.
    """
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        model.requires_grad_(False)  # the counter follows gradients, and fails where they are not as usual
        try:
            with _counter() as counter, torch.device("meta"):
                _run(model.to("meta"), size, torch.empty)
        except RuntimeError:
            with _counter() as counter:
                _run(model.to_empty(device="cpu"), size, torch.zeros)
    return counter.get_total_flops() // 2


def _counter() -> FlopCounterMode:
    return FlopCounterMode(display=False, custom_mapping={torch.ops.torchvision.deform_conv2d: _deformable_flops})


def verdict(model: nn.Module, size: InputSize) -> str:
    """``exact``, ``refused``, or what is wrong."""
    try:
        table = count(model, size)
    except UnsupportedOperationError:
        return "refused"
    except ValueError as error:
        return f"called wrong: {error}"
    params = sum(parameter.numel() for parameter in model.parameters())
    if table.macs != (expected := by_torch(model, size)):
        return f"{table.macs} MACs instead of {expected}"
    return "exact" if table.params == params else f"{table.params} parameters instead of {params}"
