"""What do the gates of squeeze-and-excitation do? Their values, what they know of the class, and how to close one.

A gate is the number from 0 to 1 by which a channel is multiplied (Hu et al. 2019, arXiv:1709.01507v4, equations 3-4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from lightnets_edu.checks import whole_number
from lightnets_edu.features.capture import capture
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation

CONSTANT = 1e-12  # mean variance below which gates are taken as constant: rounding of numbers near 1


def gate_modules(model: nn.Module) -> dict[str, SqueezeExcitation]:
    """All squeeze-and-excitation modules of a network by name, in order of depth.

    Raises:
        ValueError: If there are none.
    """
    found = {name: module for name, module in model.named_modules() if isinstance(module, SqueezeExcitation)}
    if not found:
        raise ValueError(
            f"{type(model).__name__} has no squeeze-and-excitation module; networks with gates are se_resnet50, "
            "se_resnext50_32x4d, mnasnet_a1, mnasnet_small and ghostnet"
        )
    return found


def capture_gates(model: nn.Module, images: Tensor, batch_size: int = 64) -> dict[str, Tensor]:
    """The gates of every squeeze-and-excitation module for every image: what the channels are multiplied by.

    Args:
        model: A network with such modules; it runs in evaluation mode and is left as it was.
        images: ``[N, C, H, W]``, normalised.
        batch_size: Images a batch; it decides memory and time only.

    Returns:
        Name of the module to ``[N, channels]``, 0 to 1, behind the sigmoid or hard sigmoid; in order of depth.

    Raises:
        ValueError: If the network has no gates, or as `capture`.
    """
    names = list(gate_modules(model))
    values = capture(model, [f"{name}.gate" for name in names], images, batch_size)
    return {name: values[f"{name}.gate"].flatten(1) for name in names}


def gates_by_class(gates: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The mean gate of each class and channel.

    Args:
        gates: ``[N, C]``.
        labels: int64 ``[N]``, 0 to ``classes - 1``.
        classes: Number of classes.

    Returns:
        ``[classes, C]``.

    Raises:
        ValueError: If shapes or labels do not fit, or a class has no image.
    """
    gates, labels = _checked(gates, labels)
    classes = whole_number("classes", classes, 1)
    if labels.max() >= classes:
        raise ValueError(f"a label is {int(labels.max())}, but with classes={classes} they run from 0 to {classes - 1}")
    counts = torch.bincount(labels, minlength=classes)
    if (counts == 0).any():
        missing = ", ".join(map(str, (counts == 0).nonzero().flatten().tolist()))
        raise ValueError(f"no image has the label {missing}: a mean needs at least one; take more images")
    return _class_sums(gates, labels, classes) / counts[:, None]


def class_specificity(gates: Tensor, labels: Tensor) -> float:
    """How much of the gates' variance lies between classes: eta squared, 0 (none) to 1 (the class decides the gate).

    Of one channel: eta² = sum over classes k of n_k (mean_k - mean)² / sum over images of (gate - mean)². Of all
    channels: the mean of eta² weighted by each channel's variance, which is the sum of all numerators over the sum of
    all denominators, so that gates that hardly move hardly count.

    It is not 0 by chance: for K classes and N images without any relation its mean is (K - 1) / (N - 1). Compare with
    `permuted_specificity`.

    Args:
        gates: ``[N, C]``.
        labels: int64 ``[N]``, from 0.

    Returns:
        eta²; 0 if no gate varies at all (a saturated sigmoid).

    Raises:
        ValueError: If shapes or labels do not fit.
    """
    gates, labels = _checked(gates, labels)
    deviation = gates - gates.mean(0)
    total = float(deviation.square().sum())
    if total <= CONSTANT * gates.numel():
        return 0.0
    counts = torch.bincount(labels)
    present = counts > 0
    sums = _class_sums(deviation, labels, len(counts))[present]
    return float((sums.square() / counts[present, None]).sum()) / total


def permuted_specificity(gates: Tensor, labels: Tensor, seed: int = 0) -> float:
    """`class_specificity` with the labels dealt out anew at random: what chance gives.

    Over all permutations its mean is (K - 1) / (N - 1) exactly, for K classes and N images.

    Args:
        gates: ``[N, C]``.
        labels: int64 ``[N]``.
        seed: Decides the permutation.
    """
    gates, labels = _checked(gates, labels)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return class_specificity(gates, labels[order])


@contextmanager
def closed_gate(module: SqueezeExcitation, channel: int, value: float = 0.0) -> Iterator[None]:
    """Inside, one channel's gate is 0 for all images: its map vanishes, and the network must do without.

    Contexts may be nested to close several. Training inside is possible; the closed gate then learns nothing.

    Args:
        module: One of `gate_modules`.
        channel: From 0.
        value: Another fixed gate, from 0 to 1: with 1 the map passes unchanged.

    Raises:
        ValueError: If the module has no gates, the channel is not there, or the value lies outside.
    """
    if not isinstance(module, SqueezeExcitation):
        raise ValueError(
            f"a {type(module).__name__} has no gates: take a squeeze-and-excitation module from gate_modules(model)"
        )
    channels = module.fc2.out_channels
    if whole_number("channel", channel, 0) >= channels:
        raise ValueError(f"channel={channel} is not there: the module has gates 0 to {channels - 1}")
    if not 0 <= value <= 1:
        raise ValueError(f"value should be from 0 (closed) to 1 (open) instead of {value!r}, as every gate is")

    def close(gate: nn.Module, arguments: tuple, output: Tensor) -> Tensor:
        keep = torch.ones(channels, 1, 1, dtype=output.dtype, device=output.device)
        keep[channel] = 0
        return output * keep + value * (1 - keep)

    handle = module.gate.register_forward_hook(close)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def replaced_gates(model: nn.Module, replace: Callable[[str, Tensor], Tensor]) -> Iterator[None]:
    """Inside, every gate of a network is what a function makes of it: what is a trained network worth without its own?

    Args:
        model: A network with squeeze-and-excitation modules.
        replace: From a module's name and its gates ``[N, C, 1, 1]`` to others of the same shape.

    Raises:
        ValueError: If the network has no gates, or what is to replace them has another shape.
    """

    def hook(name: str, gates: Tensor) -> Tensor:
        others = replace(name, gates)
        if others.shape != gates.shape:
            raise ValueError(f"the gates of {name!r} have the shape {tuple(gates.shape)}, not {tuple(others.shape)}")
        return others

    handles = [
        module.gate.register_forward_hook(lambda _gate, _arguments, gates, name=name: hook(name, gates))
        for name, module in gate_modules(model).items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _class_sums(values: Tensor, labels: Tensor, classes: int) -> Tensor:
    """``[N, C] -> [classes, C]``."""
    return values.new_zeros(classes, values.shape[1]).index_add_(0, labels, values)


def _checked(gates: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Gates in float64 and labels, both on the CPU."""
    if gates.ndim != 2 or gates.numel() == 0:
        raise ValueError(f"gates should be [N, C], one row an image, instead of {tuple(gates.shape)}")
    if labels.dtype != torch.int64 or labels.shape != gates.shape[:1]:
        raise ValueError(
            f"labels should be int64 [{len(gates)}], one an image, instead of {labels.dtype} {tuple(labels.shape)}"
        )
    if labels.min() < 0:
        raise ValueError(f"labels count from 0, but one is {int(labels.min())}")
    return gates.detach().cpu().double(), labels.cpu()
