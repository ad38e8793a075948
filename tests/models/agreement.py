"""A network and its witnesses: reference numbers, another implementation, its own closed form."""

import json
from pathlib import Path

import torch
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.formulas import batch_norm2d, linear
from lightnets_edu.models.cost import network_cost

MODELS = json.loads((Path(__file__).parents[1] / "data" / "models.json").read_text(encoding="utf-8"))


def on_meta(name: str, **options) -> nn.Module:
    """A network of the registry without memory for its weights."""
    with torch.device("meta"):
        return get_model(name, **options)


def fill(network: nn.Module) -> nn.Module:
    """A network built on the meta device, with weights that let signals through, and batch norms unlike each other."""
    network = network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.zeros_(module.num_batches_tracked)
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            fan_in = module.weight[0].numel()
            nn.init.uniform_(module.weight, -((3 / fan_in) ** 0.5), (3 / fan_in) ** 0.5)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -0.5, 0.5)
    return network


def shared_state(network: nn.Module) -> dict[str, torch.Tensor]:
    """A state dict to build a twin with: the same parameters, its own copy of the running statistics."""
    own = dict(network.named_parameters()) | {name: buffer.clone() for name, buffer in network.named_buffers()}
    return {name: own[name] for name in network.state_dict()}


def timm_regnet_names(state: dict) -> dict:
    """timm's names to ours: stem.conv -> conv1, s1.b1.conv2.bn -> layer1.0.bn2, head.fc -> fc."""
    renamed = {}
    for key, tensor in state.items():
        first, *rest = key.split(".")
        if first == "stem":
            name = {"conv": "conv1", "bn": "bn1"}[rest[0]]
        elif first == "head":
            name = "fc"
        else:
            block, part, kind = rest[:3]
            name = f"downsample.{['conv', 'bn'].index(kind)}" if part == "downsample" else kind + part[-1]
            name = f"layer{first[1:]}.{int(block[1:]) - 1}.{name}"
        renamed[f"{name}.{rest[-1]}"] = tensor
    return renamed


def assert_same_outputs(ours: nn.Module, theirs: nn.Module, sizes, tolerance: float = 0.0) -> None:
    """The same outputs at each size in both modes, and the same running statistics after training mode."""
    for height, width in sizes:
        x = torch.randn(2, 3, height, width)
        for training in (False, True):
            first, second = ours.train(training), theirs.train(training)
            with torch.no_grad():
                a, b = first(x), second(x)
            assert a.shape == b.shape
            assert b.abs().max() > 1e-3
            assert (a - b).abs().max() <= tolerance * max(1.0, b.abs().max())
    for a, b in zip(ours.buffers(), theirs.buffers(), strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-5)


def totals(cost) -> tuple[int, ...]:
    """Of a `Cost` or a `CountTable`."""
    return cost.params, cost.macs, cost.activations, cost.memory_access


def assert_layers_equal_count(layers, table) -> None:
    """Each layer's closed form is what the count finds at its name and below it, and nothing is left over."""
    layers, found = list(layers), set()
    for name, formula, settings in layers:
        cost = formula(**settings)
        rows = [row for row in table.rows if row.path == name or row.path.startswith(name + ".")]
        found |= {row.path for row in rows}
        multiplying = [row for row in rows if row.group in ("convolution", "linear")]
        convolutions = [row for row in rows if row.group == "convolution"]
        assert cost.params == sum(row.params for row in rows), name
        if formula is batch_norm2d:
            continue
        assert cost.macs == sum(row.macs for row in multiplying), name
        assert cost.memory_access == sum(row.memory_access for row in multiplying), name
        if formula is not linear:
            assert cost.activations == sum(row.activations for row in convolutions), name
    assert not [row.path for row in table.rows if row.params and row.path not in found]
    assert totals(network_cost(layers)) == totals(table)
