"""Code of the package inside a chapter, typeset as code."""

from __future__ import annotations

import inspect
from typing import Any

from IPython.display import Markdown


def show_source(thing: Any) -> Markdown:
    """The source of a class or function, as the package runs it."""
    return Markdown(f"```python\n{inspect.getsource(thing)}```")
