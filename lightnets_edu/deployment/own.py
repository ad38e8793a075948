"""A network of the reader's own, from a Python file."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn


def own_network(where: str, options: Mapping[str, Any] = {}) -> nn.Module:
    """Build a network from the reader's own file, which is run.

    Args:
        where: ``FILE.py:NAME``, with NAME a class or function that returns a network, or a network itself.
        options: The keywords that it is called with.

    Raises:
        ValueError: If there is no such file or name, it does not take these keywords, or it gives no network.
    """
    file, _, name = where.rpartition(":")
    path = Path(file)
    if path.suffix != ".py" or not path.is_file():
        raise ValueError(f"{where!r} should be FILE.py:NAME, and there is no Python file {file!r}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # as for every .py file
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if found is None:
        raise ValueError(f"{path.name} has no {name!r}")
    if not isinstance(found, nn.Module):
        try:
            found = found(**options)
        except TypeError as error:
            raise ValueError(f"{name} of {path.name} cannot be called with these options: {error}") from error
    if not isinstance(found, nn.Module):
        raise ValueError(f"{name} of {path.name} gives {type(found).__name__}, and no torch.nn.Module")
    return found
