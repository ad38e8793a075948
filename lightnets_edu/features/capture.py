"""What do the layers inside a network return? Copies of their outputs, and a network left as it was."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

from lightnets_edu.checks import whole_number


def capture(model: nn.Module, layers: Iterable[str] | None, images: Tensor, batch_size: int = 64) -> dict[str, Tensor]:
    """Run a network on images and keep what some of its modules return.

    The network runs in evaluation mode (batch norms use their running statistics, dropout is off) and without
    gradients. Afterwards it is as before: training flags, hooks, buffers, device. What is kept are copies, taken when
    the module returns: most networks here overwrite a map later on, by a ReLU or by adding a shortcut.

    Args:
        model: Any network that takes a batch of images.
        layers: Names as in ``model.named_modules()``, such as ``["conv_stem", "blocks.1.0"]``; None for all
            convolutions that run.
        images: ``[N, C, H, W]``, normalised; moved to the network's device batch by batch.
        batch_size: Images a batch; it decides memory and time only.

    Returns:
        Name to output, ``[N, ...]``, on the device of the images: in the order of ``layers``, or for None in the order
        in which the layers run. If a module runs several times (a block's one ReLU), its last output.

    Raises:
        ValueError: If a name is unknown (the nearest ones are named) or its module does not run or does not return one
            tensor with a row an image; if the images are not a float tensor with at least one image.
    """
    if not isinstance(images, Tensor) or not images.is_floating_point() or images.ndim == 0 or len(images) == 0:
        got = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images should be a float tensor [N, C, H, W] of at least one image, normalised, not {got}")
    batches = images.split(whole_number("batch_size", batch_size, 1))
    modules = _chosen(model, layers)
    device = next((tensor.device for tensor in chain(model.parameters(), model.buffers())), images.device)
    outputs: dict[str, Tensor] = {}
    start = 0
    # Not inference_mode: its tensors could neither be changed in place nor be trained on later.
    with evaluation_mode(model), torch.no_grad():
        for batch in batches:
            for name, output in _one_batch(model, modules, batch.to(device)).items():
                if name not in outputs:
                    shape = (len(images), *output.shape[1:])
                    outputs[name] = torch.empty(shape, dtype=output.dtype, device=images.device)
                outputs[name][start : start + len(batch)] = output
            start += len(batch)
    if layers is None:
        return outputs
    for name, module in modules.items():
        if name not in outputs:
            parts = ", ".join(repr(f"{name}.{child}") for child, _ in list(module.named_children())[:3])
            hint = f": the network may run its parts by themselves, such as {parts}" if parts else ""
            raise ValueError(f"module {name!r} is not called in the network's forward{hint}")
    return {name: outputs[name] for name in modules}


def _one_batch(model: nn.Module, modules: dict[str, nn.Module], images: Tensor) -> dict[str, Tensor]:
    """Copies of the modules' outputs, in the order in which they ran."""
    copies: dict[str, Tensor] = {}

    def keeper(name: str) -> Callable[[nn.Module, tuple, object], None]:
        def keep(module: nn.Module, arguments: tuple, output: object) -> None:
            if not isinstance(output, Tensor) or output.ndim == 0 or len(output) != len(images):
                got = str(tuple(output.shape)) if isinstance(output, Tensor) else type(output).__name__
                raise ValueError(f"module {name!r} should return one tensor with a row for each image, not {got}")
            copies[name] = output.clone()

        return keep

    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.enter_context(module.register_forward_hook(keeper(name)))
        model(images)
    return copies


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Inside, the whole network is in evaluation mode; afterwards each module is in the mode it was in."""
    flags = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, flag in flags:
            module.training = flag


def _chosen(model: nn.Module, layers: Iterable[str] | None) -> dict[str, nn.Module]:
    known = dict(model.named_modules())
    if layers is None:
        return {name: module for name, module in known.items() if isinstance(module, nn.Conv2d)}
    if isinstance(layers, str):
        raise ValueError(f"layers should be a list of names such as [{layers!r}] instead of a single text")
    chosen = {}
    for name in layers:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.4) or list(known)[1:4]
            raise ValueError(f"the network has no module {name!r}; the nearest names are {', '.join(map(repr, near))}")
        chosen[name] = known[name]
    return chosen
