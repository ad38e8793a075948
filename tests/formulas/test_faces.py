"""LaTeX, worked line and browser tree come from one expression, so they must say the same."""

import json
import re
from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from lightnets_edu import formulas
from lightnets_edu.formulas import CostFormula, conv2d, conv_output_size
from lightnets_edu.formulas.checks import divisors_text, fill_message
from lightnets_edu.formulas.tree import compile_trees, to_tree

ALL = [value for name in formulas.__all__ if isinstance(value := getattr(formulas, name), CostFormula)]
EXAMPLE = {"in_channels": 3, "out_channels": 6, "kernel_size": 11, "out_height": 55, "out_width": 55}
x, y, z = sp.symbols("x y z", integer=True)


def test_the_front_door_gives_the_formulas_of_blocks_too():
    from lightnets_edu.formulas import ghost_module
    from lightnets_edu.models.ghostnet import ghost_module as at_home

    assert ghost_module is at_home
    assert set(formulas.__all__) <= set(dir(formulas))
    with pytest.raises(AttributeError, match=r"module 'lightnets_edu\.formulas' has no attribute 'goat_module'"):
        _ = formulas.goat_module
    with pytest.raises(ImportError):
        from lightnets_edu.formulas import goat_module  # noqa: F401


@pytest.mark.parametrize("formula", ALL, ids=lambda f: f.name)
def test_every_formula_has_all_faces(formula):
    assert formula.__doc__.strip()
    for quantity in formula:
        assert json.loads(json.dumps(quantity.tree)) == quantity.tree
        names = {s.name for s in formula.settings}
        assert {symbol.name for symbol in sp.sympify(quantity.expr).free_symbols} <= names
        assert not re.search(r"[a-z]_[a-z]{3}", quantity.latex), "a Python name is left in the LaTeX"


def test_latex_and_worked_line_of_the_macs():
    assert conv2d.macs.latex == r"\frac{C_\text{in} K^{2} C_\text{out} H_\text{out} W_\text{out}}{g}"
    assert conv2d.macs.worked(**EXAMPLE, groups=3) == (
        r"\frac{3 \times 11^{2} \times 6 \times 55 \times 55}{3} = 2{,}196{,}150"
    )
    assert "b" not in conv2d.params.worked(**EXAMPLE, bias=True)


@given(st.integers(-5000, 5000), st.integers(1, 60))
def test_floor_stays_one_division(value, divisor):
    """SymPy's JavaScript printer would turn floor(x/49) into floor((1/49)*x), wrong for x = 49."""
    tree = to_tree(sp.floor(x / divisor))
    assert compile_trees(["x"], [tree])(value) == (value // divisor,)
    assert compile_trees(["x"], [to_tree(sp.ceiling(x / divisor))])(value) == (-(-value // divisor),)


EXPRESSIONS = [
    x * y + z**2,
    (x * y) / (z**2 + 1),
    sp.floor((x + 2 * y - 3) / (z**2 + 1)) + 1,
    sp.Max(x, y, 3),
    sp.Min(x, z),
    sp.Mod(x, z**2 + 1),
    sp.Piecewise((x, sp.Lt(x, y)), (z, sp.Eq(x, 3)), (y, True)),
    x - y - z,
    -x,
    sp.Integer(7),
    sp.Piecewise((1, sp.And(x > 0, sp.Or(y > 0, sp.Not(sp.Eq(z, 0))))), (0, True)),
    sp.ceiling(x / 7),
    x / 3 + y / 5,
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
@given(values=st.tuples(*[st.integers(-40, 40)] * 3))
def test_compiled_trees_equal_sympy(expression, values):
    """Exact where the result is whole, the nearest double elsewhere."""
    got = compile_trees(["x", "y", "z"], [to_tree(expression)])(*values)[0]
    want = Fraction(str(sp.sympify(expression).subs(dict(zip((x, y, z), values, strict=True)), simultaneous=True)))
    assert got == want if want.denominator == 1 else got == pytest.approx(float(want), rel=1e-15)


def test_a_function_without_a_tree_is_refused():
    with pytest.raises(TypeError, match="cannot hold sin"):
        to_tree(sp.sin(x))


def test_symbols_and_numbers_give_the_same(sizes=(7, 56, 224)):
    n = sp.Symbol("n", integer=True, positive=True)
    symbolic = conv_output_size(in_size=n, kernel_size=3, stride=2, padding=1)
    for size in sizes:
        assert symbolic.subs(n, size) == conv_output_size(in_size=size, kernel_size=3, stride=2, padding=1)


def test_messages():
    assert divisors_text(12) == "1, 2, 3, 4, 6 or 12"
    assert divisors_text(64, 48) == "1, 2, 4, 8 or 16"
    assert divisors_text(1) == "1"
    assert divisors_text(720720).endswith("8 …")
    assert fill_message("a={a}, try {divisors(a, b)}", {"a": 6, "b": 4}) == "a=6, try 1 or 2"
