"""How long does a variant take beside another one? Times as measures of a study."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from lightnets_edu.recording.studies.declaration import Context
from lightnets_edu.timing.clock import forward_step, time_interleaved, training_step

ROUNDS, QUICK_ROUNDS = 41, 5


def times_beside(context: Context, build: Callable[[], nn.Module]) -> dict[str, float]:
    """The trained network's times as multiples of another network's, both timed in turns.

    Whatever else the machine does only adds time, and to a long sample more often than to a short one. So each network
    keeps the tenth percentile of its samples, and other runs may go on beside this one.

    Args:
        context: Of the run, with its trained network.
        build: Builds the other network, which is not trained: the weights do not change the time.

    Returns:
        ``"step_time"`` of a training step with a batch of the recipe, and ``"image_time"`` of the forward pass of one
        image; the other network itself has 1.
    """
    recipe, side = context.recipe, context.recipe.image_size
    networks = {"this": context.trained, "other": build()}
    found = {}
    for name, prepare, batch in (("step_time", training_step, recipe.batch_size), ("image_time", forward_step, 1)):
        steps = {
            key: prepare(
                network,
                (batch, recipe.channels, side, side),
                device=context.device,
                amp=recipe.amp,
                channels_last=recipe.in_channels_last(context.device.type),
            )
            for key, network in networks.items()
        }
        rounds = QUICK_ROUNDS if context.quick else ROUNDS
        timings = time_interleaved(steps, device=context.device, repeats=rounds)
        found[name] = timings["this"].p10 / timings["other"].p10
    return found
