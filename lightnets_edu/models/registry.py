"""All that is known of each network, by its name; and networks by name, as torchvision's ``get_model`` has them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from lightnets_edu.checks import truth_value, whole_number
from lightnets_edu.models.cost import Layer
from lightnets_edu.models.weights import with_weights

SMALL_INPUT_SIZE = 32


@dataclass(frozen=True)
class Printed:
    """What is printed about a network somewhere else.

    Attributes:
        source: Where it is printed.
        read: Whether we have read it there; if not, it is known from others who quote it, and carries a mark.
        params: As printed, or None.
        macs: As printed, or None.
        top1: Per cent of right answers, or None.
        images: What the accuracy was measured on.
        why: Why a printed number differs from the counted one.
        top1_source: Where the accuracy is printed, if somewhere else than the costs.
    """

    source: str
    read: bool
    params: str | None = None
    macs: str | None = None
    top1: float | None = None
    images: str = "ImageNet"
    why: str = ""
    top1_source: str = ""

    @property
    def cited(self) -> str:
        """The sources, with a † if we could not read the numbers there; ``book/how_to_read.md`` explains the mark."""
        top1 = f"; top-1: {self.top1_source}" if self.top1_source else ""
        return f"{self.source}{top1}{self._mark}"

    @property
    def top1_cited(self) -> str:
        """Where the accuracy is printed, with the same mark."""
        return f"{self.top1_source or self.source}{self._mark}"

    @property
    def _mark(self) -> str:
        return "" if self.read else " †"


@dataclass(frozen=True)
class Entry:
    """One network: how it is built, what it costs, where it belongs, what is printed about it.

    Attributes:
        name: What `get_model` calls it.
        network: Its class.
        closed_form: Gives its layers as formulas; it takes the class's keywords that change the cost, and ``size``.
        family: The networks that it is shown with.
        input_size: Side of the images that its paper uses, in pixels.
        fixed: Keywords of the class that make it this network, with their values; nobody can change them.
        defaults: Defaults of its own for the other keywords.
        printed: What is printed about it, or None.
    """

    name: str
    network: Callable[..., nn.Module]
    closed_form: Callable[..., Iterator[Layer]]
    family: str
    input_size: int
    fixed: Mapping[str, Any]
    defaults: Mapping[str, Any]
    printed: Printed | None

    @cached_property
    def options(self) -> dict[str, inspect.Parameter]:
        """What can be chosen, by name, with its default: the keywords of the class that are not fixed, and weights."""
        free = {k: p for k, p in inspect.signature(self.network).parameters.items() if k not in self.fixed}
        options = {k: p.replace(default=self.defaults.get(k, p.default)) for k, p in free.items()}
        return options | {"weights": inspect.Parameter("weights", inspect.Parameter.KEYWORD_ONLY, default=None)}

    def build(self, **options: Any) -> nn.Module:
        """The network itself, with official weights in it if ``weights`` names some.

        Raises:
            ValueError: If an option is not known, or its value is not allowed.
        """
        settings = self._settings(options)
        if "num_classes" in settings:
            settings["num_classes"] = whole_number("num_classes", settings["num_classes"], 1)
        weights = settings.pop("weights")
        return with_weights(self.network(**self.fixed, **settings), self.name, weights, **settings)

    def layers(self, size: Any = None, **options: Any) -> Iterator[Layer]:
        """The network as formulas: one (name, formula, settings) a layer or block.

        Args:
            size: Side of the square images, in pixels; an int or a SymPy symbol. None for `input_size`, or for 32 with
                ``small_input``.
            **options: As for `build`. One that costs nothing changes nothing.

        Raises:
            ValueError: If an option is not known, or is no truth value where one is needed.
        """
        settings = {**self.fixed, **self._settings(options)}
        if size is None:
            size = self.side(settings.get("small_input", False))
        taken = inspect.signature(self.closed_form).parameters
        return self.closed_form(**{name: value for name, value in settings.items() if name in taken}, size=size)

    def side(self, small_input: bool = False) -> int:
        """Side of the images that the network is counted and timed at unless told otherwise, in pixels."""
        return SMALL_INPUT_SIZE if truth_value("small_input", small_input) else self.input_size

    def _settings(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Every option's value: as given, or its default. Where that is a truth value, a word for one will do."""
        for option in options:
            if option not in self.options:
                near = difflib.get_close_matches(option, self.options, n=1)
                hint = f"did you mean {near[0]!r}; " if near else ""
                raise ValueError(f"{self.name} has no option {option!r}: {hint}it takes {', '.join(self.options)}")
        defaults = {name: parameter.default for name, parameter in self.options.items()}
        chosen = {
            name: truth_value(name, value) if isinstance(defaults[name], bool) else value
            for name, value in options.items()
        }
        return defaults | chosen


_ENTRIES: dict[str, Entry] = {}


def register(
    name: str,
    network: Callable[..., nn.Module],
    layers: Callable[..., Iterator[Layer]],
    *,
    family: str,
    input_size: int = 224,
    fixed: Mapping[str, Any] = {},
    defaults: Mapping[str, Any] = {},
    printed: Printed | None = None,
) -> None:
    """Make a network known by a name; command line, scoreboard and indexes follow. Arguments: see `Entry`.

    Raises:
        TypeError: If ``fixed`` or ``defaults`` name what the class does not take, or a keyword is left without a value.
    """
    keywords = inspect.signature(network).parameters
    if unknown := [keyword for keyword in (*fixed, *defaults) if keyword not in keywords]:
        raise TypeError(f"{name} sets {unknown[0]!r}, which its class does not take: it takes {', '.join(keywords)}")
    entry = Entry(name, network, layers, family, input_size, fixed, defaults, printed)
    if empty := [option for option, parameter in entry.options.items() if parameter.default is parameter.empty]:
        raise TypeError(f"{name} has no value for {empty[0]!r}: its class has no default, so fix it or give one")
    _ENTRIES[name] = entry


def list_models() -> list[str]:
    """The names that `get_model` knows, in the book's order."""
    return list(_ENTRIES)


def get_entry(name: str) -> Entry:
    """All that is known of a network.

    Raises:
        ValueError: If there is no network of that name; the nearest names are suggested.
    """
    if name not in _ENTRIES:
        near = difflib.get_close_matches(str(name), _ENTRIES, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(_ENTRIES)}"
        raise ValueError(f"there is no model {name!r}: {hint}")
    return _ENTRIES[name]


def model_options(name: str) -> dict[str, inspect.Parameter]:
    """The options of a network, by name, with their defaults."""
    return dict(get_entry(name).options)


def default_input_size(name: str, small_input: bool = False) -> int:
    """Side of the images that a network is counted and timed at unless told otherwise, in pixels."""
    return get_entry(name).side(small_input)


def network_layers(name: str, size: Any = None, **options: Any) -> Iterator[Layer]:
    """A network by name, as formulas; see `Entry.layers`.

    Example:
        >>> from lightnets_edu.models.cost import network_cost
        >>> network_cost(network_layers("mobilenet_v1", 160, width_mult=0.5)).macs
        76524800
    """
    return get_entry(name).layers(size, **options)


def get_model(name: str, **options: Any) -> nn.Module:
    """Build a network by name.

    Args:
        name: One of `list_models`.
        **options: The network's options, such as ``num_classes=10``.

    Raises:
        ValueError: If the name or an option is not known, or an option's value is not allowed.

    Example:
        >>> model = get_model("mobilenet_v1", width_mult=0.5, num_classes=10)
        >>> model.classifier
        Linear(in_features=512, out_features=10, bias=True)
    """
    return get_entry(name).build(**options)
