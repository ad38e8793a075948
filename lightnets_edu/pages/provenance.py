"""How a page's numbers came to be, in one line."""

from __future__ import annotations

import html
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lightnets_edu._version import __version__

LIBRARIES = ("torch", "torchvision")


@dataclass(frozen=True)
class Provenance:
    """One line; shown as such in a page and in a terminal."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return " · ".join(self.parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<p class="ln-provenance"><small>Made with: {html.escape(str(self))}</small></p>'


def _processor() -> str:
    """The processor's name where the system tells it, else its kind."""
    description = Path("/proc/cpuinfo")
    if description.exists():
        for line in description.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _device() -> str:
    """The graphics processor that torch sees, if torch is in use and sees one, else the processor."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return _processor()


def provenance(*, seed: int | None = None, data: str | None = None, device: str | None = None) -> Provenance:
    """Describe this run: device, versions, seed, date and data.

    Args:
        seed: The seed of random numbers, if any were drawn.
        data: Where the data came from, in a few words.
        device: The device; the one in use if not given.
    """
    parts = [device or _device(), f"Python {platform.python_version()}", f"lightnets-edu {__version__}"]
    for library in LIBRARIES:
        try:
            parts.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            parts.append(f"no {library}")
    if seed is not None:
        parts.append(f"seed {seed}")
    if data is not None:
        parts.append(f"data: {data}")
    return Provenance((*parts, datetime.now(UTC).date().isoformat()))
