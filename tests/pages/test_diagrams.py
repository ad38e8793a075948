"""Drawings of blocks: they hold all of the block's cost, and nothing overlaps, crosses or hangs in the air."""

from __future__ import annotations

import html
import re
from itertools import combinations, pairwise

import pytest
import torch
from torch import nn
from torchvision.models.convnext import CNBlock
from torchvision.models.googlenet import Inception
from torchvision.models.resnet import BasicBlock
from torchvision.models.shufflenetv2 import InvertedResidual as TorchvisionShuffleUnit

from lightnets_edu import count
from lightnets_edu.models import g_ghost_regnet, ghostnet, mnasnet, mobilenet_v1, regnet, resnet, resnext, senet
from lightnets_edu.models import shufflenet_v1 as v1
from lightnets_edu.models import shufflenet_v2 as v2
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation
from lightnets_edu.models.squeezenet import Fire
from lightnets_edu.models.wide_resnet import WideBasicBlock
from lightnets_edu.pages.diagram.diagrams import HALF, LINE, SMALL, WIDEST, block_diagram, side_by_side
from lightnets_edu.pages.palette import CLASSES

CAPTION = LINE[SMALL] + 2  # a line of small letters


class Bridge(nn.Module):
    """Two columns with a convolution each way between them: these branches do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(6))

    def forward(self, x):
        a, b = self.layers[0](x), self.layers[1](x)
        return torch.cat([self.layers[2](a) + self.layers[3](b), self.layers[4](b) + self.layers[5](a)], 1)


class SelectiveKernel(nn.Module):
    """Both branches are used twice: for the gates and with the gates."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.squeeze, self.first, self.second = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1), nn.Conv2d(4, 8, 1)

    def forward(self, x):
        a, b = self.small(x), self.large(x)
        squeezed = self.squeeze((a + b).mean((2, 3), keepdim=True))
        return a * torch.sigmoid(self.first(squeezed)) + b * torch.sigmoid(self.second(squeezed))


class OwnCode(nn.Module):
    """What forwards are fond of: shapes, loops over pieces, checks, numbers, parameters, a shuffle by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 1)
        self.scale = nn.Parameter(torch.ones(6, 1, 1))

    def forward(self, x, extra=True):
        batch, channels, height, width = x.shape
        if not isinstance(x, torch.Tensor) or channels % 3:
            raise ValueError("no")
        y = self.conv(x)
        for piece in y.chunk(2, 1):
            y = y[:, :3] + piece
        y = torch.cat([y, y], 1).view(batch, 3, channels // 3, height, width)
        y = y.transpose(1, 2).contiguous().view(batch, -1, height, width)
        return nn.functional.relu6(y * self.scale + 3) / 6


def g_ghost(stage: type[nn.Module]):
    return lambda: stage(64, 128, 4, 16)


# name: block, input, options
BLOCKS = {
    "fire": (lambda: Fire(96, 16, 64, 64), (96, 55), {}),
    "fire, simple bypass": (lambda: Fire(128, 16, 64, 64, "simple"), (128, 55), {}),
    "fire, complex bypass": (lambda: Fire(96, 16, 64, 64, "complex"), (96, 55), {}),
    "basic": (lambda: BasicBlock(64, 64), (64, 56), {}),
    "bottleneck": (lambda: resnet.Bottleneck(256, 64, 256), (256, 56), {}),
    "bottleneck, stride 2": (lambda: resnet.Bottleneck(256, 128, 512, 2), (256, 56), {}),
    "form A": (lambda: resnext.BlockFormA(256, 256), (256, 56), {}),
    "form A, stride 2": (lambda: resnext.BlockFormA(256, 512, stride=2), (256, 56), {}),
    "form B": (lambda: resnext.BlockFormB(256, 256), (256, 56), {}),
    "form C": (lambda: resnext.BlockFormC(256, 256), (256, 56), {}),
    "squeeze-excitation": (lambda: SqueezeExcitation(256, 16), (256, 56), {}),
    "SE": (lambda: senet.SEBottleneck(256, 64, 256), (256, 56), {}),
    "SE, stride 2": (lambda: senet.SEBottleneck(256, 128, 512, 2), (256, 56), {}),
    "shuffle v1": (lambda: v1.ShuffleUnit(240, 240, 3, 1), (240, 28), {}),
    "shuffle v1, stride 2": (lambda: v1.ShuffleUnit(24, 240, 3, 2, first_groups=1), (24, 56), {}),
    "shuffle v2": (lambda: v2.BasicUnit(116), (116, 28), {}),
    "shuffle v2, stride 2": (lambda: v2.DownsamplingUnit(24, 116), (24, 56), {}),
    "shuffle v2, Megvii": (lambda: v2.BasicUnit(116, "megvii"), (116, 28), {}),
    "inverted residual": (lambda: mnasnet.InvertedResidual(40, 40, 5, 1, 3, 10), (40, 28), {}),
    "ghost module": (lambda: ghostnet.GhostModule(16, 48), (16, 112), {}),
    "ghost module, odd": (lambda: ghostnet.GhostModule(16, 50, ratio=3), (16, 112), {}),
    "ghost": (lambda: ghostnet.GhostBottleneck(24, 72, 24), (24, 56), {}),
    "ghost, SE": (lambda: ghostnet.GhostBottleneck(40, 120, 40, 5, 1, 32), (40, 28), {}),
    "ghost, stride 2": (lambda: ghostnet.GhostBottleneck(24, 72, 40, 5, 2, 20), (24, 56), {}),
    "ghost, by modules": (
        lambda: ghostnet.GhostBottleneck(24, 72, 40, 5, 2, 20),
        (24, 56),
        {"leaves": (ghostnet.GhostModule, SqueezeExcitation)},
    ),
    "G-Ghost": (g_ghost(g_ghost_regnet.GGhostStage), (64, 56), {"leaves": (regnet.Bottleneck,)}),
    "G-Ghost, paper": (g_ghost(g_ghost_regnet.PaperGGhostStage), (64, 56), {"leaves": (regnet.Bottleneck,)}),
    "G-Ghost, in full": (g_ghost(g_ghost_regnet.GGhostStage), (64, 56), {}),
    "separable": (lambda: mobilenet_v1.DepthwiseSeparable(64, 128, 1), (64, 56), {}),
    "wide": (lambda: WideBasicBlock(160, 160), (160, 32), {}),
    "wide, stride 2": (lambda: WideBasicBlock(160, 320, 2, 0.3), (160, 32), {}),
    "inception": (lambda: Inception(192, 64, 96, 128, 16, 32, 32), (192, 28), {}),
    "torchvision's shuffle": (lambda: TorchvisionShuffleUnit(116, 116, 1), (116, 28), {}),
    "ConvNeXt": (lambda: CNBlock(96, 1e-6, 0.0), (96, 28), {}),
    "selective kernel": (SelectiveKernel, (8, 14), {}),
    "bridge": (Bridge, (8, 14), {}),
    "own code": (OwnCode, (6, 8), {}),
    "one layer": (lambda: nn.Conv2d(6, 8, 3), (6, 8), {}),
}
# Their graph, closed from output to input, is not planar: the first block's output goes to three places (K3,3).
CROSSINGS = {"G-Ghost": 1, "G-Ghost, in full": 1}
# Branches that do not nest are drawn in one column, with lines at its sides that may cross.
NOT_NESTED = {"bridge", "selective kernel"}
WIDE = {"inception"}  # four different branches side by side


@pytest.fixture(scope="module")
def drawn():
    """Every block, its input size and its drawing."""
    found = {}
    for name, (make, (channels, side), options) in BLOCKS.items():
        block, size = make(), (1, channels, side, side)
        found[name] = block, size, block_diagram(block, size, f"Block: {name}", **options)
    return found


every_block = pytest.mark.parametrize("name", BLOCKS)


def connections(diagram) -> set[tuple[str, str]]:
    return {(source.label, target.label) for source, target in diagram.drawing.lines}


@every_block
def test_boxes_hold_the_whole_cost(drawn, name):
    block, size, diagram = drawn[name]
    table = count(block, size)
    assert sum(step.params for step in diagram.drawing.boxes) == table.params
    assert sum(step.macs for step in diagram.drawing.boxes) == table.macs
    assert f"in all {table.params:,} params · {table.macs:,} MACs" in diagram.svg
    assert diagram.text.splitlines()[-1] == f"In all {table.params:,} params, {table.macs:,} MACs."


@every_block
def test_boxes_lie_inside_and_apart(drawn, name):
    diagram = drawn[name][2]
    left, top, width, height = map(float, re.search(r'viewBox="([^"]*)"', diagram.svg)[1].split())
    for x, y, w, h in diagram.drawing.boxes.values():
        assert left < x and x + w < left + width
        assert top < y and y + h < top + height
    for (ax, ay, aw, ah), (bx, by, bw, bh) in combinations(diagram.drawing.boxes.values(), 2):
        assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
    assert width <= WIDEST or name in WIDE
    assert all(left < x < left + width for line in diagram.drawing.lines.values() for x, _ in line)


@every_block
def test_lines_end_at_their_boxes(drawn, name):
    drawing = drawn[name][2].drawing
    for (source, target), line in drawing.lines.items():
        left, top, width, height = drawing.boxes[source]
        (x, y), (end_x, end_y) = line[0], line[-1]
        assert left <= x <= left + width
        assert y - (top + height) in (pytest.approx(0), pytest.approx(CAPTION))
        left, top, width, height = drawing.boxes[target]
        on_top = end_y == pytest.approx(top) and left < end_x < left + width
        at_side = end_x in (pytest.approx(left), pytest.approx(left + width)) and top < end_y < top + height
        assert on_top or at_side
        for (ax, ay), (bx, by) in pairwise(line):
            assert abs(ax - bx) < 1e-6 or abs(ay - by) < 1e-6  # along the axes
            assert abs(ax - bx) + abs(ay - by) > 1  # no piece of no length, whose arrow would have no direction


def pieces(line):
    for (ax, ay), (bx, by) in pairwise(line):
        yield min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


@every_block
def test_lines_cross_neither_boxes_nor_each_other(drawn, name):
    drawing = drawn[name][2].drawing
    for edge, line in drawing.lines.items():
        for x, y, width, height in drawing.boxes.values():
            for left, top, right, bottom in pieces(line):
                inside = left < x + width - 1 and right > x + 1
                assert not (inside and top < y + height - 1 and bottom > y + 1), (edge, x, y)
    if name in NOT_NESTED:
        return
    crossings = set()
    for a, b in combinations(drawing.lines, 2):
        if a[0] is b[0]:
            continue  # what forks runs together at first
        for one in pieces(drawing.lines[a]):
            for two in pieces(drawing.lines[b]):
                # inside both, not where one ends on the other
                if (
                    min(one[2], two[2]) - max(one[0], two[0]) > -1e-6
                    and min(one[3], two[3]) - max(one[1], two[1]) > -1e-6
                ):
                    crossings.add((a, b))
    assert len(crossings) == CROSSINGS.get(name, 0), crossings


@every_block
def test_words_tell_the_same(drawn, name):
    diagram = drawn[name][2]
    assert f'role="img" aria-label="{html.escape(diagram.text)}"' in diagram.svg
    assert diagram.text.startswith(f"Block: {name}.\n") and str(diagram) == diagram.text
    assert len(re.findall(r"→ [\d× ]+", diagram.text)) >= 1
    for step in diagram.drawing.boxes:
        assert step.label.lower() in diagram.text.lower()
    told = len(re.findall(r"^ *Branch [\d.]+:", diagram.text, re.M))
    assert told == sum(int(n) for n in re.findall(r"^ *(\d+) branches:", diagram.text, re.M))
    names = re.findall(r"^ *Branch ([\d.]+):", diagram.text, re.M)
    assert len(names) == len(set(names))


@every_block
def test_in_the_page_own_colours_and_without_names_to_clash(drawn, name):
    svg = drawn[name][2].svg
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg)) <= {"currentColor", "none"}
    assert not re.search(r"\bid=|url\(|<style|http://(?!www\.w3\.org)", svg)
    assert len(svg) < 17_000


@pytest.mark.parametrize("font", ["Arial", "DejaVu Sans"])  # the second is the widest that a reader may have
def test_texts_fit_in_a_browser(drawn, browser, font):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    drawings = "".join(diagram._repr_html_() for _, _, diagram in drawn.values())
    page.set_content(f'<body style="margin: 16px; font-family: {font}, sans-serif">{drawings}</body>')
    outside, letters = page.evaluate(
        """() => {
          const outside = [], letters = [];
          for (const svg of document.querySelectorAll("svg")) {
            const whole = svg.getBoundingClientRect();
            const boxes = [...svg.querySelectorAll("rect")].map(r => r.getBoundingClientRect());
            for (const text of svg.querySelectorAll("text")) {
              const t = text.getBoundingClientRect(), middle = (t.top + t.bottom) / 2;
              const holds = b => b.top < middle && middle < b.bottom && b.left < t.right && t.left < b.right;
              const frame = boxes.find(holds) ?? whole;
              const fits = frame.left <= t.left && t.right <= frame.right && t.bottom <= whole.bottom;
              if (!fits) outside.push(text.textContent);
            }
            letters.push(13 * whole.width / svg.viewBox.baseVal.width);
          }
          return [outside, letters];
        }"""
    )
    page.close()
    assert outside == []
    sizes = dict(zip(drawn, letters, strict=True))
    assert min(size for name, size in sizes.items() if name not in WIDE) > 10.5
    assert min(letters) > 8.5


def test_fire_in_words(drawn):
    # conv: in * out * k^2 weights and out biases; MACs: weights * 55^2. The authors' numbers for fire2.
    assert str(drawn["fire"][2]).splitlines() == [
        "Block: fire.",
        "Input → 96 × 55 × 55.",
        f"1×1 convolution, ReLU: {96 * 16 + 16:,} params, {96 * 16 * 55**2:,} MACs → 16 × 55 × 55.",
        "2 branches:",
        "Branch 1:",
        f"  1×1 convolution, ReLU: {16 * 64 + 64:,} params, {16 * 64 * 55**2:,} MACs → 64 × 55 × 55.",
        "Branch 2:",
        f"  3×3 convolution, ReLU: {16 * 64 * 9 + 64:,} params, {16 * 64 * 9 * 55**2:,} MACs → 64 × 55 × 55.",
        "The branches meet:",
        "Concatenate → 128 × 55 × 55.",
        "Output.",
        "In all 11,920 params, 35,622,400 MACs.",
    ]


def test_shuffle_units_as_the_papers_draw_them(drawn):
    # Zhang et al. 2018, figure 2 b and c
    assert connections(drawn["shuffle v1"][2]) == {
        ("input", "1×1 convolution, 3 groups, batch norm, ReLU"),
        ("1×1 convolution, 3 groups, batch norm, ReLU", "channel shuffle (3 groups)"),
        ("channel shuffle (3 groups)", "3×3 depthwise convolution, batch norm"),
        ("3×3 depthwise convolution, batch norm", "1×1 convolution, 3 groups, batch norm"),
        ("1×1 convolution, 3 groups, batch norm", "sum, ReLU"),
        ("input", "sum, ReLU"),
        ("sum, ReLU", "output"),
    }
    assert {
        ("input", "3×3 average pool, stride 2"),
        ("3×3 average pool, stride 2", "concatenate, ReLU"),
        ("channel shuffle (3 groups)", "3×3 depthwise convolution, stride 2, batch norm"),
    } <= connections(drawn["shuffle v1, stride 2"][2])
    # Ma et al. 2018, figure 3 c
    v2_unit = connections(drawn["shuffle v2"][2])
    assert {
        ("split", "first 58 channels"),
        ("split", "last 58 channels"),
        ("first 58 channels", "concatenate"),
        ("last 58 channels", "1×1 convolution, batch norm, ReLU"),
        ("concatenate", "channel shuffle (2 groups)"),
        ("channel shuffle (2 groups)", "output"),
    } <= v2_unit
    assert connections(drawn["torchvision's shuffle"][2]) == v2_unit


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ghost module, odd", "First 50 channels → 50 × 112 × 112."),
        ("ghost module", "Branch 2: the output of “1×1 convolution” (primary_conv.0), unchanged."),
        ("bottleneck", "Branch 2: the input, unchanged."),
        ("squeeze-excitation", "Global average pool → 256 × 1 × 1."),
        ("squeeze-excitation", "Sigmoid."),
        ("squeeze-excitation", "Product → 256 × 56 × 56."),
        ("ghost, SE", "Hard sigmoid."),
        ("shuffle v2, Megvii", "Channel shuffle (58 groups)."),
        ("form C", "3×3 convolution, 32 groups, batch norm, ReLU"),
        ("wide", "Batch norm, ReLU: 320 params."),
        ("ghost, by modules", "GhostModule: 1,332 params"),
        ("ghost, by modules", "Squeeze and excitation: 2,972 params"),
        ("G-Ghost", "First 60 channels"),
        ("G-Ghost", "Concatenate (also takes the output of “Bottleneck” (base)) → 248 × 28 × 28."),
        ("G-Ghost, paper", "Linear: "),
        ("own code", "Channel shuffle (3 groups)."),
        ("own code", "Product with stored numbers: 6 params."),
        ("own code", "Sum with 3, ReLU6."),
        ("own code", "Quotient with 6."),
        ("selective kernel", "3×3 convolution, dilation 2"),
        ("inception", "3×3 max pool."),
        ("ConvNeXt", "Layer norm: 192 params."),
    ],
)
def test_readers_words(drawn, name, words):
    assert words in str(drawn[name][2])


def test_identity_shortcuts_are_lines(drawn):
    for name in ("basic", "bottleneck", "wide", "shuffle v1", "inverted residual", "ghost"):
        diagram = drawn[name][2]
        assert ">identity</text>" in diagram.svg
        assert {("input", "sum"), ("input", "sum, ReLU")} & connections(diagram), name
    assert "identity" not in drawn["bottleneck, stride 2"][2].svg


def test_many_equal_branches():
    block, size = resnext.BlockFormA(64, 64, cardinality=6), (1, 64, 8, 8)
    assert "Branches like" not in str(block_diagram(block, size, "", most_branches=6))
    few = block_diagram(block, size, "", most_branches=3)
    (more,) = [step for step in few.drawing.boxes if step.label.endswith("more")]
    assert more.label == "4 more"
    path = 64 * 4 + 8 + 9 * 16 + 8 + 64 * 4
    assert more.params == 4 * path
    assert sum(step.params for step in few.drawing.boxes) == count(block, size).params
    assert "5 more" in str(block_diagram(block, size, "", most_branches=2))


def test_the_model_stays_as_it_was():
    block = senet.SEBottleneck(64, 64, 64).train()
    before = {name: tensor.clone() for name, tensor in block.state_dict().items()}
    call = nn.Module.__call__
    block_diagram(block, (1, 64, 8, 8), "")
    assert nn.Module.__call__ is call and block.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in block.state_dict().items())
    assert block(torch.zeros(2, 64, 8, 8)).shape == (2, 64, 8, 8)


class NewLayer(nn.Module):
    def forward(self, x):
        return nn.ReLU()(x) + x


def test_layers_made_in_the_forward_are_drawn():
    found = connections(block_diagram(NewLayer(), (1, 3, 8, 8), ""))
    assert found == {("input", "ReLU"), ("input", "sum"), ("ReLU", "sum"), ("sum", "output")}


def test_titles_are_escaped():
    assert "&lt;b&gt;" in block_diagram(nn.ReLU(), (1, 2, 3, 3), "<b>").svg


class ByValue(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return x + y


class Constant(nn.Module):
    def forward(self, x):
        return torch.zeros(1)


@pytest.mark.parametrize(
    ("block", "size", "error", "message"),
    [
        (nn.Conv2d(4, 8, 3), (1, 3, 8, 8), ValueError, "needs 4 input channels"),
        (nn.Conv2d(4, 8, 3), "no size", ValueError, "input_size should be whole numbers"),
        (ByValue(), (1, 3, 8, 8), NotImplementedError, "asks for the values of a tensor"),
        (TwoInputs(), (1, 3, 8, 8), ValueError, "missing 1 required"),
        ("block", (1, 3, 8, 8), ValueError, "needs a torch.nn.Module instead of str"),
        (Constant(), (1, 3, 8, 8), ValueError, "Constant cannot be drawn: its output does not depend on its input"),
    ],
)
def test_errors_teach(block, size, error, message):
    with pytest.raises(error, match=message):
        block_diagram(block, size, "")


def test_most_branches_are_checked():
    with pytest.raises(ValueError, match="most_branches should be a whole number of at least 2 instead of 1"):
        block_diagram(nn.ReLU(), (1, 2, 3, 3), "", most_branches=1)


def test_layers_that_multiply_have_the_mark_of_their_class():
    block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU(), nn.Conv2d(8, 4, 1), nn.MaxPool2d(2))
    svg = block_diagram(block, (1, 8, 6, 6), "").svg
    marks = re.findall(r'<g style="color:var\(--ln-(\w+),', svg)
    assert marks == ["depthwise", "pointwise"]
    for name in marks:
        assert svg.count(f'd="{CLASSES[name].path}"') == 1


def test_two_diagrams_stand_side_by_side_in_a_column_and_below_each_other_on_a_phone(browser):
    block = nn.Sequential(nn.Conv2d(64, 64, 3), nn.Conv2d(64, 256, 1))
    both = side_by_side({title: block_diagram(block, (1, 64, 56, 56), title, width=HALF) for title in ("one", "two")})
    assert str(both).count("1×1 convolution") == 2
    tops = []
    for width in (780, 350):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.set_content(f'<body style="margin:0">{both._repr_html_()}</body>')
        tops.append(page.evaluate("[...document.querySelectorAll('svg')].map(e => e.getBoundingClientRect().top)"))
        page.close()
    assert tops[0][0] == tops[0][1] and tops[1][0] < tops[1][1]
    with pytest.raises(ValueError, match="at least 2 diagrams instead of 1"):
        side_by_side({"one": both.diagrams[0]})
