"""What a network gives must be logits; anything else is refused with a sentence that says how to wrap the network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

_USUAL_NAMES = ("logits", "out")  # of the logits among several outputs: transformers' and torchvision's


def checked_logits(output: object, images: int, classes: int) -> Tensor:
    """A network's output, if it is one tensor of logits [N, classes] or more of them than classes.

    Args:
        output: What the network gave.
        images: The number of images N that it was given.
        classes: Classes of the image set.

    Raises:
        ValueError: If it is something else: a dictionary, a tuple, a list or an object that holds the logits, numbers
            that are not floating-point, another shape, or fewer logits than classes.
    """
    wanted = f"it must be [{images}, {classes}], one logit a class for each image"
    if not isinstance(output, Tensor):
        raise ValueError(f"the network's output is {_described(output)} instead of one tensor: {wanted}.{_way(output)}")
    if output.ndim != 2 or output.shape[0] != images or output.shape[1] < classes:
        build = f" Build the network with num_classes={classes}." if output.ndim == 2 else ""
        raise ValueError(
            f"the network's output has the shape {list(output.shape)}, but the set has {classes} classes: "
            f"{wanted}.{build}"
        )
    if not output.is_floating_point():
        raise ValueError(f"the network's output is of {output.dtype}: logits are floating-point numbers.")
    return output


def _described(output: object) -> str:
    """A few words for an output that is no tensor: its kind, and the names or the number of what it holds."""
    kind = type(output).__name__
    if output is None:
        return "None"
    names = _names(output)
    if names:
        return f"of the kind {kind} with {', '.join(map(repr, names))}"
    return f"a {kind} of {len(output)}" if isinstance(output, tuple | list) else f"of the kind {kind}"


def _names(output: object) -> list[object]:
    """The names under which an output holds others."""
    if isinstance(output, Mapping):
        return list(output)
    return list(getattr(output, "_fields", ())) or list(getattr(output, "__dataclass_fields__", ()))


def _way(output: object) -> str:
    """How the network is to be wrapped so that it gives logits alone, as a sentence after a space; or nothing."""
    names = _names(output)
    usual = [name for name in _USUAL_NAMES if name in names or hasattr(output, name)]
    if isinstance(output, Mapping) and names:
        access = f"[{(usual or names)[0]!r}]"
    elif usual or names:
        access = f".{(usual or names)[0]}"
    elif isinstance(output, tuple | list):
        access = "[0]"
    else:
        return ""
    return (
        f" Wrap it in a module whose forward returns the logits alone, such as network(images){access}; if it has "
        "auxiliary outputs that it gives in training only, build it without them (aux_logits=False in torchvision)."
    )
