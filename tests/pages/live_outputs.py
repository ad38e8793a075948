"""Networks in the page's engine, and the same networks in PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from lightnets_edu.models import get_entry, get_model
from lightnets_edu.pages.live.rows import Row, compact, network_rows
from lightnets_edu.pages.live.weights import hashed_image, put_hashed_weights

from .conftest import call

# The engine's module and class: on the processor, and on the graphics chip.
PROCESSOR = ("live/engine.js", "Engine")
GRAPHICS = ("live/gpu.js", "GpuEngine")
RUN = """async (module, name, many) => {
  const engine = new module[name]();
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
