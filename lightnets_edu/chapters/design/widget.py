"""A network of the reader's own: blocks, widths and depths of three stages, against a budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sympy as sp

from lightnets_edu.formulas import batch_norm2d, conv2d, linear
from lightnets_edu.formulas.blocks import times
from lightnets_edu.formulas.cost import CostTerms
from lightnets_edu.models.cost import convolution_norm, network_terms
from lightnets_edu.models.search_space import Design, Stage, block_layer
from lightnets_edu.pages.widget.widgets import Choice, Lookup, Output, Row, Slider, Table, Widget, number, real
from lightnets_edu.timing.block_work import Work, block_work, convolution_work, norm_work

STAGES = (1, 2, 3)
STEM, CLASSES = 16, 10
LABELS = (
    ("separable", "depthwise-separable"),
    ("inverted_residual", "inverted residual"),
    ("ghost", "Ghost bottleneck"),
    ("residual", "residual, 3 × 3"),
)
DEFAULTS = {1: ("inverted_residual", 16, 1), 2: ("inverted_residual", 32, 1), 3: ("inverted_residual", 64, 2)}
KINDS = {i: Choice(f"kind_{i}", f"Stage {i}: blocks", LABELS, DEFAULTS[i][0]) for i in STAGES}
CHANNELS = {i: Slider(f"channels_{i}", f"Stage {i}: channels", 8, 192, DEFAULTS[i][1], step=8) for i in STAGES}
DEPTHS = {i: Slider(f"depth_{i}", f"Stage {i}: depth", 1, 6, DEFAULTS[i][2]) for i in STAGES}
EXPAND = Slider("expand_ratio", "Expansion", 2, 6, 3)
INPUT_SIZE = Slider("input_size", "Image size", 32, 128, 32, step=16, unit="px")
BUDGETS = (
    Slider("budget_params", "Budget: thousand parameters", 10, 1000, 50, step=10),
    Slider("budget_macs", "Budget: million MACs", 1, 200, 3),
    Slider("budget_ms", "Budget: predicted milliseconds", 0.5, 30, 2, step=0.5, scale=10),
)
OVERHEAD = "operation_fs"
MULTIPLYING = ("dense", "pointwise", "depthwise", "linear")
CLASSES_OF_WORK = (*MULTIPLYING, "batch_norm", "relu", "add", "cat", "mean")
TOTALS = ("params", "macs", "activations", "memory_access")


def _femtoseconds(work: Iterable[Work]) -> sp.Expr:
    """Time of operations: an amount of work each at the speed of its class, and an overhead for each."""
    return sp.Add(*(amount * number(f"{kind}_fs") + number(OVERHEAD) for kind, amount in work))


def _by_kind(stage: int, cases: Mapping[str, sp.Expr]) -> sp.Expr:
    """The expression of the chosen kind."""
    *conditional, (_, last) = cases.items()
    return sp.Piecewise(*((expr, KINDS[stage].equals(kind)) for kind, expr in conditional), (last, True))


def _blocks(stage: int, kind: str) -> Iterator[tuple[Any, CostTerms, sp.Expr]]:
    """(how many, totals, femtoseconds) of a stage's first block and of the others."""
    incoming = CHANNELS[stage - 1].symbol if stage > 1 else sp.Integer(STEM)
    channels, depth = CHANNELS[stage].symbol, DEPTHS[stage].symbol
    before, after = number(f"side_{stage - 1}"), number(f"side_{stage}")
    for how_many, c_in, side, stride in ((1, incoming, before, 2), (depth - 1, channels, after, 1)):
        formula, settings = block_layer(kind, c_in, channels, stride, side, 3, EXPAND.symbol)
        pixels = (side**2, after**2)
        work = block_work(kind, c_in, channels, *pixels, same_shape=stride == 1, expand_ratio=EXPAND.symbol)
        yield how_many, formula.terms(**settings), _femtoseconds(work)


def stage_cost(stage: int, kind: str) -> dict[str, sp.Expr]:
    """What a stage of one kind costs: its ``TOTALS`` and its time in femtoseconds, ``fs``.

    The symbols are the controls' of its channels, those of the stage before, its depth and the expansion, the sides of
    its maps (``side_0`` ... ``side_3``) and the speeds that `device_speeds` names.
    """
    blocks = list(_blocks(stage, kind))
    terms = sum((times(count, terms) for count, terms, _ in blocks), CostTerms())
    return {**{total: getattr(terms, total) for total in TOTALS}, "fs": sum(count * fs for count, _, fs in blocks)}


def _stage(stage: int) -> dict[str, sp.Expr]:
    """The definitions of a stage: its totals and its time, for the chosen kind of block."""
    costs = {kind: stage_cost(stage, kind) for kind, _ in LABELS}
    return {f"{t}_{stage}": _by_kind(stage, {kind: c[t] for kind, c in costs.items()}) for t in (*TOTALS, "fs")}


def ends_cost() -> dict[str, sp.Expr]:
    """What the first convolution, the last norm and the classifier cost together, like `stage_cost`.

    The symbols are the control's of the last stage's channels, the sides of the first and the last map, and the speeds.
    """
    size, last = number("side_0"), CHANNELS[STAGES[-1]].symbol
    pixels, rest = number("side_0") ** 2, number(f"side_{STAGES[-1]}") ** 2
    stem = {"in_channels": 3, "out_channels": STEM, "kernel_size": 3}
    ends = network_terms(
        [
            *convolution_norm(("stem", "norm"), conv2d, size, size, **stem),
            ("last norm", batch_norm2d, {"num_features": last, "out_height": size, "out_width": size}),
            ("classifier", linear, {"in_features": last, "out_features": CLASSES}),
        ]
    )
    work = [
        *convolution_work("dense", 27 * STEM * pixels, STEM, pixels),
        *norm_work(last, rest),
        ("mean", last * rest + last),
        ("linear", last * CLASSES),
    ]
    return {**{total: getattr(ends, total) for total in TOTALS}, "fs": _femtoseconds(work)}


#: The sides of the maps: of the image, and after each stage, which halves them and rounds up.
SIDES = {"side_0": INPUT_SIZE.symbol} | {f"side_{i}": sp.ceiling(number(f"side_{i - 1}") / 2) for i in STAGES}


def _definitions() -> dict[str, sp.Expr]:
    definitions = SIDES | {f"{total}_ends": expression for total, expression in ends_cost().items()}
    for stage in STAGES:
        definitions |= _stage(stage)
    return definitions


PARTS = (*STAGES, "ends")


def _total(name: str) -> sp.Expr:
    return sp.Add(*(number(f"{name}_{part}") for part in PARTS))


def _ms(part: Any) -> sp.Expr:
    return number(f"fs_{part}") / sp.Integer(10**12)


def _used(spent: sp.Expr, budget: Slider, unit: int) -> sp.Expr:
    """Per cent of a budget."""
    return 100 * spent * budget.scale / (unit * budget.symbol)


def _left(spent: sp.Expr, budget: Slider, unit: int) -> sp.Expr:
    """What a budget has left; below 0 it is exceeded."""
    return sp.Rational(unit, budget.scale) * budget.symbol - spent


WITHIN, OVER = "✓ within", "▲ over"
MS = ("ms", 3)  # unit and digits of a time
# Output, label, (what is spent, the budget, what one of the budget's units is), unit and digits.
SPENDING = (
    ("params", "Parameters", (number("params"), BUDGETS[0], 1000), ()),
    ("macs", "MACs", (number("macs"), BUDGETS[1], 10**6), ()),
    ("ms", "Predicted time", (real("ms"), BUDGETS[2], 1), MS),
)


class DesignUnderBudget(Widget):
    """Three stages of any of four blocks, with their totals and a predicted time."""

    name = "design_under_budget"
    title = "What can you afford?"
    description = (
        "Choose blocks, channels and depths. Every stage halves the map. Nothing is measured here: the milliseconds "
        "are predicted for one image on the machine whose profile the page carries."
    )
    controls = (
        *(control for i in STAGES for control in (KINDS[i], CHANNELS[i])),  # side by side where there are two columns
        *DEPTHS.values(),
        EXPAND,
        INPUT_SIZE,
        *BUDGETS,
    )
    lookups = (Lookup("device", (), tuple(f"{kind}_fs" for kind in (*CLASSES_OF_WORK, "operation"))),)
    definitions = _definitions()
    outputs = (
        Output("params", "Parameters", _total("params")),
        Output("macs", "MACs", _total("macs"), help="of one image"),
        Output("ms", "Predicted time", _total("fs") / sp.Integer(10**12), "ms", digits=3, help="one image"),
        Output("activations", "Activations", _total("activations"), help="elements that convolutions write"),
        Output("memory_access", "Memory access", _total("memory_access"), help="elements read and written"),
        Output("kilobytes", "Size of the weights", number("params") / 250, "kB", digits=1, help="four bytes a number"),
        *(
            Output(f"{name}_used", f"{label}, part of the budget", _used(*spent), "%", digits=1)
            for name, label, spent, _ in SPENDING
        ),
        *(
            Output(f"{name}_left", f"{label}, left of the budget", _left(*spent), *shown)
            for name, label, spent, shown in SPENDING
        ),
        *(
            Output(
                f"{name}_over",
                f"{label}, within the budget",
                sp.Piecewise((1, sp.Gt(real(f"{name}_used"), 100)), (0, True)),
                words=(WITHIN, OVER),
                alarm=1,
            )
            for name, label, *_ in SPENDING
        ),
        Output(
            "over",
            "The budget",
            sp.Add(*(number(f"{name}_over") for name, *_ in SPENDING)),
            words=(WITHIN, *(f"{OVER} in {limits} of {len(SPENDING)}" for limits in range(1, len(SPENDING) + 1))),
            alarm=1,
        ),
        *(Output(f"stage_ms_{part}", f"Part {part}: predicted time", _ms(part), *MS) for part in PARTS),
        *(
            Output(f"stage_{total}_{part}", f"Part {part}: {label}", number(f"{total}_{part}") + 0)
            for total, label in (("params", "parameters"), ("macs", "MACs"))
            for part in PARTS
        ),
    )
    headline = ("params", "macs", "ms", "over")
    tables = (
        Table(
            "Within the budget?",
            ("Per cent spent", "Left (below 0: over)", "Limit"),
            tuple(
                Row(label, tuple(f"{name}_{what}" for what in ("used", "left", "over")))
                for name, label in (("params", "Parameters"), ("macs", "MACs"), ("ms", "Milliseconds"))
            ),
            bars=False,  # a bar would be relative to the largest of the three and not to the budget
        ),
        Table(
            "Where it goes",
            ("Parameters", "MACs", "Milliseconds"),
            tuple(
                Row(
                    "First convolution, last norm, classifier" if part == "ends" else f"Stage {part}",
                    (f"stage_params_{part}", f"stage_macs_{part}", f"stage_ms_{part}"),
                )
                for part in PARTS
            ),
        ),
    )

    def default_data(self) -> dict[str, Any]:
        """The recorded profile of the CPU."""
        from lightnets_edu.records import recorded_file
        from lightnets_edu.timing import DeviceProfile

        return {"device": device_speeds(DeviceProfile.load(recorded_file("cpu", "profile")))}


def page_rung(profile: Any) -> tuple[float, float]:
    """Two corrections of the rung ``classes`` for one image, fitted to the profile's random chains of layers.

    Layers that run in a network share caches, and Python takes time for each operation; that is not seen where a
    layer is timed alone. No network is used to fit anything.

    Returns:
        A factor for the time of the work, and the seconds that one operation needs to start.
    """
    import numpy as np

    from lightnets_edu.timing.predict import nonnegative_fit

    if not profile.chains:
        return 1.0, profile.overhead
    least = min(chain.batch for chain in profile.chains)
    chains = [chain for chain in profile.chains if chain.batch == least]
    terms = np.array([(_work_seconds(chain.operations, profile), len(chain.operations)) for chain in chains])
    factor, start = nonnegative_fit(terms, np.array([chain.seconds for chain in chains]))
    return float(factor), float(start)


def page_seconds(operations: Sequence[Any], profile: Any) -> float:
    """What the widget computes, from the operations of a real network (`lightnets_edu.timing.operations`)."""
    factor, start = page_rung(profile)
    return factor * _work_seconds(operations, profile) + start * len(operations)


def _work_seconds(operations: Sequence[Any], profile: Any) -> float:
    """Each operation at the part of the peak or of the bandwidth that its class usually reaches."""
    return sum(profile.ideal_seconds(op) / profile.efficiency.get(op.kind, 1.0) for op in operations)


def device_speeds(profile: Any) -> dict[str, int]:
    """What a `DeviceProfile` says, in femtoseconds: for each MAC, or each element moved, of a class of operation.

    The numbers are those of `page_seconds`, rounded to whole femtoseconds.
    """
    factor, start = page_rung(profile)
    speeds = {}
    for kind in CLASSES_OF_WORK:
        ideal = 1 / profile.peak_macs if kind in MULTIPLYING else profile.bytes_per_element / profile.bandwidth
        speeds[f"{kind}_fs"] = round(1e15 * factor * ideal / profile.efficiency.get(kind, 1.0))
    return {**speeds, OVERHEAD: round(1e15 * start)}


def design_of(state: Mapping[str, Any]) -> Design:
    """The design that the widget's ``state`` describes."""
    return Design(
        tuple(
            Stage(state[f"kind_{i}"], state[f"channels_{i}"], state[f"depth_{i}"], expand_ratio=state["expand_ratio"])
            for i in STAGES
        ),
        stem_channels=STEM,
        num_classes=CLASSES,
    )


def verdict(numbers: Mapping[str, float]) -> str:
    """What the widget's numbers say about the budget, as a sentence."""
    names = {"params_used": "parameters", "macs_used": "MACs", "ms_used": "predicted milliseconds"}
    over = [f"{name} ({numbers[key]:.0f} % of the budget)" for key, name in names.items() if numbers[key] > 100]
    return f"Over budget: {', '.join(over)}." if over else "The design is within all three budgets."
