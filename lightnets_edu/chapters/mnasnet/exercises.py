"""The exercises of chapter 11, MNASNet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from lightnets_edu.models.mnasnet import inverted_residual
from lightnets_edu.models.search_space import SearchSpace, pareto_front, reward
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

_SPACE = SearchSpace(((16, 24, 32),) * 4, depth=(1, 2, 3))
_PER_STAGE = _SPACE.designs_per_stage[0]
_BLOCK = {"in_channels": 40, "out_channels": 40, "stride": 1, "in_height": 28, "in_width": 28, "expand_ratio": 3}
_THREE, _FIVE = (inverted_residual(**_BLOCK, kernel_size=k) for k in (3, 5))
_POINTS = (
    [(10.0, 0.70), (12.0, 0.74), (11.0, 0.69), (20.0, 0.80), (21.0, 0.80), (30.0, 0.79), (40.0, 0.85)],
    [(5.0, 0.9), (1.0, 0.5), (3.0, 0.9)],
    [(2.0, 0.6)],
)
_REWARDS = ((0.75, 80.0, 80.0), (0.77, 120.0, 80.0), (0.70, 40.0, 80.0), (0.76, 81.0, 80.0))


def _judge_front(answer: Callable[[list[tuple[float, float]]], object]) -> Sequence[Comparison]:
    cases = []
    for points in _POINTS:
        got = answer(list(points))
        got = sorted(got) if isinstance(got, list | tuple | set) else got
        cases.append(Comparison(f"front_of({points})", sorted(points[i] for i in pareto_front(points)), got))
    return cases


#: Accuracy in per cent and latency in milliseconds, not in the order of their rewards.
_RIVALS = ((76.0, 100.0), (74.0, 60.0), (76.5, 160.0), (75.2, 78.0))


EXERCISES = (
    NumberExercise(
        name="mnasnet_latency_worth",
        question="Network A is right on 75.2 % of the images and takes 78 ms. Network B takes 120 ms. How many per "
        "cent must B get right to have the same soft reward, with $w = -0.07$?",
        answer=lambda: 75.2 * (120 / 78) ** 0.07,
        unit="%",
        digits=3,
        hint="Set $a_A t_A^w = a_B t_B^w$ and solve for $a_B$. The target cancels.",
        mistakes=(
            Mistake(
                lambda: 75.2 * (78 / 120) ** 0.07, "The slower network needs more accuracy, not less: mind the sign."
            ),
            Mistake(lambda: 75.2 * 1.05, "That is the price of twice the latency. B takes about 1.54 times as long."),
            Mistake(
                lambda: 75.2 * 120 / 78,
                "Without the exponent, a network that takes twice as long would have to be right twice as often.",
            ),
            Mistake(lambda: 75.2, "Then B's reward is smaller, because it is slower."),
        ),
        solution="$75.2 \\times (120/78)^{0.07}$ = {answer}: the ratio of the latencies to the power 0.07 is about "
        "1.03.",
    ),
    NumberExercise(
        name="mnasnet_space_size",
        question="A search space has 4 stages. For each it chooses one of 3 numbers of channels, 3 depths, 2 kernels, "
        "2 expansions, and squeeze-and-excitation or not, the same for all blocks of the stage. How many networks?",
        answer=lambda: _SPACE.size,
        unit="networks",
        hint="Multiply the choices of one stage. Then combine 4 stages that are chosen independently.",
        mistakes=(
            Mistake(lambda: 4 * _PER_STAGE, "Each of the first stage's choices goes with each of the second's."),
            Mistake(lambda: _PER_STAGE, "That is one stage."),
            Mistake(lambda: (3 + 3 + 2 + 2 + 2) ** 4, "Independent choices multiply; they do not add."),
            Mistake(lambda: (_PER_STAGE // 2) ** 4, "With or without squeeze-and-excitation is a choice, too."),
        ),
        solution="A stage has $3 \\times 3 \\times 2 \\times 2 \\times 2 = 72$ variants, "
        "so there are $72^4$ = {answer}.",
    ),
    NumberExercise(
        name="mnasnet_larger_kernel",
        question="An inverted residual has 40 channels in and out, expansion 3, and maps of $28 \\times 28$. How many "
        "MACs more does it have with a $5 \\times 5$ kernel than with a $3 \\times 3$?",
        answer=lambda: _FIVE.macs - _THREE.macs,
        unit="MACs",
        hint="Only the depthwise convolution has this kernel. How many channels does it work on?",
        mistakes=(
            Mistake(lambda: (_FIVE.macs - _THREE.macs) // 3, "The depthwise convolution works on 40 × 3 channels."),
            Mistake.flops(lambda: _FIVE.macs - _THREE.macs),
            Mistake(lambda: 25 * 120 * 28**2, "That is the whole $5 \\times 5$ convolution. How much is added?"),
            Mistake(lambda: 16 * 120 * 40 * 28**2, "A depthwise convolution reads one channel for each output."),
        ),
        solution="$(25 - 9) \\times 120 \\times 28 \\times 28$ = {answer}. The two pointwise convolutions stay.",
    ),
    CodeExercise(
        name="mnasnet_hard_reward",
        question="Write `hard_reward(accuracy, latency, target)`: the accuracy itself up to the target, and beyond it "
        "the accuracy times `target / latency`.",
        blank=Blank(
            line="hard_reward = accuracy * ____",
            lead="The factor is 1 up to the target and `target / latency` beyond it. `min` takes the smaller of "
            "two numbers.",
            right=lambda latency, target: reward(1.0, latency, target, alpha=0, beta=-1),
            settings=settings("latency target", (80, 80), (120, 80), (40, 80), (100, 75)),
            solution="min(1, target / latency)",
            mistakes=(
                ("target / latency", "Up to the target the latency should not matter: a faster network gets no bonus."),
                (
                    "max(1, target / latency)",
                    "Of 1 and the quotient, the smaller one counts: beyond the target the reward shrinks.",
                ),
                (
                    "min(1, latency / target)",
                    "That factor is below 1 for fast networks. It should be below 1 for slow ones.",
                ),
            ),
            hint="Is the quotient above or below 1 for a network that is too slow? Which of 1 and the quotient is "
            "wanted in each case?",
        ),
        judge=Comparison.of_calls(partial(reward, alpha=0, beta=-1), {f"hard_reward{case}": case for case in _REWARDS}),
        hint="Two cases: latency up to the target, and above it.",
        mistakes=(
            Mistake(
                lambda accuracy, latency, target: accuracy * target / latency,
                "Up to the target the latency should not matter: a faster network gets no bonus.",
            ),
            Mistake(
                lambda accuracy, latency, target: accuracy if latency <= target else accuracy * latency / target,
                "Beyond the target yours grows with the latency. It should fall.",
            ),
            Mistake(
                lambda accuracy, latency, target: accuracy if latency <= target else 0.0,
                "That throws a slow network away. The hard reward only shrinks.",
            ),
        ),
        solution="def hard_reward(accuracy, latency, target):\n"
        "    return accuracy * min(1.0, target / latency)\n\n"
        "answer = hard_reward",
    ),
    CodeExercise(
        name="mnasnet_pareto",
        question="Write `front_of(points)`: of a list of pairs (latency, accuracy), those that no other pair beats. A "
        "pair is beaten by one that is no slower and no less accurate, and better in one of the two. No two pairs in "
        "the list are equal.",
        blank=Blank(
            line="beaten(p) = any(q != p and ____ for q in points)",
            lead="A pair `q` beats `p` if it is no slower and no less accurate. Say so with `<=`, `>=` and `and`; "
            "the line makes sure that the two are not the same pair.",
            right=lambda q_latency, p_latency, q_accuracy, p_accuracy: (
                0 not in pareto_front([(p_latency, p_accuracy), (q_latency, q_accuracy)])
            ),
            settings=settings(
                "q_latency p_latency q_accuracy p_accuracy",
                (10, 12, 0.7, 0.7),
                (10, 10, 0.8, 0.7),
                (10, 12, 0.6, 0.7),
                (12, 10, 0.8, 0.7),
                (8, 10, 0.8, 0.7),
            ),
            solution="q_latency <= p_latency and q_accuracy >= p_accuracy",
            mistakes=(
                (
                    "q_latency < p_latency and q_accuracy > p_accuracy",
                    "A pair that is only as accurate as a faster one is beaten, too: use <= and >=, not < and >.",
                ),
                (
                    "q_latency <= p_latency or q_accuracy >= p_accuracy",
                    "Both must hold: being faster alone beats nobody.",
                ),
                (
                    "q_latency >= p_latency and q_accuracy >= p_accuracy",
                    "A low latency is good: look at the first sign.",
                ),
            ),
            hint="Two comparisons, joined by `and`: one of the latencies, one of the accuracies.",
        ),
        judge=_judge_front,
        hint="For each pair ask: is there another with latency <= and accuracy >=?",
        mistakes=(
            Mistake(
                lambda points: [p for p in points if not any(q[0] < p[0] and q[1] > p[1] for q in points)],
                "A pair that is only as accurate as a faster one is beaten, too: use <= and >=, not < and >.",
            ),
            Mistake(
                lambda points: [max(points, key=lambda p: p[1])],
                "The most accurate one is on the front, but cheaper ones are, too.",
            ),
        ),
        solution="def front_of(points):\n"
        "    def beaten(p):\n"
        "        return any(q != p and q[0] <= p[0] and q[1] >= p[1] for q in points)\n\n"
        "    return [p for p in points if not beaten(p)]\n\n"
        "answer = front_of",
    ),
    ChoiceExercise(
        name="mnasnet_soft_or_hard",
        question="In the widget, set A to 76 % and 82 ms, B to 75 % and 79 ms, the target to 80 ms and $-w$ to 0.07. "
        "Read both rewards. Which form of the reward prefers A?",
        options=(
            Option("Both.", "The hard reward takes 80/82 of A's accuracy, which leaves less than 75."),
            Option("Only the hard one.", "It is the other way round: the hard one punishes every step beyond T."),
            Option(
                "Only the soft one.",
                "Three milliseconds more are a ratio of 1.04, worth 0.3 % in the soft form. The hard one multiplies by "
                "80/82.",
                right=True,
            ),
            Option("None.", "Look at the soft rewards again: A's accuracy is more than one per cent higher."),
        ),
        hint="Look at the table of rewards: which of each row is larger?",
        solution="Soft: $76 \\times (82/80)^{-0.07} \\approx 75.9$ against about 75.1. Hard: $76 \\times 80/82 "
        "\\approx 74.1$ against 75. Under the soft form the search can move along the front; the hard form keeps it at "
        "the target.",
    ),
    RankingExercise(
        name="mnasnet_rank_rewards",
        question="Four networks and their soft rewards, with $w = -0.07$ and a target of 80 ms. Put them in "
        "order, the best first. The widget of rewards helps.",
        first="highest reward first",
        largest_first=True,
        items=tuple(
            Item(f"{accuracy} % right in {latency:.0f} ms", partial(reward, accuracy, latency, 80.0))
            for accuracy, latency in _RIVALS
        ),
        hint="Twice the latency costs about five per cent of the accuracy. A network below the target gets a "
        "bonus in the soft form.",
        solution="Highest first:\n\n{order}\n\nThe most accurate network comes last: at twice the target it loses "
        "five per cent of its accuracy, and it is ahead by less.",
    ),
)
