"""One SymPy expression, three readers: people (LaTeX), Python (exact integers) and the browser (a JSON tree).

A tree is an integer, a name, or ``{"op": OP, "args": [tree, ...]}``. The browser evaluates it with ordinary
numbers, which are exact below 2**53; Python evaluates the same tree, compiled once, with its own integers.
Divisions are never turned into reciprocals: ``floor(x/49)`` stays one integer division (SymPy's stock
JavaScript printer writes ``Math.floor((1/49)*x)``, which is wrong for x = 49).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

Tree = int | str | dict

_RELATIONS = {sp.Eq: "eq", sp.Ne: "ne", sp.Lt: "lt", sp.Le: "le", sp.Gt: "gt", sp.Ge: "ge"}
_PLAIN = {sp.Max: "max", sp.Min: "min", sp.And: "and", sp.Or: "or", sp.Not: "not", sp.Mod: "mod"}
_INFIX = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "and", "or": "or"}
_INFIX |= {"add": "+", "mul": "*", "pow": "**", "mod": "%", "floordiv": "//"}


def _node(op: str, *args: Tree) -> Tree:
    return {"op": op, "args": list(args)}


def _ratio(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    return sp.fraction(sp.together(expr))


def to_tree(expr: sp.Basic) -> Tree:
    """Translate a SymPy expression into the JSON tree that the browser evaluates.

    Args:
        expr: An expression of integers, symbols, ``+ * / **``, floor, ceiling, Max, Min, Mod, Piecewise,
            comparisons and logic.

    Returns:
        The tree. ``floor(a/b)`` becomes ``floordiv`` and ``ceiling(a/b)`` its negated twin.

    Raises:
        TypeError: If the expression uses a function that the trees do not have.
    """
    expr = sp.sympify(expr)
    if expr.is_Integer:
        return int(expr)
    if expr.is_Symbol:
        return expr.name
    if expr in (sp.true, sp.false):
        return int(expr == sp.true)
    if isinstance(expr, sp.floor):
        return _node("floordiv", *map(to_tree, _ratio(expr.args[0])))
    if isinstance(expr, sp.ceiling):
        numerator, denominator = _ratio(expr.args[0])
        return _node("mul", -1, _node("floordiv", to_tree(-numerator), to_tree(denominator)))
    if isinstance(expr, sp.Piecewise):
        *cases, (last, otherwise) = expr.args
        if otherwise != sp.true:
            raise TypeError(f"a Piecewise needs a last case that always holds, but {expr} has none")
        tree = to_tree(last)
        for value, condition in reversed(cases):
            tree = _node("if", to_tree(condition), to_tree(value), tree)
        return tree
    for kind, op in (_RELATIONS | _PLAIN).items():
        if isinstance(expr, kind):
            return _node(op, *map(to_tree, expr.args))
    numerator, denominator = sp.fraction(expr)
    if denominator != 1:
        return _node("div", to_tree(numerator), to_tree(denominator))
    if expr.is_Add or expr.is_Mul:
        return _node(
            "add" if expr.is_Add else "mul",
            *map(to_tree, expr.as_ordered_terms() if expr.is_Add else expr.args),
        )
    if expr.is_Pow:
        return _node("pow", *map(to_tree, expr.as_base_exp()))
    raise TypeError(f"a formula's tree cannot hold {type(expr).__name__}: {expr}")


def divide(numerator: int, denominator: int) -> int | float:
    """Divide as the browser does: an int where the division is exact, else the nearest double."""
    quotient, remainder = divmod(numerator, denominator)
    return numerator / denominator if remainder else quotient


def _source(tree: Tree) -> str:
    """The Python source of a tree."""
    if not isinstance(tree, dict):
        return str(tree)
    op, args = tree["op"], [_source(arg) for arg in tree["args"]]
    if op in _INFIX:
        return "(" + f" {_INFIX[op]} ".join(args) + ")"
    if op == "if":
        condition, value, otherwise = args
        return f"({value} if {condition} else {otherwise})"
    if op == "not":
        return f"(not {args[0]})"
    return f"{'divide' if op == 'div' else op}({', '.join(args)})"


def compile_trees(
    names: Sequence[str], trees: Sequence[Tree], definitions: dict[str, Tree] | None = None
) -> Callable[..., tuple]:
    """Compile trees into one Python function of exact integers.

    Args:
        names: The function's positional arguments, in order.
        trees: What it returns, as a tuple, one value a tree.
        definitions: Intermediate values, computed in order before the trees and usable by name in them.
    """
    lines = [f"def evaluate({', '.join(names)}):"]
    lines += [f"    {name} = {_source(tree)}" for name, tree in (definitions or {}).items()]
    lines += [f"    return ({''.join(_source(tree) + ', ' for tree in trees)})"]
    scope: dict = {"divide": divide}
    exec("\n".join(lines), scope)
    return scope["evaluate"]
