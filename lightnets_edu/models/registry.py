"""Networks by name, as torchvision's ``list_models`` and ``get_model`` have them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable

from torch import nn

Builder = Callable[..., nn.Module]
_BUILDERS: dict[str, Builder] = {}
_INPUT_SIZES: dict[str, int] = {}
SMALL_INPUT_SIZE = 32


def register_model(builder: Builder | None = None, *, input_size: int = 224) -> Callable:
    """Register a builder function under its own name.

    Args:
        builder: A function of keyword options that returns a network.
        input_size: Side of the images that its paper uses, in pixels.
    """

    def register(builder: Builder) -> Builder:
        _BUILDERS[builder.__name__] = builder
        _INPUT_SIZES[builder.__name__] = input_size
        return builder

    return register if builder is None else register(builder)


def list_models() -> list[str]:
    """The names that `get_model` knows, in the book's order."""
    return list(_BUILDERS)


def get_builder(name: str) -> Builder:
    """The function that builds a network.

    Raises:
        ValueError: If there is no network of that name; the nearest names are suggested.
    """
    if name not in _BUILDERS:
        near = difflib.get_close_matches(str(name), _BUILDERS, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(_BUILDERS)}"
        raise ValueError(f"there is no model {name!r}: {hint}")
    return _BUILDERS[name]


def model_options(name: str) -> dict[str, inspect.Parameter]:
    """The options of a network's builder, by name, with their defaults."""
    return dict(inspect.signature(get_builder(name)).parameters)


def default_input_size(name: str, small_input: bool = False) -> int:
    """Side of the images that a network is counted and timed at unless told otherwise, in pixels."""
    get_builder(name)
    return SMALL_INPUT_SIZE if small_input else _INPUT_SIZES[name]


def get_model(name: str, **options: object) -> nn.Module:
    """Build a network by name.

    Args:
        name: One of `list_models`.
        **options: The builder's options, such as ``num_classes=10``.

    Raises:
        ValueError: If the name or an option is not known, or an option's value is not allowed.

    Example:
        >>> model = get_model("mobilenet_v1", width_mult=0.5, num_classes=10)
        >>> model.classifier
        Linear(in_features=512, out_features=10, bias=True)
    """
    known = model_options(name)
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean {near[0]!r}; " if near else ""
            raise ValueError(f"{name} has no option {option!r}: {hint}it takes {', '.join(known)}")
    return get_builder(name)(**options)
