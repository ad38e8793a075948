"""Networks in the page's engine, and the same networks in PyTorch."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor, nn

from lightnets_edu.models import get_entry, get_model
from lightnets_edu.pages.live.rows import Row, compact, network_rows
from lightnets_edu.pages.live.weights import hashed_image, put_hashed_weights

from .conftest import call

# The engine's module and class: on the processor, and on the graphics chip.
PROCESSOR = ("live/engine.js", "Engine")
GRAPHICS = ("live/gpu.js", "GpuEngine")
RUN = """async (module, name, many) => {
  const engine = new module[name]({ EngineError: Error, StoppedError: Error });
  await engine.start();
  const found = [];
  for (const [rows, shape] of many) {
    await engine.ask("build", { rows, shape });
    // Twice: what the first run leaves in memory must not change the second.
    await engine.ask("run", { times: 2 });
    found.push([...await engine.ask("output")]);
  }
  engine.stop();
  return found;
}"""


def outputs(page, many: list[tuple[list[Row], tuple]], engine: tuple[str, str] = PROCESSOR) -> list[np.ndarray]:
    """What the engine makes of the hashed image, for each network."""
    module, name = engine
    found = call(page, module, RUN, name, [[compact(rows), shape] for rows, shape in many])
    return [np.array(values) for values in found]


@torch.inference_mode()
def wanted_outputs(model: nn.Module, rows: list[Row], shape: tuple) -> np.ndarray:
    """What PyTorch makes of it in float64, with the same weights."""
    put_hashed_weights(model, rows)
    return model.double()(hashed_image(shape).double()).flatten().numpy()


def error(found: np.ndarray, model: nn.Module, rows: list[Row], shape: tuple) -> float:
    """The largest difference from PyTorch in float64, as a part of the outputs' deviation."""
    wanted = wanted_outputs(model, rows, shape)
    assert found.shape == wanted.shape
    return float(np.abs(found - wanted).max() / wanted.std())


def network_error(page, name: str, engine: tuple[str, str] = PROCESSOR) -> float:
    """The same for a network of the registry, at its own size."""
    side = get_entry(name).input_size
    shape = (3, side, side)
    model = get_model(name)
    rows = network_rows(model, shape)
    (found,) = outputs(page, [(rows, shape)], engine)
    return error(found, model, rows, shape)


def random_convolution(draw: random.Random) -> tuple[nn.Conv2d, tuple[int, int, int]]:
    """Any kernel, stride, padding, grouping and size that fit together; odd ones more often than even ones."""
    kernel, stride, groups = draw.choice((1, 1, 2, 3, 3, 5, 7)), draw.choice((1, 1, 2, 3)), draw.choice((1, 1, 2, 3, 8))
    ins, outs = (groups * draw.randint(1, 12) for _ in range(2))
    if draw.random() < 0.3:
        groups = ins
        outs = ins * draw.choice((1, 1, 2))
    if draw.random() < 0.1:
        ins, outs, groups = 300, 7, 1  # more than one part of the sums
    height, width = (draw.randint(kernel, 40) for _ in range(2))
    padding, bias = draw.randint(0, kernel // 2), draw.random() < 0.7
    return nn.Conv2d(ins, outs, kernel, stride, padding, groups=groups, bias=bias), (ins, height, width)


def small_network() -> tuple[nn.Module, tuple[int, int, int]]:
    """One small convolution, which takes less than a millisecond everywhere."""
    return nn.Sequential(nn.Conv2d(8, 8, 3)), (8, 9, 9)


def assert_random_convolutions(page, engine: tuple[str, str], many: int) -> None:
    """So many of them, with each activation, are those of PyTorch."""
    draw = random.Random(0)
    models = []
    for number in range(many):
        convolution, shape = random_convolution(draw)
        activation = (nn.Identity(), nn.ReLU(), nn.ReLU6())[number % 3]
        model = nn.Sequential(convolution, activation)
        models.append((model, network_rows(model, shape), shape))
    found = outputs(page, [(rows, shape) for _, rows, shape in models], engine)
    for values, (model, rows, shape) in zip(found, models, strict=True):
        # A convolution's output may be a single number, which has no deviation. Inputs are at most 1, and the weights'
        # bound makes outputs about 1 large: the bound is some hundred roundings of float32.
        wanted = wanted_outputs(model, rows, shape)
        np.testing.assert_allclose(values, wanted, rtol=0, atol=2e-5, err_msg=f"{model} of {shape}")


class Odd(nn.Module):
    """Each operation that the tested networks do not have, on maps whose sizes are no multiples of four."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 10, 3, bias=False)
        self.norm, self.relu = nn.BatchNorm2d(10), nn.ReLU(inplace=True)
        self.response = nn.LocalResponseNorm(5, alpha=0.5, k=2.0)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.gate = nn.Conv2d(10, 10, 1)
        self.last = nn.Linear(2 * 10 * 6 * 6, 7)

    def forward(self, x: Tensor) -> Tensor:
        """``[1, 3, 15, 15]`` to ``[1, 7]``."""
        x = self.stem(x)
        active = self.relu(self.norm(self.pool(x)))  # no convolution before this norm
        gates = torch.sigmoid(self.gate(active.mean((2, 3), keepdim=True)))
        x = self.response(active * gates + gates)
        x += active
        return self.last(torch.cat([x[:, 3:], active, x[:, :3]], 1).flatten(1))


def odd_error(page, engine: tuple[str, str]) -> float:
    """The error of that network."""
    model, shape = Odd(), (3, 15, 15)
    rows = network_rows(model, shape)
    made = {"affine", "gate", "add", "sigmoid", "response_norm", "max_pool", "slice", "cat", "reshape", "linear"}
    assert made <= {row.op for row in rows}
    (found,) = outputs(page, [(rows, shape)], engine)
    return error(found, model, rows, shape)
