"""An untrained network to compare with: batch norms that know its activations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lightnets_edu.checks import whole_number
from lightnets_edu.features.capture import evaluation_mode


def settle_batch_norms(model: nn.Module, images: Tensor, batch_size: int = 64) -> None:
    """Measure every batch norm's running mean and variance anew, on these images, without any training.

    A new network's batch norms have mean 0 and variance 1, which in evaluation mode leave its maps as they are:
    neither centred nor scaled, so that after a few ReLUs much of each map is the same for all images. A trained
    network compared with that would seem to have *lost* redundancy. Call this on the untrained network first; then the
    two differ in their weights only.

    The network is changed in place: the running statistics become the means over the batches. Weights, training flags
    and momenta stay.

    Args:
        model: A network with batch norms.
        images: ``[N, C, H, W]``, normalised; at least 2.
        batch_size: Images a batch, from 2; a rest is spread over the batches. With few, the statistics are those of
            small batches.

    Raises:
        ValueError: If the network has no batch norms, or there are fewer than 2 images.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        raise ValueError(f"{type(model).__name__} has no batch norms, so nothing of it needs to settle")
    if len(images) < 2:
        raise ValueError(f"a variance needs at least 2 images instead of {len(images)}")
    batch_size = whole_number("batch_size", batch_size, 2)
    device = next(model.parameters()).device
    momenta = [norm.momentum for norm in norms]
    with evaluation_mode(model), torch.no_grad():  # dropout stays off; only the norms are in training mode
        try:
            for norm in norms:
                norm.reset_running_stats()
                norm.train()
                norm.momentum = None  # a plain mean over the batches
            for batch in images.tensor_split(max(1, len(images) // batch_size)):  # none is left of a single image
                model(batch.to(device))
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
