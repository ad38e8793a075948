"""Pictures of feature maps on a page: some in sight, the rest to be opened, without a script."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

STYLE = Path(__file__).with_name("album.css")


@dataclass(frozen=True)
class MapCard:
    """One entry of a `MapAlbum`.

    Attributes:
        title: The line above it.
        pictures: Caption and map ``[H, W]``; all are drawn on the scale of the first, but for the second, a source,
            which has its own.
    """

    title: str
    pictures: tuple[tuple[str, Tensor], ...]


class MapAlbum:
    """Feature maps: native elements only, so it works in a page, a notebook and without scripts.

    Args:
        caption: What it shows.
        cards: The entries.
        name: Unique in the page.
        opened: So many of the entries are shown; the rest can be opened one at a time.
        photo: ``[3, H, W]`` from 0 to 1, what the network saw, before all entries.
        maps: ``[C, H, W]``, shown in small beside it.

    Raises:
        ValueError: If there are no cards.
    """

    def __init__(
        self,
        caption: str,
        cards: Sequence[MapCard],
        name: str = "map_album",
        opened: int = 1,
        photo: Tensor | None = None,
        maps: Tensor | None = None,
    ) -> None:
        if not cards:
            raise ValueError(f"the album {name!r} has no cards: at least one is needed")
        self.caption, self.cards, self.name, self.opened = caption, tuple(cards), name, opened
        self.photo, self.maps = photo, maps

    def __str__(self) -> str:
        return "\n".join([self.caption, *(card.title for card in self.cards)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        # The class ln-numbers gives it the page's own colours, in the dark too.
        shown = "".join(f"<p><b>{html.escape(c.title)}</b></p>{_row(c)}" for c in self.cards[: self.opened])
        return (
            f'<div class="ln-numbers ln-album" role="group" aria-label="{html.escape(self.caption)}">'
            f"<style>{STYLE.read_text(encoding='utf-8')}</style><p><b>{html.escape(self.caption)}</b></p>"
            f"{self._seen()}{shown}{''.join(map(self._closed, self.cards[self.opened :]))}</div>"
        )

    def _seen(self) -> str:
        """The photograph and some maps."""
        if self.photo is None or self.maps is None:
            return ""
        pixels = (255 * self.photo).round().byte().permute(1, 2, 0).numpy()
        maps = "".join(_image(grey(one), "") for one in self.maps)
        return (
            f'<div class="ln-album-seen">{_image(pixels, "the photograph")}'
            f'<div role="img" aria-label="{len(self.maps)} maps">{maps}</div></div>'
        )

    def _closed(self, card: MapCard) -> str:
        # Of several <details> with one name a browser keeps at most one open.
        name, title = html.escape(self.name), html.escape(card.title)
        return f'<details name="{name}"><summary>{title}</summary>{_row(card)}</details>'


def _row(card: MapCard) -> str:
    """All pictures of a card beside each other."""
    first = card.pictures[0][1]
    figures = []
    for place, (caption, picture) in enumerate(card.pictures):
        text = html.escape(caption)
        pixels = grey(picture, None if place == 1 else first)
        figures.append(f"<figure>{_image(pixels, text)}<figcaption>{text}</figcaption></figure>")
    return f'<div class="ln-album-row">{"".join(figures)}</div>'


def grey(picture: Tensor, scale: Tensor | None = None) -> np.ndarray:
    """A map ``[H, W]`` as bytes, from black, the least value of a map (its own if none is given), to white."""
    scale = picture if scale is None else scale
    low, high = scale.min(), scale.max()
    return (255 * ((picture - low) / (high - low).clamp_min(1e-12)).clamp(0, 1)).round().byte().numpy()


def _image(pixels: np.ndarray, alt: str) -> str:
    """Bytes ``[H, W]`` or ``[H, W, 3]`` as an element: a JPEG, a third as large as a PNG."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=75, optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{alt}">'
