"""Widgets in Python: numbers equal the formulas', sentences teach, declarations with mistakes are refused."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightnets_edu.formulas import Check, conv2d, depthwise_separable_conv2d
from lightnets_edu.formulas.tree import compile_trees, to_tree
from lightnets_edu.pages import get_widget, list_widgets
from lightnets_edu.pages.controls import Choice, Slider, Toggle
from lightnets_edu.pages.widgets import Lookup, Output, Row, Table, Widget, number, static_script

SIZES = st.integers(1, 64)


@pytest.fixture(scope="module")
def explorer():
    return get_widget("convolution_explorer")()


@settings(max_examples=60, deadline=None)
@given(
    groups=st.integers(1, 6), per_group_in=SIZES, per_group_out=SIZES, kernel=st.integers(1, 7),
    stride=st.integers(1, 4),     padding=st.integers(0, 3), size=st.integers(7, 40), bias=st.booleans(),
)  # fmt: skip
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
        json.dumps(widget.spec)


def test_importing_pages_does_not_import_torch():
    code = "import sys, lightnets_edu.pages; sys.exit('torch' in sys.modules)"
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
        ({"outputs": (Output("a", "A", number("missing")),), "headline": (), "tables": ()}, "uses 'missing'"),
        ({"definitions": {"width": sp.Integer(1)}}, "uses the name 'width' twice"),
    ],
)
def test_mistaken_declarations_are_refused(change, sentence):
    mistaken = type("Mistaken", (Sampler,), {"controls": Sampler.controls, **change})
    with pytest.raises(TypeError, match=sentence):
        mistaken()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 500))
def test_trees_equal_substitution(a, b, c):
    x, y, z = sp.symbols("x y z", integer=True, positive=True)
    exprs = [
        sp.floor((x + 2 * y - z) / y) + 1, sp.ceiling(x / z), sp.Mod(x, y),
        sp.Max(x, y, z) - sp.Min(x, y), x**2 * y / z,        sp.Piecewise((x, sp.Lt(10 * y, 9 * z)), (z, True)),
    ]  # fmt: skip
    run = compile_trees(["x", "y", "z"], [to_tree(expr) for expr in exprs])
    for value, expr in zip(run(a, b, c), exprs, strict=True):
        exact = expr.subs({x: a, y: b, z: c})
        assert value == (int(exact) if exact.is_integer else pytest.approx(float(exact)))


def test_the_page_script_holds_the_engine_and_its_style():
    script = static_script()
    assert '"ENGINE"' not in script
    assert '"STYLE"' not in script
    assert "export default" in script
