"""Networks that run inside the page, on the reader's own machine: rows, kernels, a worker, and what a page shows."""

from lightnets_edu.pages.live.shown import time_here

__all__ = ["time_here"]
