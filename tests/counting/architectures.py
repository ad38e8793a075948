"""Networks of other libraries, counted by us and by torch's FlopCounterMode."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytorchcv.model_provider
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count
from lightnets_edu.counting import UnsupportedOperationError


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


def pytorchcv_network(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    model = _on_meta(lambda: pytorchcv.model_provider.get_model(name, pretrained=False))
    channels = next((m.in_channels for m in model.modules() if isinstance(m, nn.Conv2d)), 3)
    side = getattr(model, "in_size", (224, 224))
    return model, (1, getattr(model, "in_channels", channels), *side)


def _on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """Without memory for the weights; on the CPU if it has tensors that do not move with them, or reads values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                model = build().eval()
        except (RuntimeError, NotImplementedError):
            return build().eval()
        stay = (
            value for module in model.modules() for value in vars(module).values() if isinstance(value, torch.Tensor)
        )
        return build().eval() if any(not tensor.is_meta for tensor in stay) else model


def verdict(model: nn.Module, size: tuple[int, ...]) -> str:
    """``exact``, ``refused``, or what is wrong. Attention is counted on the meta device, where torch splits it up."""
    try:
        table = count(model, size)
    except UnsupportedOperationError:
        return "refused"
    except ValueError as error:
        return f"called wrong: {error}"
    params = sum(parameter.numel() for parameter in model.parameters())
    with warnings.catch_warnings(), FlopCounterMode(display=False) as counter:
        warnings.simplefilter("ignore")
        try:
            model.to("meta")(torch.empty(size, device="meta"))
        except RuntimeError:
            model.to_empty(device="cpu")(torch.zeros(size))
    if table.macs != (expected := counter.get_total_flops() // 2):
        return f"{table.macs} MACs instead of {expected}"
    return "exact" if table.params == params else f"{table.params} parameters instead of {params}"
