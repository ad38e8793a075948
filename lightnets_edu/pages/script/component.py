"""Components that are live where there is a kernel, and plain HTML where there is none."""

from __future__ import annotations

from typing import Any

import anywidget

__all__ = ["PageWidget"]


class PageWidget(anywidget.AnyWidget):
    """A widget for Jupyter and Colab, with HTML beside it that a built page shows and its script completes."""

    # ipywidgets 7, which Colab has, would be asked first, and leave the HTML out.
    _ipython_display_ = None

    def static_html(self) -> str:
        """The element for a page without a kernel."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/html": self.static_html()}, metadata
