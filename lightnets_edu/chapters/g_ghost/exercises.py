"""Chapter 13: what the correction costs, who is a ghost, and what "alike" means."""

from __future__ import annotations

import torch
from torch import Tensor

from lightnets_edu.features import block_similarity
from lightnets_edu.formulas import conv2d, pointwise_conv2d
from lightnets_edu.models.g_ghost_regnet import split_channels
from lightnets_edu.models.regnet import SIZES
from lightnets_edu.pages.exercise.kinds import (
    Blank,
    ChoiceExercise,
    CodeExercise,
    Comparison,
    Item,
    Mistake,
    NumberExercise,
    Option,
    RankingExercise,
    settings,
)

_WIDTH, _DEPTH, _SIDE = SIZES["3_2gf"].widths[2], SIZES["3_2gf"].depths[2], 14
_THIN, _GHOSTS, _ = split_channels(_WIDTH, SIZES["3_2gf"].group_width)


def _pooled(in_channels: int, out_channels: int) -> int:
    """MACs of a 1x1 convolution on a single pixel."""
    return pointwise_conv2d(in_channels=in_channels, out_channels=out_channels, out_height=1, out_width=1).macs


def _correction() -> int:
    return _pooled(_WIDTH + (_DEPTH - 2) * _THIN, _GHOSTS) + _pooled(_GHOSTS, _GHOSTS)


def _real_share() -> float:
    width = SIZES["8_0gf"].widths[1]
    return 100 * split_channels(width, SIZES["8_0gf"].group_width)[1] / width


def _matrices() -> dict[str, tuple[Tensor, Tensor]]:
    """Pairs of [pixels, channels]: related, unrelated, and with means far from 0."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 4, generator=generator)
    mixed = x @ torch.randn(4, 6, generator=generator)
    other = torch.randn(60, 3, generator=generator)
    return {"maps that are mixed": (x, mixed), "unrelated maps": (x, other), "with large means": (x + 3, other + 5)}


def _cka(x: Tensor, y: Tensor) -> float:
    """The right number, from ``[P, C] -> [1, C, P, 1]``."""
    return block_similarity(x.T[None, :, :, None], y.T[None, :, :, None]).cka


def _wrong_cka(x: Tensor, y: Tensor, power: int = 2) -> float:
    """CKA of matrices that should be centred, with another power above the line if one is given."""
    return _cka_of_norms(float((y.T @ x).norm()), float((x.T @ x).norm()), float((y.T @ y).norm()), power)


def _cka_of_norms(yx: float, xx: float, yy: float, power: int = 2) -> float:
    return yx**power / (xx * yy)


_GROUP_WIDTH = SIZES["3_2gf"].group_width


def _pointwise(channels: int) -> int:
    return pointwise_conv2d(in_channels=channels, out_channels=channels, out_height=_SIDE, out_width=_SIDE).macs


def _full_block() -> int:
    channels = {"in_channels": _WIDTH, "out_channels": _WIDTH, "out_height": _SIDE, "out_width": _SIDE}
    return 2 * _pointwise(_WIDTH) + conv2d(**channels, kernel_size=3, groups=_WIDTH // _GROUP_WIDTH).macs


EXERCISES = (
    NumberExercise(
        name="g_ghost_correction_macs",
        question="The third stage of G-Ghost RegNetX-3.2GF has 15 blocks, 432 channels and maps of $14 \\times 14$. "
        "216 channels are thin, 216 are ghosts. How many MACs has its correction, as in the code: two $1 \\times 1$ "
        "convolutions, without bias, behind a global pooling?",
        answer=_correction,
        unit="MACs",
        hint="List what is pooled: the first block's maps and those of every thin block. How many thin blocks are "
        "there, if the first and the last block have full width?",
        mistakes=(
            Mistake(
                lambda: _correction() * _SIDE**2,
                "That many it would have on every pixel. What is pooled is a single pixel for each map.",
            ),
            Mistake.flops(_correction),
            Mistake(lambda: _correction() - _pooled(_GHOSTS, _GHOSTS), "There is a second convolution behind it."),
            Mistake(
                lambda: _correction() - _pooled(_WIDTH, _GHOSTS),
                "In the code the first block's maps are pooled, too; the paper leaves them out.",
            ),
            Mistake(
                lambda: _correction() + _pooled(_THIN, _GHOSTS),
                "One block too many: of 15 blocks the first and the last are not thin.",
            ),
        ),
        solution="13 of the 15 blocks are thin, so $432 + 13 \\cdot 216 = 3240$ means go in. The first convolution has "
        "$3240 \\cdot 216$ MACs, the second $216 \\cdot 216$, both on one pixel: {answer}. It has as many weights.",
    ),
    NumberExercise(
        name="g_ghost_real_share",
        question="Stage 2 of RegNetX-8.0GF has 240 channels and a group width of 120. What share of its channels are "
        "ghosts in the code? (In per cent.)",
        answer=_real_share,
        unit="%",
        digits=3,
        hint="The thin blocks' groups are three quarters as wide. How many whole groups fit into half of the channels?",
        mistakes=(
            Mistake(
                lambda: 50,
                "That is what the code asks for. But thin blocks need whole groups of three quarters of the width.",
            ),
            Mistake(lambda: 100 - _real_share(), "That is the share of the thin blocks. The ghosts get the rest."),
            Mistake(lambda: _real_share() / 100, "That is the part itself; as per cent it is a hundred times as much."),
            Mistake(lambda: 25, "Two groups of 90 do not fit into 120 channels: the code rounds down, not up."),
        ),
        solution="The groups are $\\tfrac{3}{4} \\cdot 120 = 90$ wide. Into half of 240, 120 channels, one of them "
        "fits: 90 channels are thin, 150 are ghosts, {answer}.",
    ),
    ChoiceExercise(
        name="g_ghost_rotated_block",
        question="Take `a = torch.randn(50, 16, 8, 8)` and mix its channels by a random rotation: "
        "`q = torch.linalg.qr(torch.randn(16, 16)).Q` and `b = torch.einsum('dc,nchw->ndhw', q, a)`. Run "
        "`block_similarity(a, b)`. Which of its two numbers answers G-Ghost's question, and what does it say?",
        options=(
            Option(
                "CKA. It is 1: one $1 \\times 1$ convolution, with the weights `q`, makes all of `b`.",
                "And CKA does not change under a rotation, while the cosine compares maps one by one.",
                right=True,
            ),
            Option(
                "The cosine. It is low, so the ghosts could not be made from `a`.",
                "A depthwise kernel, as in chapter 12, could not make them, because it reads one map. But which maps "
                "does a $1 \\times 1$ convolution read?",
            ),
            Option(
                "CKA. It is 1, so the maps of `a` and `b` are the same.",
                "Then the cosine would be 1, too. What does CKA overlook?",
            ),
            Option(
                "Neither: random maps are never alike.",
                "`a` is random, but `b` is made from `a`. Look at both numbers.",
            ),
        ),
        hint="What may the cheap operation do with the channels that it gets?",
        solution="`b` is exactly what a $1 \\times 1$ convolution with the weights `q` makes of `a`, so as ghosts "
        "these maps would be perfect. CKA is 1. The cosine is low, because no map of `b` looks like one of `a`. Which "
        "number matters depends on what the cheap operation may do. (A CKA below 1 would not rule it out: a "
        "$1 \\times 1$ convolution need not be a rotation. The chapter's R² asks for any.)",
    ),
    CodeExercise(
        name="g_ghost_write_cka",
        question="Write `linear_cka(x, y)` for two float tensors, `x` of [pixels, channels] and `y` of the same pixels "
        "with as many or other channels. Centre each channel first. All norms are Frobenius norms, `Tensor.norm()`.",
        # New matrices for each answer: it may change them in place.
        blank=Blank(
            line="cka = ____",
            lead="Three numbers are given, the Frobenius norms of centred products: `yx` of $Y^\\top X$, `xx` of "
            "$X^\\top X$ and `yy` of $Y^\\top Y$.",
            right=lambda yx, xx, yy: _cka_of_norms(yx, xx, yy),
            settings=settings("yx xx yy", (2, 4, 3), (5, 5, 5), (1.5, 2, 6)),
            solution="yx^2 / (xx * yy)",
            mistakes=(
                ("yx / (xx * yy)", "The norm above the line is squared."),
                (
                    "yx / sqrt(xx * yy)",
                    "That is the square root of it: here the norm above the line is squared, and no root is taken.",
                ),
                (
                    "yx^2 / (xx + yy)",
                    "Below the line the two norms are multiplied, so that CKA is 1 for maps that are the same.",
                ),
            ),
            hint="For $X = Y$ the three norms are one number, and CKA is 1.",
        ),
        judge=lambda answer: Comparison.of_calls(_cka, _matrices(), tolerance=1e-4)(answer),
        hint="Each column is a channel: subtract its mean. Then three products: y.T @ x, x.T @ x, y.T @ y.",
        mistakes=(
            Mistake(_wrong_cka, "The channels are not centred: where the means are large, all maps look alike."),
            Mistake(
                lambda x, y: _wrong_cka(x - x.mean(0), y - y.mean(0), power=1), "The norm above the line is squared."
            ),
            Mistake(
                lambda x, y: _wrong_cka(x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)),
                "You subtracted the mean of each pixel. A channel is a column: its mean is over rows.",
            ),
        ),
        solution="def linear_cka(x, y):\n"
        "    x, y = x - x.mean(0), y - y.mean(0)\n"
        "    return (y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())\n\n"
        "answer = linear_cka",
    ),
    RankingExercise(
        name="g_ghost_rank_parts",
        question="Parts of the third stage of RegNetX-3.2GF and of its G-Ghost form: 15 blocks, 432 channels in "
        "groups of 48, of which 216 become thin, maps of $14 \\times 14$. Put them in order by their MACs.",
        first="fewest MACs first",
        unit="MACs",
        items=(
            Item("a full block: $1 \\times 1$, grouped $3 \\times 3$, $1 \\times 1$ on 432 channels", _full_block),
            Item("the correction of the first exercise", _correction),
            Item("one $1 \\times 1$ convolution of a full block, 432 to 432", lambda: _pointwise(_WIDTH)),
            Item("the same correction, if it ran on every pixel", lambda: _correction() * _SIDE**2),
            Item("one $1 \\times 1$ convolution of a thin block, 216 to 216", lambda: _pointwise(_THIN)),
        ),
        hint="Half of the channels in and half out are a quarter of the MACs. The correction works on one pixel, "
        "the others on 196.",
        solution="Fewest first:\n\n{order}\n\nPooling makes the correction nearly free; on every pixel it would "
        "cost more than a whole block.",
    ),
)
