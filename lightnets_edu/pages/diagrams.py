"""Pictures of blocks, drawn from the code: the layers that a forward really runs, with their shapes and costs."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from lightnets_edu.counting import count
from lightnets_edu.counting.trace import LayerCount

_WIDTH, _ROW, _GAP = 460, 34, 22


@dataclass(frozen=True)
class Diagram:
    """A drawing that a page shows in its own colours, light or dark.

    Attributes:
        svg: The drawing.
        text: The same in words; it is also what a terminal shows.
    """

    svg: str
    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<div class="ln-diagram">{self.svg}</div>'


def _words(row: LayerCount) -> str:
    if row.group == "convolution":
        kernel = "×".join(map(str, row.kernel_size))
        depthwise = row.groups > 1 and row.groups == row.input_shape[1]
        kind = "depthwise " if depthwise else f"{row.groups} groups, " if row.groups > 1 else ""
        return f"{kind}{kernel} convolution"
    return {"BatchNorm2d": "batch norm", "add": "sum", "cat": "concatenate"}.get(row.kind, row.kind)


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape[1:]))


def chain_diagram(module: nn.Module, input_size: Sequence[int], title: str) -> Diagram:
    """Draw a block without branches as the chain of layers that its forward runs.

    Args:
        module: The block.
        input_size: Shape of its input, batch first.
        title: What the drawing shows.

    Returns:
        A drawing with one box a layer, the shapes between them and each layer's parameters and MACs.
    """
    rows = count(module, input_size).rows
    lines = [f"input {_shape(input_size)}"]
    parts, y = [], 6
    parts.append(f'<text x="12" y="{y + 12}">input {_shape(input_size)}</text>')
    y += 20
    for row in rows:
        numbers = {"params": row.params, "MACs": row.macs}
        cost = " · ".join(f"{number:,} {what}" for what, number in numbers.items() if number)
        weight = 2 if row.macs else 1
        parts.append(f'<path d="M 60 {y} v {_GAP - 4}" stroke="currentColor" marker-end="url(#ln-arrow)"/>')
        y += _GAP
        parts.append(
            f'<rect x="12" y="{y}" width="{_WIDTH - 24}" height="{_ROW - 8}" rx="5" fill="none" stroke="currentColor" '
            f'stroke-width="{weight}"/><text x="22" y="{y + 18}" font-weight="{"600" if row.macs else "400"}">'
            f"{html.escape(_words(row))}</text>"
            f'<text x="{_WIDTH - 22}" y="{y + 18}" text-anchor="end" font-size="11.5">{cost}</text>'
        )
        y += _ROW - 8
        lines.append(f"→ {_words(row)}{f' ({cost})' if cost else ''} → {_shape(row.output_shape)}")
        if row.macs:
            parts.append(f'<text x="74" y="{y + 15}" font-size="11.5">{_shape(row.output_shape)}</text>')
    text = f"{title}: " + " ".join(lines)
    svg = (
        f'<svg role="img" aria-label="{html.escape(text)}" viewBox="0 0 {_WIDTH} {y + 24}" width="{_WIDTH}" '
        'style="max-width:100%;height:auto;font-size:13px" fill="currentColor" xmlns="http://www.w3.org/2000/svg">'
        '<defs><marker id="ln-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto">'
        '<path d="M 0 0 L 8 4 L 0 8 z" fill="currentColor"/></marker></defs>'
        f"{''.join(parts)}</svg>"
    )
    return Diagram(svg, text)
