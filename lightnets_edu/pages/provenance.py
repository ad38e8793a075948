"""How a page's numbers came to be, in one line."""

from __future__ import annotations

import html
from dataclasses import dataclass


@dataclass(frozen=True)
class Provenance:
    """One line; shown as such in a page and in a terminal."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return " · ".join(self.parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<p class="ln-provenance"><small>Made with: {html.escape(str(self))}</small></p>'


def thread_words(threads: int) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{threads} thread{'s' if threads != 1 else ''}"


def provenance(*, seed: int | None = None, data: str | None = None, device: str = "cpu") -> Provenance:
    """Describe this run: device, versions, seed, date and data.

    Args:
        seed: The seed of random numbers, if any were drawn.
        data: Where the data came from, in a few words.
        device: What computes, as for ``resolve_device``. By default the CPU: chapters use a GPU only where they say so.

    Raises:
        ValueError: If there is no such device here.
    """
    from lightnets_edu.runtime.environment import describe_environment

    facts = describe_environment(device)
    parts = [facts["device_name"], f"Python {facts['python']}", f"lightnets-edu {facts['package']}"]
    parts += [f"{library} {facts[library] or 'missing'}" for library in ("torch", "torchvision")]
    if facts["device"] == "cpu":
        parts.append(thread_words(facts["threads"]))
    if seed is not None:
        parts.append(f"seed {seed}")
    if data is not None:
        parts.append(f"data: {data}")
    return Provenance((*parts, facts["date"][:10]))
