"""The JavaScript engine against Python: the same trees, the same sentences, the same numbers."""

from __future__ import annotations

import math
import random

import pytest
import sympy as sp

from lightnets_edu.formulas.checks import fill_message
from lightnets_edu.formulas.tree import compile_trees, to_tree
from lightnets_edu.pages.widget.widgets import Output, Slider, Widget, real

from .conftest import call, show
from .test_widgets import Sampler


@pytest.fixture
def sampler_page(page):
    return show(page, Sampler())


def read(page) -> tuple[dict, str]:
    values = page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('[data-output]')].map("
        "e => [e.dataset.output, e.dataset.value ?? null]))"
    )
    return values, page.text_content("[role=status]")


def test_every_kind_of_control(sampler_page):
    rng = random.Random(0)
    inputs = dict(Sampler().state)
    del inputs["data"]
    seen = set()
    for _ in range(30):
        inputs |= {
            "width": rng.randrange(25, 151, 5) / 100,
            "network": rng.choice("ab"),
            "squared": rng.random() < 0.5,
            "counter": rng.choice(["torch", "fvcore"]),
        }
        sampler_page.fill("[name=width]", str(inputs["width"]).removesuffix(".0"))
        sampler_page.select_option("[name=network]", inputs["network"])
        sampler_page.select_option("[name=counter]", inputs["counter"])
        sampler_page.set_checked("[name=squared]", inputs["squared"])
        values, status = read(sampler_page)
        try:
            expected = Sampler().evaluate(**inputs)
        except ValueError as error:
            assert status == str(error)
            assert set(values.values()) == {None}
            seen.add("refused")
        else:
            assert {name: float(value) for name, value in values.items()} == expected
            assert status == ""
            seen.add("shown")
    assert seen == {"refused", "shown"}


def test_text_from_python_is_only_text(sampler_page):
    assert sampler_page.text_content(".ln-title") == "Numbers & <names>"


class Alarmed(Widget):
    """A state that is told in words."""

    name, title, description = "alarmed", "A state", "Two words and a number."
    controls = (SPENT := Slider("spent", "Spent", 0, 9, 2),)
    outputs = (
        Output("state", "State", sp.Piecewise((1, SPENT.symbol > 5), (0, True)), words=("within", "▲ over"), alarm=1),
        Output("twice", "Twice", 2 * SPENT.symbol),
    )
    headline = ("state", "twice")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_alarm_is_a_word_and_a_colour(page, scheme):
    show(page, Alarmed())
    page.emulate_media(color_scheme=scheme)
    state = page.locator("[data-output=state]")
    look = "e => { const style = getComputedStyle(e); return [style.color, style.fontWeight]; }"
    usual = state.evaluate(look)
    assert (state.text_content(), state.get_attribute("data-value")) == ("within", "0")
    page.fill("[name=spent]", "6")
    assert (state.text_content(), state.get_attribute("data-value")) == ("▲ over", "1")
    assert state.evaluate(look) != usual
    assert page.text_content("[data-output=twice]") == "12"
    page.fill("[name=spent]", "5")
    assert state.text_content() == "within" and state.evaluate(look) == usual


def test_without_scripts_the_numbers_are_there(page):
    context = page.context.browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.set_content(Sampler().static_html())
    assert plain.locator("[data-output=number]").get_attribute("data-value") == "200"
    context.close()


OPERATIONS = [
    "add",
    "mul",
    "floordiv",
    "mod",
    "max",
    "min",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "and",
    "or",
    "not",
    "if",
    "div",
]


def random_tree(rng: random.Random, depth: int):
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(["x", "y", "z", rng.randint(-20, 60)])
    op = rng.choice(OPERATIONS)
    count = {"not": 1, "if": 3}.get(op, 2)
    args = [random_tree(rng, depth - 1) for _ in range(count)]
    if op in ("floordiv", "mod", "div"):  # by whole numbers other than 0, of either sign
        args[1] = rng.choice([-7, -3, -1, 1, 2, 5, 49])
    if op in ("and", "or", "not", "if"):
        args[0] = {"op": "gt", "args": [args[0], 3]}
    if op in ("and", "or"):
        args[1] = {"op": "lt", "args": [args[1], 9]}
    return {"op": op, "args": args}


def test_random_trees(page):
    rng = random.Random(1)
    trees = [random_tree(rng, 4) for _ in range(400)]
    points = [[rng.randint(-50, 200) for _ in range(3)] for _ in trees]
    got = call(
        page,
        "widget/formulas.js",
        """({ compile }, trees, points) => trees.map((tree, i) => {
          const [x, y, z] = points[i];
          return Number(compile(tree)({ x, y, z }));
        })""",
        trees,
        points,
    )
    for tree, point, value in zip(trees, points, got, strict=True):
        (expected,) = compile_trees(["x", "y", "z"], [tree])(*point)
        assert value == pytest.approx(float(expected), rel=1e-12), (tree, point)


@pytest.mark.parametrize("numbers", [(1,), (2,), (12,), (64, 96), (7, 64), (5040,), (512, 512)])
def test_messages_are_the_same(page, numbers):
    message = "{a} has {divisors(" + ", ".join("abc"[: len(numbers)]) + ")}"
    values = dict(zip("abc", numbers, strict=False))
    got = call(page, "widget/formulas.js", "({ fillMessage }, ...args) => fillMessage(...args)", message, values)
    assert got == fill_message(message, values)


def test_roots_logarithms_and_powers_are_the_same_but_for_the_last_digits(page):
    """Languages promise equal doubles for + - * / and square roots only; whole numbers are equal all the same."""
    x, y = sp.Symbol("x", integer=True, positive=True), real("y")
    exprs = [
        sp.sqrt(x),
        sp.log(y),
        sp.log(x, 2),
        sp.exp(-y),
        (x / 7) ** (-y),
        y ** sp.Rational(1, 3),
        sp.floor(sp.log(x) * 9),
    ]
    trees = [to_tree(expr) for expr in exprs]
    rng = random.Random(2)
    points = [[rng.randint(1, 10**12), math.exp(rng.uniform(-9, 5))] for _ in range(2000)]
    function = """({ compile }, trees, points) => {
      const run = trees.map(compile);
      return points.map(([x, y]) => run.map((f) => f({ x, y })));
    }"""
    got = call(page, "widget/formulas.js", function, trees, points)
    run = compile_trees(["x", "y"], trees)
    for point, values in zip(points, got, strict=True):
        *doubles, whole = run(*point)
        assert values[:-1] == pytest.approx(doubles, rel=1e-9, abs=0)
        assert values[-1] == whole
