"""LightNets: how lightweight convolutional networks work, and what they cost.

The rooms: `formulas` (what should it cost?), `models` (what is it?), `counting` (what does it cost?), `runtime` (where
does it run?), `training` (does it learn?), `timing` (how long does it take?), `records` (what was measured?),
`recording` (how is it measured?), `features` (what did it learn?), `pages` (how is it shown?), `chapters` (what does
each chapter need of its own?).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightnets_edu._version import __version__

if TYPE_CHECKING:
    from lightnets_edu.counting import compare_counters, count
    from lightnets_edu.models import get_model, list_models

__all__ = ["__version__", "compare_counters", "count", "get_model", "list_models"]

# Imported when first used, so that `import lightnets_edu` itself takes no time.
_HOMES = {"count": "counting", "compare_counters": "counting", "get_model": "models", "list_models": "models"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'lightnets_edu' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"lightnets_edu.{_HOMES[name]}"), name)
