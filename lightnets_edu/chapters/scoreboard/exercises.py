"""Chapter 14: what a rank correlation says, what a front is, and what a fair comparison needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

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
from lightnets_edu.records.library import forward_timings
from lightnets_edu.statistics import pareto_front, spearman

_MACS = (100, 200, 300, 400, 500)
_TIMES = (9, 4, 15, 12, 21)

Rows = Sequence[tuple[str, float, float]]
_CASES: tuple[Rows, ...] = (
    (("A", 4.0, 70.0), ("B", 2.0, 60.0), ("C", 5.0, 69.0), ("D", 8.0, 75.0)),
    (("A", 3.0, 70.0), ("B", 3.0, 72.0), ("C", 1.0, 72.0)),
    (("A", 1.0, 50.0),),
    (("A", 2.0, 60.0), ("B", 2.0, 60.0), ("C", 3.0, 60.0)),
)


def _front(rows: Rows) -> list[str]:
    keyed = [{"name": name, "cost": cost, "accuracy": accuracy} for name, cost, accuracy in rows]
    return sorted(row["name"] for row in pareto_front(keyed, "cost", "accuracy"))


def _names(found: object) -> object:
    return sorted(found) if isinstance(found, list | tuple | set | frozenset) else found


def _judge_front(front: Callable[[Rows], object]) -> list[Comparison]:
    return [Comparison(f"front({list(rows)})", _front(rows), _names(front(list(rows)))) for rows in _CASES]


def _milliseconds(name: str) -> float:
    """The recorded time of one image on the processor of the board."""
    return 1000 * forward_timings()[name]["measured"]["median"]


EXERCISES = (
    NumberExercise(
        name="scoreboard_rank_correlation",
        question="Five networks have 100, 200, 300, 400 and 500 million MACs. They take 9, 4, 15, 12 and 21 "
        "milliseconds, in this order. What is the rank correlation of MACs and time?",
        answer=lambda: Fraction(spearman(_MACS, _TIMES)).limit_denominator(100),
        digits=3,
        hint="Replace the times by their ranks. Then use $1 - 6 \\sum d^2 / (n (n^2 - 1))$, where $d$ is the "
        "difference of the two ranks of a network.",
        mistakes=(
            Mistake(lambda: 1, "Two pairs of neighbours are in the other order: fewer MACs, and slower."),
            Mistake(lambda: Fraction(3, 5), "You counted the pairs in the wrong order. That is Kendall's measure."),
            Mistake(lambda: Fraction(29, 30), "You forgot the 6 in front of the sum of the squared differences."),
        ),
        solution="The ranks by MACs are 1 2 3 4 5, by time 2 1 4 3 5. Four networks are off by one rank: "
        "$\\sum d^2 = 4$. So it is $1 - 6 \\cdot 4 / (5 \\cdot 24)$ = {answer}. The sizes of the times play no part.",
    ),
    NumberExercise(
        name="scoreboard_seen",
        question="One network was trained on 10,000 images for 6 epochs, another on 60,000 images for 3. How many "
        "times as many images did the second one see?",
        answer=lambda: Fraction(60_000 * 3, 10_000 * 6),
        unit="times",
        hint="What counts is images times epochs.",
        mistakes=(
            Mistake(
                lambda: 6, "That compares the sizes of the training sets. The first network saw its images more often."
            ),
            Mistake(lambda: Fraction(1, 2), "That compares the epochs. An epoch of the second has more images."),
        ),
        solution="180,000 against 60,000 images: {answer}. Two accuracies with so different trainings say little about "
        "the networks.",
    ),
    CodeExercise(
        name="scoreboard_front",
        question="Write `front(rows)`: the names on the Pareto front. A row is `(name, cost, accuracy)`; low cost and "
        "high accuracy are good. A row is beaten if another is at least as good in both and better in one. The order "
        "of the names does not matter; equal rows both stay.",
        blank=Blank(
            line="beaten = any(____ for each other row)",
            lead="A row is beaten if another is at least as good in both numbers and better in one. Low `cost` "
            "and high `accuracy` are good. Use `<=`, `>=`, `<`, `>`, `and`, `or` and brackets; equal rows do not "
            "beat each other.",
            right=lambda cost, accuracy, other_cost, other_accuracy: (
                "this" not in _front((("this", cost, accuracy), ("other", other_cost, other_accuracy)))
            ),
            settings=settings(
                "cost accuracy other_cost other_accuracy",
                (4, 70, 2, 60),
                (5, 69, 4, 70),
                (3, 70, 3, 72),
                (3, 72, 1, 72),
                (2, 60, 2, 60),
                (3, 60, 4, 70),
            ),
            solution="other_cost <= cost and other_accuracy >= accuracy and (other_cost < cost or other_accuracy "
            "> accuracy)",
            mistakes=(
                (
                    "other_cost <= cost and other_accuracy >= accuracy",
                    "Two equal rows would beat each other. One of the two numbers has to be better.",
                ),
                (
                    "other_cost < cost and other_accuracy > accuracy",
                    "A row that equals another in one number and is worse in the other is beaten, too.",
                ),
                ("other_cost < cost or other_accuracy > accuracy", "The other row must not be worse in either number."),
            ),
            hint="First: at least as good in both. Then, in brackets: better in one or in the other.",
        ),
        judge=_judge_front,
        hint="Compare each row with each other one. What if both cost the same, and one is more accurate?",
        mistakes=(
            Mistake(
                lambda rows: [n for n, c, a in rows if not any(cost < c and right > a for _, cost, right in rows)],
                "You keep rows that another one equals in cost and beats in accuracy, or the other way round.",
            ),
            Mistake(
                lambda rows: [max(rows, key=lambda row: row[2] / row[1])[0]],
                "A front is not one winner: it holds every network that no other one beats.",
            ),
        ),
        solution="def front(rows):\n"
        "    def beaten(cost, accuracy):\n"
        "        return any(c <= cost and a >= accuracy and (c, a) != (cost, accuracy) for _, c, a in rows)\n\n"
        "    return [name for name, cost, accuracy in rows if not beaten(cost, accuracy)]\n\n"
        "answer = front",
    ),
    ChoiceExercise(
        name="scoreboard_light_ones",
        question="In the widget, look at the rank correlation of MACs with the time of one image: for all networks, "
        "and for those below 1 G MACs only. Why do they differ?",
        options=(
            Option(
                "Among all, the large differences in size decide; among the light ones they are gone.",
                "From 40 M to 32 G MACs nearly any number sorts well. Take a narrow range, and what MACs leave out, "
                "such as memory and the number of layers, decides. (With 16 images at a time MACs sort the light ones "
                "much better: then the work outweighs the starts of the operations.)",
                right=True,
            ),
            Option(
                "Small networks are measured less exactly, so their order is noise.",
                "The recorded spread of most is a few per cent, and the best prediction sorts the same networks well.",
            ),
            Option(
                "Light networks have so few parameters that all of them fit into the cache.",
                "Then their time should follow the MACs more closely, not less.",
            ),
        ),
        hint="How far apart are the largest and the smallest of all networks, and of the light ones?",
        solution="A correlation depends on the range that it is taken over. A proxy that tells 40 M from 32 G MACs "
        "need not tell 140 M from 300 M.",
    ),
    RankingExercise(
        name="scoreboard_rank_times",
        question="First guess, then look at the board: put these networks in order by the recorded time of one "
        "image on the processor.",
        first="fastest first",
        unit="ms",
        items=(
            Item("GhostNet 1.0", lambda: _milliseconds("ghostnet")),
            Item("ResNet-50", lambda: _milliseconds("resnet50")),
            Item("ShuffleNetV2 1.0×", lambda: _milliseconds("shufflenet_v2_x1_0")),
            Item("WRN-50-2", lambda: _milliseconds("wide_resnet50_2")),
        ),
        hint="Sort the board by the time of one image, or filter it by the names. How many MACs do they have, and "
        "how many operations?",
        solution="Fastest first:\n\n{order}\n\nBetween networks that differ so much in size the MACs sort well; "
        "GhostNet and ShuffleNetV2 have nearly the same MACs, and only the clock tells them apart.",
    ),
)
