"""MNASNet's objective: what a millisecond is worth in accuracy."""

from __future__ import annotations

from typing import ClassVar

import sympy as sp

from lightnets_edu.pages.widget.widgets import Output, Picture, Row, Slider, Table, Widget

TARGET = Slider("target_ms", "Target latency T", 20, 200, 80, unit="ms")
EXPONENT = Slider("exponent", "Exponent −w", 0, 0.5, 0.07, step=0.01, scale=100)
ACCURACY_A = Slider("accuracy_a", "Network A: accuracy", 50, 90, 75, step=0.1, scale=10, unit="%")
LATENCY_A = Slider("latency_a", "Network A: latency", 20, 200, 80, unit="ms")
ACCURACY_B = Slider("accuracy_b", "Network B: accuracy", 50, 90, 77, step=0.1, scale=10, unit="%")
LATENCY_B = Slider("latency_b", "Network B: latency", 20, 200, 120, unit="ms")

target, w = TARGET.symbol, EXPONENT.symbol / EXPONENT.scale


def _soft(accuracy: Slider, latency: Slider) -> sp.Expr:
    return accuracy.symbol / sp.Integer(accuracy.scale) * (latency.symbol / target) ** -w


def _hard(accuracy: Slider, latency: Slider) -> sp.Expr:
    percent, ms = accuracy.symbol / sp.Integer(accuracy.scale), latency.symbol
    return sp.Piecewise((percent, sp.Le(ms, target)), (percent * target / ms, True))


class LatencyReward(Widget):
    """Two networks under MnasNet's two objectives (Tan et al. 2019)."""

    name = "latency_reward"
    title = "Which of the two would the search keep?"
    description = (
        "A reward is an accuracy, corrected for the latency. Move the exponent and the target: when does B win?"
    )
    controls = (EXPONENT, TARGET, ACCURACY_A, LATENCY_A, ACCURACY_B, LATENCY_B)
    outputs = (
        Output("soft_a", "A: soft reward", _soft(ACCURACY_A, LATENCY_A), digits=2),
        Output("soft_b", "B: soft reward", _soft(ACCURACY_B, LATENCY_B), digits=2),
        Output("hard_a", "A: hard reward", _hard(ACCURACY_A, LATENCY_A), digits=2),
        Output("hard_b", "B: hard reward", _hard(ACCURACY_B, LATENCY_B), digits=2),
        Output(
            "doubling",
            "Twice the latency is worth",
            100 * sp.Integer(2) ** w,
            "% of the accuracy",
            digits=2,
            help="100: latency does not matter; 105: five per cent more, relative",
        ),
        Output(
            "needed",
            "With B's latency, A's reward needs",
            ACCURACY_A.symbol / sp.Integer(ACCURACY_A.scale) * (LATENCY_B.symbol / LATENCY_A.symbol) ** w,
            "% right",
            digits=2,
            help="for the soft reward; the target does not matter",
        ),
    )
    headline = ("soft_a", "soft_b")
    tables: ClassVar = (
        Table(
            "Rewards", ("A", "B"), (Row("Soft", ("soft_a", "soft_b")), Row("Hard", ("hard_a", "hard_b"))), bars=False
        ),
    )
    picture = Picture("sweep", ("latency_a", "soft_a", "hard_a"))
