"""G-GhostNet: every RegNetX with and without G-Ghost stages, for any share of ghosts."""

from __future__ import annotations

from typing import Any, ClassVar

import sympy as sp

from lightnets_edu.formulas import Check, conv2d, conv_output_size, linear
from lightnets_edu.formulas.blocks import norm_params, only_if, pointwise_norm, times
from lightnets_edu.formulas.cost import CostTerms
from lightnets_edu.models.cost import network_terms
from lightnets_edu.models.regnet import SIZES, STEM_CHANNELS, regnet_bottleneck
from lightnets_edu.pages.widget.widgets import Choice, Lookup, Output, Picture, Slider, Table, Widget, number

NETWORK = Choice("network", "Network", tuple((name, f"{name.replace('_', '.').upper()}") for name in SIZES), "3_2gf")
STAGES = Choice(
    "stages",
    "Stages",
    (("plain", "plain RegNetX"), ("official", "G-Ghost, the code"), ("paper", "G-Ghost, the paper")),
    "official",
)
SHARE = Slider("cheap_share", "Share of ghosts λ", 0.1, 0.9, 0.5, step=0.05, scale=100)
INPUT_SIZE = Slider("input_size", "Image size", 32, 320, 224, step=16, unit="px")

STAGE_NUMBERS = (1, 2, 3, 4)
PARTS = {
    "first": "First blocks, full width",
    "thin": "Thin blocks",
    "cheap": "Cheap 1 × 1 convolutions",
    "merge": "Corrections",
    "last": "Last blocks, full width",
}
DEPTHS = tuple(f"depth_{stage}" for stage in STAGE_NUMBERS)
WIDTHS = tuple(f"width_{stage}" for stage in STAGE_NUMBERS)


def _maybe_zero(name: str) -> sp.Symbol:
    """A symbol of which SymPy must not assume that it is positive."""
    return sp.Symbol(name, integer=True, nonnegative=True)


def is_g_ghost(stage: int) -> sp.Basic:
    """The condition that a stage has ghosts: it is wanted, and there are at least three blocks."""
    return sp.And(sp.Not(STAGES.equals("plain")), sp.Gt(number(f"depth_{stage}"), 2))


def _block(in_channels: Any, out_channels: Any, group_width: Any, side: Any, stride: int = 1) -> CostTerms:
    channels = {"in_channels": in_channels, "out_channels": out_channels}
    return regnet_bottleneck.terms(**channels, group_width=group_width, stride=stride, in_height=side, in_width=side)


def _fully_connected(in_features: Any, out_features: Any) -> CostTerms:
    return network_terms([("", linear, {"in_features": in_features, "out_features": out_features, "bias": 1})])


def _stage(stage: int, in_channels: Any, in_side: Any) -> dict[str, CostTerms]:
    """The terms of one stage by `PARTS`, and those of the plain stage."""
    width, depth, side = number(f"width_{stage}"), number(f"depth_{stage}"), number(f"side_{stage}")
    thin, ghosts = _maybe_zero(f"thin_{stage}"), number(f"ghosts_{stage}")
    groups, thin_groups = number("group_width"), number("thin_group_width")
    code, paper = STAGES.equals("official"), STAGES.equals("paper")
    first = _block(in_channels, width, groups, in_side, stride=2)
    full, slim = _block(width, width, groups, side), _block(thin, thin, thin_groups, side)
    narrowing = _block(width, thin, thin_groups, side)
    two_layers = pointwise_norm(width + (depth - 2) * thin, ghosts, (1, 1)) + pointwise_norm(ghosts, ghosts, (1, 1))
    parts = {
        "first": first,
        "thin": times(depth - 2, slim) + only_if(paper, narrowing),
        "cheap": only_if(code, pointwise_norm(ghosts, ghosts, (side, side)))
        + only_if(paper, pointwise_norm(width, ghosts, (side, side))),
        "merge": only_if(code, two_layers) + only_if(paper, _fully_connected((depth - 1) * thin, ghosts)),
        "last": only_if(code, full),
    }
    return {"plain": first + times(depth - 1, full), **parts}


def _network() -> tuple[dict[str, Any], dict[str, dict[str, CostTerms]], CostTerms]:
    """Definitions; of each stage its terms, those of its parts and of the plain stage; stem and classifier."""
    definitions: dict[str, Any] = {"thin_group_width": sp.floor(3 * number("group_width") / 4)}
    side: sp.Expr = INPUT_SIZE.symbol
    for name in ("side_stem", *(f"side_{stage}" for stage in STAGE_NUMBERS)):
        definitions[name] = conv_output_size(in_size=side, kernel_size=3, stride=2, padding=1)
        side = number(name)
    for stage in STAGE_NUMBERS:
        width, groups = number(f"width_{stage}"), number("thin_group_width")
        # The code: int(width * (1 - share) / group width) groups; here in whole numbers, so that nothing is rounded.
        definitions[f"thin_{stage}"] = sp.floor(width * (SHARE.scale - SHARE.symbol) / (SHARE.scale * groups)) * groups
        definitions[f"ghosts_{stage}"] = width - _maybe_zero(f"thin_{stage}")
    side = number("side_stem")
    maps = {"out_height": side, "out_width": side, "in_height": INPUT_SIZE.symbol, "in_width": INPUT_SIZE.symbol}
    stem = conv2d.terms(in_channels=3, out_channels=STEM_CHANNELS, kernel_size=3, **maps)
    ends = stem + norm_params(sp.Integer(STEM_CHANNELS)) + _fully_connected(number("width_4"), 1000)
    stages: dict[str, dict[str, CostTerms]] = {}
    channels: Any = sp.Integer(STEM_CHANNELS)
    for stage in STAGE_NUMBERS:
        terms = _stage(stage, channels, side)
        terms["parts_together"] = sum((terms[part] for part in PARTS), CostTerms())
        stages[f"stage_{stage}"] = terms
        channels, side = number(f"width_{stage}"), number(f"side_{stage}")
    return definitions, stages, ends


DEFINITIONS, STAGE_TERMS, ENDS = _network()
QUANTITIES = {"params": "parameters", "macs": "MACs", "activations": "activations"}


def _in_stage(stage: int, quantity: str, ghost: str, plain: str = "") -> sp.Expr:
    """A quantity of a stage's part if it has ghosts, else that of another part, or nothing."""
    terms = STAGE_TERMS[f"stage_{stage}"]
    otherwise = getattr(terms[plain], quantity) if plain else 0
    return sp.Piecewise((getattr(terms[ghost], quantity), is_g_ghost(stage)), (otherwise, True))


def _together(quantity: str) -> sp.Expr:
    return getattr(ENDS, quantity) + sum(number(f"stage_{stage}_{quantity}") for stage in STAGE_NUMBERS)


def _plain(quantity: str) -> sp.Expr:
    return getattr(ENDS, quantity) + sum(getattr(terms["plain"], quantity) for terms in STAGE_TERMS.values())


class GGhostExplorer(Widget):
    """Parameters, MACs and activations of RegNetX, plain or with G-Ghost stages, stage by stage."""

    name = "g_ghost_explorer"
    title = "What do the ghosts of a stage save?"
    description = "Switch the ghosts on and off, then change their share: the cost moves in steps of whole groups."
    controls = (NETWORK, STAGES, SHARE, INPUT_SIZE)
    lookups = (Lookup("sizes", ("network",), (*DEPTHS, *WIDTHS, "group_width")),)
    definitions: ClassVar = DEFINITIONS
    checks = (
        Check(
            sp.And(
                *(sp.Or(sp.Not(is_g_ghost(stage)), sp.Gt(_maybe_zero(f"thin_{stage}"), 0)) for stage in STAGE_NUMBERS)
            ),
            "with cheap_share={cheap_share} a stage has no thin blocks left: what is not a ghost does not fill one "
            "group of {thin_group_width} channels. Try a smaller share.",
        ),
    )
    outputs = (
        *(
            Output(
                f"stage_{stage}_{quantity}",
                f"Stage {stage}: {label}",
                _in_stage(stage, quantity, "parts_together", "plain"),
            )
            for stage in STAGE_NUMBERS
            for quantity, label in QUANTITIES.items()
        ),
        *(
            Output(f"ends_{quantity}", f"First convolution, classifier: {label}", getattr(ENDS, quantity))
            for quantity, label in QUANTITIES.items()
        ),
        Output("params", "Parameters", _together("params")),
        Output("macs", "MACs", _together("macs"), help="of one image"),
        Output("activations", "Activations", _together("activations"), help="elements that convolutions write"),
        Output("plain_params", "Plain RegNetX: parameters", _plain("params")),
        Output("plain_macs", "Plain RegNetX: MACs", _plain("macs")),
        Output(
            "macs_left", "MACs left of the plain network's", 100 * number("macs") / number("plain_macs"), "%", digits=1
        ),
        Output("ghosts_of_stage_3", "Ghosts in stage 3, if it has any", number("ghosts_3") + 0),
        Output(
            "real_share",
            "Real share of ghosts in stage 3",
            100 * number("ghosts_3") / number("width_3"),
            "%",
            digits=1,
            help="the rest is a whole number of groups of the thin blocks",
        ),
        *(
            Output(
                f"{part}_{quantity}",
                f"{label}: {QUANTITIES[quantity]}",
                sum(_in_stage(stage, quantity, part) for stage in STAGE_NUMBERS),
            )
            for part, label in PARTS.items()
            for quantity in ("params", "macs")
        ),
    )
    headline = ("params", "macs", "activations")
    tables = (
        Table.of_parts(
            "Where they are",
            {"params": "Parameters", "macs": "MACs", "activations": "Activations"},
            {**{f"stage_{i}": f"Stage {i}" for i in STAGE_NUMBERS}, "ends": "First convolution, classifier"},
        ),
        Table.of_parts("Inside the G-Ghost stages, all together", {"params": "Parameters", "macs": "MACs"}, PARTS),
    )
    picture = Picture("sweep", ("cheap_share", "macs", "plain_macs"))

    def default_data(self) -> dict[str, Any]:
        """Depths, widths and group width of the twelve sizes."""
        return {
            "sizes": {
                name: {
                    **dict(zip(DEPTHS, size.depths, strict=True)),
                    **dict(zip(WIDTHS, size.widths, strict=True)),
                    "group_width": size.group_width,
                }
                for name, size in SIZES.items()
            }
        }
