"""Widgets in Python: numbers equal the formulas', sentences teach, declarations with mistakes are refused."""

from __future__ import annotations

import gzip
import importlib
import json
import math
import subprocess
import sys
from fractions import Fraction

import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightnets_edu.discovery import chapter_modules
from lightnets_edu.formulas import Check, conv2d, depthwise_separable_conv2d
from lightnets_edu.formulas.tree import SharedTrees, compile_trees, to_tree
from lightnets_edu.pages import get_widget, list_widgets
from lightnets_edu.pages.widget.controls import Choice, Slider, Toggle
from lightnets_edu.pages.widget.naming import name_values
from lightnets_edu.pages.widget.widgets import (
    Lookup,
    Output,
    Picture,
    Row,
    Table,
    Widget,
    number,
    real,
)

SIZES = st.integers(1, 64)


def test_each_chapter_lists_its_widgets():
    """Nothing else finds them: a class that is not listed would be shown nowhere."""
    declared = set()
    for module in chapter_modules():
        classes = vars(importlib.import_module(module)).values()
        own = {
            kind.name
            for kind in classes
            if isinstance(kind, type) and kind.__module__ == module and issubclass(kind, Widget)
        }
        assert own <= set(importlib.import_module(module.rpartition(".")[0]).WIDGETS)
        declared |= own
    assert sorted(declared) == list_widgets()


@pytest.fixture(scope="module")
def explorer():
    return get_widget("convolution_explorer")()


@settings(max_examples=60, deadline=None)
@given(
    groups=st.integers(1, 6),
    per_group_in=SIZES,
    per_group_out=SIZES,
    kernel=st.integers(1, 7),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
    size=st.integers(7, 40),
    bias=st.booleans(),
)
def test_explorer_equals_the_formula_and_torch(
    explorer, groups, per_group_in, per_group_out, kernel, stride, padding, size, bias
):
    setting = {"in_channels": groups * per_group_in, "out_channels": groups * per_group_out, "kernel_size": kernel}
    numbers = explorer.evaluate(**setting, stride=stride, padding=padding, groups=groups, input_size=size, bias=bias)
    with torch.device("meta"):
        module = torch.nn.Conv2d(**setting, stride=stride, padding=padding, groups=groups, bias=bias)
        out = module(torch.empty(1, groups * per_group_in, size, size)).shape[-1]
    maps = {"out_height": out, "out_width": out, "in_height": size, "in_width": size}
    cost = conv2d(**setting, groups=groups, bias=bias, **maps)
    assert numbers["out_size"] == out
    assert numbers["params"] == sum(p.numel() for p in module.parameters())
    for name in ("params", "macs", "flops", "exact_flops", "activations", "memory_access", "arithmetic_intensity"):
        assert numbers[name] == getattr(cost, name)
    standard = conv2d(**setting, bias=bias, **maps)
    separable = depthwise_separable_conv2d(**setting, bias=bias, **maps)
    for name in ("params", "macs", "memory_access"):
        assert numbers[f"standard_{name}"] == getattr(standard, name)
        assert numbers[f"separable_{name}"] == getattr(separable, name)


def test_numbers_keep_their_type(explorer):
    numbers = explorer.evaluate()
    assert {type(value) for name, value in numbers.items() if name != "arithmetic_intensity"} == {int}
    assert type(numbers["arithmetic_intensity"]) is float


def test_evaluate_starts_from_the_present_state(explorer):
    moved = get_widget("convolution_explorer")(in_channels=32)
    moved.groups = 4
    assert moved.evaluate() == explorer.evaluate(in_channels=32, groups=4)
    assert moved.state["groups"] == 4
    assert get_widget("convolution_explorer")(**moved.state).evaluate() == moved.evaluate()


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"groups": 3}, "groups=3 does not divide in_channels=64"),
        ({"groups": 3, "in_channels": 6}, "groups=3 does not divide out_channels=128"),
        ({"input_size": 1, "padding": 0}, "kernel_size=3 does not fit into input_size=1 with padding=0"),
        ({"stride": 5}, "stride should be from 1 to 4 instead of 5"),
        ({"stride": 1.5}, "stride should be 1 to 4 in steps of 1 instead of 1.5"),
        ({"stride": "two"}, "stride should be a number from 1 to 4 instead of 'two'"),
        ({"stride": float("nan")}, "stride should be from 1 to 4 instead of nan"),
        ({"stride": True}, "stride should be a number"),
        ({"bias": 2}, "bias should be True or False instead of 2"),
    ],
)
def test_refusals_teach(explorer, setting, sentence):
    with pytest.raises(ValueError, match="^" + sentence):
        explorer.evaluate(**setting)


def test_unknown_names_are_refused(explorer):
    with pytest.raises(TypeError, match="has no control 'channels'"):
        explorer.evaluate(channels=3)
    with pytest.raises(TypeError, match="has no control 'channels'"):
        get_widget("convolution_explorer")(channels=3)
    with pytest.raises(ValueError, match="did you mean 'convolution_explorer'"):
        get_widget("convolution_explore")
    with pytest.raises(ValueError, match="stride"):
        get_widget("convolution_explorer")(stride=9)


def test_traits_follow_the_controls(explorer):
    widget = get_widget("convolution_explorer")()
    seen = []
    widget.observe(lambda change: seen.append(change["new"]), "groups")
    widget.groups = 3  # invalid together with 64 channels: allowed, and explained in the page
    assert seen == [3]
    assert "does not divide" in widget.static_html()
    with pytest.raises(ValueError, match="groups should be from 1 to 512"):
        widget.groups = 0
    assert "groups" in widget.keys


def test_every_widget_works_without_arguments():
    for name in list_widgets():
        widget = get_widget(name)()
        assert widget.evaluate()
        bundle, _ = widget._repr_mimebundle_()
        assert {"application/vnd.jupyter.widget-view+json", "text/html"} <= set(bundle)
        assert len(gzip.compress(bundle["text/html"].encode())) < 20_000, "a chapter opens quickly on a phone"


def test_listing_widgets_does_not_import_torch():
    code = "import sys; from lightnets_edu.pages import list_widgets; list_widgets(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# A widget of every kind of control, with a table of data.
WIDTH = Slider("width", "Width", 0.25, 1.5, 1, step=0.05, scale=100)
NETWORK = Choice("network", "Network", (("a", "Net A"), ("b", "Net B")), "a")
COUNTER = Choice("counter", "Counter", (("torch", "torch"), ("fvcore", "fvcore")), "torch")
SQUARED = Toggle("squared", "Squared")


class Sampler(Widget):
    """Every kind of control, and data."""

    name = "sampler"
    title = "Numbers & <names>"
    description = "For tests."
    controls = (WIDTH, NETWORK, COUNTER, SQUARED)
    lookups = (Lookup("counts", ("network",), ("macs", "norm")),)
    definitions = {"factor": sp.Piecewise((2, COUNTER.equals("torch")), (1, True))}  # noqa: RUF012
    checks = (Check(sp.Ge(WIDTH.symbol, 50), "width={width} is too thin for {network}; factor {factor}"),)
    outputs = (
        Output("number", "Number", number("factor") * number("macs") + (2 - number("factor")) * number("norm")),
        Output("ratio", "Ratio", number("number") / number("macs"), digits=2),
        Output("channels", "Channels", sp.floor(32 * WIDTH.symbol / 100) * (1 + SQUARED.symbol)),
    )
    headline = ("number",)
    tables = (Table("All", ("number",), (Row("This", ("number",)),)),)

    def default_data(self):
        return {"counts": {"a": {"macs": 100, "norm": 7}, "b": {"macs": 3, "norm": 2}}}


def test_choices_tables_scales_and_flags():
    widget = Sampler()
    assert widget.evaluate() == {"number": 200, "ratio": 2.0, "channels": 32}
    assert widget.evaluate(counter="fvcore", network="b") == {"number": 5, "ratio": 5 / 3, "channels": 32}
    assert widget.evaluate(width=0.75, squared=True)["channels"] == 48
    with pytest.raises(ValueError, match=r"^width=0.45 is too thin for b; factor 2$"):
        widget.evaluate(width=0.45, network="b")
    with pytest.raises(ValueError, match=r"width should be 0\.25 to 1\.5 in steps of 0.05 instead of 0.33"):
        widget.evaluate(width=0.33)
    with pytest.raises(ValueError, match="network should be one of 'a', 'b' instead of 'c'"):
        widget.evaluate(network="c")
    with pytest.raises(ValueError, match="no 'b'"):
        Sampler(data={"counts": {"a": {"macs": 1, "norm": 1}}}).evaluate(network="b")


def test_html_is_escaped_and_carries_the_state():
    class Rude(Sampler):
        """A title that tries to leave its element."""

        name = "rude"
        title = "</script><script>alert(1)</script>"
        controls = Sampler.controls

    text = Rude().static_html()
    assert "<script>alert" not in text
    assert text.count("</script>") == 1
    content = json.loads(text.split('<script type="application/json">')[1].split("</script>")[0])
    assert content["spec"]["title"] == Rude.title
    assert content["state"] == Rude().state


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"headline": ("nothing",)}, "shows 'nothing', which is not one of its outputs"),
        (
            {"outputs": (Output("a", "A", number("missing")),), "headline": (), "tables": ()},
            "uses 'missing', which nothing",
        ),
        (
            {"outputs": (*Sampler.outputs, Output("state", "State", number("factor"), alarm=1))},
            "output 'state' of widget 'sampler' has an alarm and no words, so only a colour",
        ),
        ({"outputs": Sampler.outputs[::-1]}, "ratio of widget 'sampler' uses 'number', which is computed later"),
        ({"definitions": {"width": sp.Integer(1)}}, "uses the name 'width' twice"),
        ({"definitions": {"lambda": sp.Integer(1)}}, "uses the name 'lambda', which Python cannot use"),
        ({"definitions": {"_1": sp.Integer(1)}}, "uses the name '_1', which Python cannot use"),
        (
            {"picture": Picture("pie", ("number",))},
            "a picture 'pie' of no known kind; there are connectivity, sliding, shuffle,",
        ),
        ({"picture": Picture("shuffle", ("number",))}, "'shuffle' of 1 names; it uses 2"),
        ({"pictures": (Picture("sweep", ("width",)),)}, "'sweep' of 1 names; it uses 2 to 5"),
        ({"pictures": (Picture("shuffle", ("channels", "groups")),)}, "'shuffle' of 'groups', which nothing defines"),
        ({"picture": Picture("sweep", ("network", "number"))}, "'sweep' over 'network', which is not a slider"),
        ({"picture": Picture("sweep", ("width", "factor"))}, "'sweep' of 'factor', which is not an output"),
        (
            {
                "picture": Picture("sweep", ("width", "number", "share")),
                "outputs": (*Sampler.outputs, Output("share", "Share", number("ratio") * 100, "%")),
            },
            "different units on one",
        ),
        (
            {"controls": (WIDTH, NETWORK, COUNTER, SQUARED, Slider("groups", "Groups", 1, 8, 1, divides=("channel",)))},
            "groups of widget 'sampler' divides 'channel', which is no control",
        ),
        (
            {
                "controls": (
                    WIDTH,
                    NETWORK,
                    COUNTER,
                    SQUARED,
                    Slider("groups", "Groups", 1, 8, 1, 2, divides=("factor",)),
                )
            },
            "divides a number, so it needs scale 1 and step 1",
        ),
    ],
)
def test_mistaken_declarations_are_refused(change, sentence):
    mistaken = type("Mistaken", (Sampler,), {"controls": Sampler.controls, **change})
    with pytest.raises(TypeError, match=sentence):
        mistaken()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 500))
def test_trees_equal_substitution(a, b, c):
    x, y, z = sp.symbols("x y z", integer=True, positive=True)
    exprs = [
        sp.floor((x + 2 * y - z) / y) + 1,
        sp.ceiling(x / z),
        sp.Mod(x, y),
        sp.Max(x, y, z) - sp.Min(x, y),
        x**2 * y / z,
        sp.Piecewise((x, sp.Lt(10 * y, 9 * z)), (z, True)),
    ]
    run = compile_trees(["x", "y", "z"], [to_tree(expr) for expr in exprs])
    for value, expr in zip(run(a, b, c), exprs, strict=True):
        exact = expr.xreplace({x: sp.Integer(a), y: sp.Integer(b), z: sp.Integer(c)})
        assert value == (int(exact) if exact.is_integer else pytest.approx(float(exact)))


@settings(max_examples=200, deadline=None)
@given(st.integers(-300, 300), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_ceilings_of_ratios_are_exact(a, b, c, d):
    x = sp.Symbol("x", integer=True)
    y, z, w = sp.symbols("y z w", integer=True, positive=True)
    exprs = [
        sp.ceiling(x / y),
        sp.ceiling(x / y + z / w),
        sp.ceiling((x + 1) / 7) * 8,
        sp.ceiling(sp.ceiling(x / y) / z),
    ]
    run = compile_trees(["x", "y", "z", "w"], [to_tree(expr) for expr in exprs])
    expected = [
        math.ceil(Fraction(a, b)),
        math.ceil(Fraction(a, b) + Fraction(c, d)),
        math.ceil(Fraction(a + 1, 7)) * 8,
        math.ceil(Fraction(math.ceil(Fraction(a, b)), c)),
    ]
    assert list(run(a, b, c, d)) == expected


def test_powers_roots_and_logarithms():
    x, y = sp.symbols("x y", integer=True, positive=True)
    exprs = [
        sp.sqrt(x),
        1 / sp.sqrt(x),
        sp.log(x, 2),
        (x / y) ** sp.Rational(-7, 100),
        2**y,
        sp.exp(-x / y),
        y ** real("r"),
    ]
    run = compile_trees(["x", "y", "r"], [to_tree(expr) for expr in exprs])
    expected = [math.sqrt(50), 1 / math.sqrt(50), math.log2(50), (50 / 9) ** -0.07, 512, math.exp(-50 / 9), 9**0.5]
    assert list(run(50, 9, 0.5)) == pytest.approx(expected, rel=1e-14)
    assert isinstance(run(50, 9, 0.5)[4], int)
    with pytest.raises(TypeError, match=r"write 0\.0700000000000000 as a sympy.Rational"):
        to_tree(x**0.07)


def test_shared_trees_compute_the_same_once():
    x, y = sp.symbols("x y", integer=True)
    wide = (x + 3 * y) // 8 * 8
    first = {"a": to_tree(wide * wide + 1)}
    second = {"b": to_tree(wide + y), "c": to_tree(sp.Piecewise((x * y / (x - y), sp.Ne(x, y)), (wide, True)) + x * y)}
    definitions, results = SharedTrees(first, second).sections
    assert str([definitions, results]).count("floordiv") == 1, "computed once, in the first section that needs it"
    assert "div" not in [tree["op"] for name, tree in results.items() if name.startswith("_")]
    known = ["x", "y", *definitions]
    for a, b in ((5, 7), (12, -3), (4, 4)):
        values = dict(zip(definitions, compile_trees(["x", "y"], list(definitions), definitions)(a, b), strict=True))
        got = compile_trees(known, ["a", *second], results)(a, b, *values.values())
        assert got == compile_trees(["x", "y"], [*first.values(), *second.values()])(a, b)


def test_values_of_layers_get_names():
    side = sp.Symbol("side", integer=True, positive=True)
    half = sp.floor(side / 2)
    settings = {"in_channels": 3, "out_channels": 8, "kernel_size": 3, "in_height": side, "in_width": side}
    first = ("a", conv2d, {**settings, "out_height": half, "out_width": half})
    second = ("b", conv2d, {**settings, "out_height": sp.ceiling(half**2 / 3), "out_width": 5})
    layers, definitions = name_values([first, second])
    # Numbers and symbols stay; equal values have one name; a value is written over the names before it.
    height, later = layers[0][2]["out_height"], layers[1][2]["out_height"]
    assert [definitions[height.name], definitions[later.name]] == [half, sp.ceiling(height**2 / 3)]
    assert layers == [
        ("a", conv2d, {**settings, "out_height": height, "out_width": height}),
        ("b", conv2d, {**settings, "out_height": later, "out_width": 5}),
    ]
