"""Pictures of blocks, drawn from the code: what a forward really does, with its branches, shapes and costs."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise

from torch import nn

from lightnets_edu.pages.diagram.arrange import (
    Drawing,
    Edge,
    Place,
    Point,
    Series,
    Size,
    Structure,
    arrange,
    is_shortcut,
    take_apart,
)
from lightnets_edu.pages.diagram.flow import Shape, Step, block_steps, fold_branches
from lightnets_edu.pages.palette import CLASSES
from lightnets_edu.tables import compact

WIDEST = 430  # a telephone of 390 pixels shows it with letters of at least 11 pixels
HALF = 372  # two of them lie side by side in a column of the book
BOX_WIDTHS = (330, 300, 270, 250, 232, 216, 196, 180, 166, 152, 138, 124, 118, 108)  # tried one after the other
MARGIN = 8
PADDING = 6  # left and right of the text in a box
MARK = 12  # the mark of a layer's class, in the corner; the text stays in the middle
NAME, SMALL = 15.0, 13.0  # sizes of letters
LINE = {NAME: 19.0, SMALL: 16.5}  # heights of lines
PLAIN = ("input", "output")  # text without a box


@dataclass(frozen=True)
class Diagram:
    """A drawing that a page shows in its own colours, light or dark.

    Attributes:
        svg: The drawing.
        text: The same in words; it is also what a terminal shows.
        drawing: Where its boxes and lines lie, in the units of its view box.
    """

    svg: str
    text: str
    drawing: Drawing

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<div class="ln-diagram">{self.svg}</div>'


def block_diagram(
    module: nn.Module,
    input_size: Sequence[int],
    title: str,
    *,
    leaves: tuple[type[nn.Module], ...] = (),
    most_branches: int = 4,
    width: float = WIDEST,
) -> Diagram:
    """Draw a block with its branches, from what its forward does.

    Data flow, shapes and costs are found by the rules of `lightnets_edu.count`. Batch norm behind a convolution and
    ReLU have no box: they are named in the box of the layer before them. A shortcut without layers is a line. A layer
    that multiplies has the colour and the mark of its class; the stronger its box is tinted, the more of the block's
    MACs are in it.

    Args:
        module: The block; its forward takes one tensor.
        input_size: Shape of its input, batch first.
        title: What the drawing shows; for the text.
        leaves: Classes of child modules that become one box each, such as ``(Bottleneck,)``.
        most_branches: How many equal branches are drawn side by side, at least 2; further ones share one box.
        width: How wide the drawing may be, in pixels; ``HALF`` for two of them in a column.

    Returns:
        A drawing no wider than this, unless many branches lie side by side.

    Raises:
        ValueError: If the input does not fit the block, or its forward cannot be followed.
    """
    if not isinstance(most_branches, int) or most_branches < 2:
        raise ValueError(
            f"most_branches should be a whole number of at least 2 instead of {most_branches!r}: one branch that is "
            "drawn and one box for the others"
        )
    for most in range(most_branches, 1, -1):
        structure = take_apart(fold_branches(block_steps(module, input_size, leaves), most))
        for box_width in BOX_WIDTHS:
            drawing = arrange(structure, partial(_size, box_width=box_width), MARGIN)
            if drawing.width <= width:
                return _diagram(structure, drawing, box_width, title)
    return _diagram(structure, drawing, box_width, title)


@dataclass(frozen=True)
class Diagrams:
    """Drawings that are to be compared: side by side where the page is wide enough, else one after the other.

    Attributes:
        titles: A few words above each.
        diagrams: As many.
    """

    titles: tuple[str, ...]
    diagrams: tuple[Diagram, ...]

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.diagrams))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = "".join(
            f'<div style="flex:0 1 auto;max-width:100%"><p style="margin:0"><strong>{html.escape(title)}</strong></p>'
            f"{diagram.svg}</div>"
            for title, diagram in zip(self.titles, self.diagrams, strict=True)
        )
        style = "display:flex;flex-wrap:wrap;gap:1rem 1.5rem;align-items:flex-start"
        return f'<div class="ln-diagram ln-beside" style="{style}">{parts}</div>'


def side_by_side(diagrams: Mapping[str, Diagram]) -> Diagrams:
    """Show diagrams beside each other.

    Args:
        diagrams: For each title, a few words, its drawing from `block_diagram`, at best drawn with ``width=HALF``.

    Raises:
        ValueError: If there are fewer than two.
    """
    if len(diagrams) < 2:
        raise ValueError(f"side_by_side compares at least 2 diagrams instead of {len(diagrams)}: show one as it is")
    return Diagrams(tuple(diagrams), tuple(diagrams.values()))


def _diagram(structure: Structure, drawing: Drawing, box_width: float, title: str) -> Diagram:
    costs = [
        f"{sum(step.params for step in drawing.boxes):,} params",
        f"{sum(step.macs for step in drawing.boxes):,} MACs",
    ]
    words = [f"{title}.", *_words(structure, structure.series), f"In all {', '.join(costs)}."]
    text = "\n".join(words)
    return Diagram(_svg(drawing, box_width, text, f"in all {' · '.join(costs)}"), text, drawing)


# ---- What stands in a box ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Text:
    text: str
    size: float = SMALL
    bold: bool = False


def _text_width(text: str, size: float, bold: bool = False) -> float:
    """About the width of a text in the widest letters that readers have (DejaVu Sans, an eighth wider than Arial)."""
    wide, narrow = dict.fromkeys("mwMW→⋯", 0.97), dict.fromkeys("ijlft.,:;·()| ’", 0.34)
    widths = {**wide, **narrow, "r": 0.42, "×": 0.84}
    letters = sum(widths.get(letter, 0.72 if letter.isupper() else 0.62) for letter in text)
    return size * letters * (1.1 if bold else 1)


def _wrapped(words: Sequence[str], separator: str, size: float, width: float, bold: bool = False) -> list[_Text]:
    """As many words a line as fit."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]}{separator}{word}" if lines else word
        if lines and _text_width(longer, size, bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [_Text(line, size, bold) for line in lines]


def shape_words(shape: Shape) -> str:
    """Channels, height and width."""
    return " × ".join(map(str, shape[1:]))


def _numbers(step: Step) -> list[tuple[int, str]]:
    return [(number, unit) for number, unit in ((step.params, "params"), (step.macs, "MACs")) if number]


def _costs(step: Step) -> list[str]:
    return [f"{number:,} {unit}" for number, unit in _numbers(step)]


def _in_pieces(text: str, size: float, width: float, bold: bool = False) -> list[str]:
    """The words of a text; those between two commas or brackets stay together if they fit into a line."""
    pieces: list[str] = []
    for piece in re.split(r"(?<=,) | (?=\()", text):
        pieces += [piece] if _text_width(piece, size, bold) <= width else piece.split(" ")
    return pieces


def _contents(step: Step, box_width: float) -> list[_Text]:
    """The lines of a box that is at most so wide."""
    width = box_width - 2 * PADDING - (2 * MARK if step.layer_class else 0)
    name, notes = (step.name, ", ".join(step.notes)) if step.macs else (step.label, "")
    bold = bool(step.macs) or step.family in PLAIN
    lines = _wrapped(_in_pieces(name, NAME, width, bold), " ", NAME, width, bold)
    lines += _wrapped(_in_pieces(notes, SMALL, width), " ", SMALL, width) if notes else []
    costs = [
        exact if _text_width(exact, SMALL) <= width else f"{compact(number)} {unit}"
        for exact, (number, unit) in zip(_costs(step), _numbers(step), strict=True)
    ]
    return lines + _wrapped(costs, " · ", SMALL, width)


def _caption(step: Step) -> str:
    """The shape below a box, where it changes."""
    if step.family == "output":
        return ""
    changes = not step.inputs or any(source.shape != step.shape for source in step.inputs)
    return shape_words(step.shape) if changes else ""


def _size(step: Step, box_width: float) -> Size:
    lines = _contents(step, box_width)
    has_costs = step.params or step.macs
    longest = max(_text_width(line.text, line.size, line.bold) for line in lines)
    width = box_width if has_costs else longest + 2 * PADDING + 4
    height = sum(LINE[line.size] for line in lines) + (10 if has_costs else 7)
    if step.family in PLAIN:
        height -= 5
    caption = _caption(step)
    return Size(width, height, _text_width(caption, SMALL) + 4 if caption else 0, LINE[SMALL] + 2 if caption else 0)


# ---- Painting ------------------------------------------------------------------------------------------------------


def _svg(drawing: Drawing, box_width: float, text: str, total: str) -> str:
    macs = sum(step.macs for step in drawing.boxes)
    footer = [total]
    if sum(step.macs > 0 for step in drawing.boxes) > 1:
        footer.append("tint: a box’s share of the MACs")
    width = max(drawing.width, *(_text_width(line, SMALL) + 2 * MARGIN for line in footer))
    height = drawing.height + LINE[SMALL] * len(footer) + 4
    left = (drawing.width - width) / 2
    inside = [
        *(_box(step, place, box_width, macs) for step, place in drawing.boxes.items()),
        '<g fill="none" stroke="currentColor" stroke-width="1.3">',
        *(f'<path d="{_rounded_path(points)}"{_dashes(*edge)}/>' for edge, points in drawing.lines.items()),
        "</g>",
        f'<path d="{"".join(_arrow_head(*points[-2:]) for points in drawing.lines.values())}"/>',
        *(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="2.6"/>' for x, y in drawing.forks),
        *(_identity(drawing.lines[edge]) for edge in drawing.lines if edge in drawing.direct and is_shortcut(edge)),
        *(
            f'<text x="{_n(left + width / 2)}" y="{_n(drawing.height + LINE[SMALL] * index + 8)}" fill-opacity=".8">'
            f"{html.escape(line)}</text>"
            for index, line in enumerate(footer)
        ),
    ]
    return (
        f'<svg role="img" aria-label="{html.escape(text)}" viewBox="{_n(left)} 0 {_n(width)} {_n(height)}" '
        f'width="{_n(width)}" height="{_n(height)}" '
        'style="max-width:100%;height:auto;font-variant-numeric:tabular-nums" fill="currentColor" '
        f'text-anchor="middle" font-size="{_n(SMALL)}" xmlns="http://www.w3.org/2000/svg">{"".join(inside)}</svg>'
    )


def _box(step: Step, place: Place, box_width: float, all_macs: int) -> str:
    """A box with its mark, its lines and the shape below it, drawn from the middle of its top."""
    x, y, width, height = place
    lines = _contents(step, box_width)
    parts = []
    if step.family not in PLAIN:
        radius = 5 if step.params or step.macs else min(height / 2, 12)
        tint = 0.04 + 0.24 * step.macs / all_macs if step.macs else 0
        box = (
            f'<rect x="{_n(-width / 2)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}" '
            f'fill-opacity="{tint:.2g}" stroke="currentColor"{_dashes(step)}/>'
        )
        if look := CLASSES.get(step.layer_class):
            mark = f'<path d="{look.path}" transform="translate({_n(11 - width / 2)} 12)"/>'
            box = f'<g style="color:{look.css}" stroke-width="2">{box}{mark}</g>'
        parts.append(box)
    parts.append(_lines_of_text(lines, (height - sum(LINE[line.size] for line in lines)) / 2))
    if caption := _caption(step):
        parts.append(f'<text y="{_n(height + LINE[SMALL] - 2)}" fill-opacity=".8">{caption}</text>')
    return f'<g transform="translate({_n(x + width / 2)} {_n(y)})">{"".join(parts)}</g>'


def _dashes(*steps: Step) -> str:
    return ' stroke-dasharray="4 3"' if any(step.family == "more" for step in steps) else ""


def _identity(points: Sequence[Point]) -> str:
    """A word along a shortcut that is nothing but a line."""
    (x, top), (_, bottom) = max(pairwise(points), key=lambda piece: abs(piece[1][1] - piece[0][1]))
    place = f"translate({_n(x + 12)} {_n((top + bottom) / 2)})"
    return f'<text transform="{place} rotate(-90)" fill-opacity=".8">identity</text>'


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _lines_of_text(lines: Sequence[_Text], top: float) -> str:
    """Lines below each other; those of one size share what they have in common."""
    parts, below = [], top
    for (size, bold), group in groupby(lines, key=lambda line: (line.size, line.bold)):
        texts = []
        for line in group:
            below += LINE[size]
            texts.append(f'<text y="{_n(below - 4)}">{html.escape(line.text)}</text>')
        look = (f' font-size="{_n(size)}"' if size != SMALL else "") + (' font-weight="600"' if bold else "")
        parts.append(f"<g{look}>{''.join(texts)}</g>" if look else "".join(texts))
    return "".join(parts)


def _rounded_path(points: Sequence[Point], radius: float = 5) -> str:
    """A line with round corners, up to the arrow's head."""
    path = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        path.append(f"L{_n(start[0])} {_n(start[1])}Q{_n(corner[0])} {_n(corner[1])} {_n(end[0])} {_n(end[1])}")
    end = _towards(points[-1], points[-2], 4)
    return "".join([*path, f"L{_n(end[0])} {_n(end[1])}"])


def _towards(start: Point, goal: Point, far: float) -> Point:
    dx, dy = goal[0] - start[0], goal[1] - start[1]
    length = abs(dx) + abs(dy)  # lines run along the axes
    share = min(far / length, 0.5) if length else 0
    return start[0] + share * dx, start[1] + share * dy


def _arrow_head(before: Point, tip: Point) -> str:
    back = _towards(tip, before, 7)
    dx, dy = (tip[1] - back[1]) / 2, (tip[0] - back[0]) / 2
    corners = (tip, (back[0] + dx, back[1] + dy), (back[0] - dx, back[1] - dy))
    return f"M{'L'.join(f'{_n(x)} {_n(y)}' for x, y in corners)}z"


# ---- The same in words ---------------------------------------------------------------------------------------------


def _words(structure: Structure, series: Series, number: str = "", indent: str = "") -> list[str]:
    """Tell a series of a structure line by line."""
    lines, named = [], 0
    for part in series:
        if isinstance(part, Step):
            lines.append(indent + _step_words(part, structure.outside))
            continue
        lines.append(f"{indent}{len(part.branches) + part.direct} branches:")
        for branch in part.branches:
            named += 1
            inner = _words(structure, branch, f"{number}{named}.", indent + "  ")
            lines += [f"{indent}Branch {number}{named}:", *inner]
        if part.direct:
            named += 1
            lines.append(f"{indent}Branch {number}{named}: {_output_of(part.ends[0])}, unchanged.")
        if part is not series[-1]:  # else they end where the branch around them ends
            lines.append(f"{indent}The branches meet:")
    return lines


def _step_words(step: Step, outside: Sequence[Edge]) -> str:
    costs = f": {', '.join(_costs(step))}" if step.params or step.macs else ""
    shape = f" → {shape_words(step.shape)}" if _caption(step) else ""
    others = [_output_of(source) for source, target in outside if target is step]
    takes = "also takes" if len(others) < len(step.inputs) else "takes only"
    also = f" ({takes} {' and '.join(others)})" if others else ""
    name = f"{step.label} like these" if step.family == "more" else _capital(step.label)
    return f"{name}{also}{costs}{shape}."


def _output_of(step: Step) -> str:
    path = f" ({step.path})" if step.path else ""
    return "the input" if step.family == "input" else f"the output of “{step.name}”{path}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
