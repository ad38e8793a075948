"""One SymPy expression, three readers: people (LaTeX), Python (exact integers) and the browser (a JSON tree).

A tree is an integer, a name, or ``{"op": OP, "args": [tree, ...]}``. The browser evaluates it with ordinary
numbers, which are exact below 2**53; Python evaluates the same tree, compiled once, with its own integers.
Divisions are never turned into reciprocals: ``floor(x/49)`` stays one integer division (SymPy's stock
JavaScript printer writes ``Math.floor((1/49)*x)``, which is wrong for x = 49).

Square roots, logarithms, exponentials and real powers give doubles. Languages promise the same double for square
roots and ``+ - * /`` only: a logarithm or an exponential in the browser may differ from Python's in its last digits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import sympy as sp

Tree = int | str | dict

_RELATIONS = {sp.Eq: "eq", sp.Ne: "ne", sp.Lt: "lt", sp.Le: "le", sp.Gt: "gt", sp.Ge: "ge"}
_PLAIN = {sp.Max: "max", sp.Min: "min", sp.And: "and", sp.Or: "or", sp.Not: "not", sp.Mod: "mod"}
_PLAIN |= {sp.log: "log", sp.exp: "exp"}
_INFIX = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "and", "or": "or"}
_INFIX |= {"add": "+", "mul": "*", "pow": "**", "mod": "%", "floordiv": "//"}
# The names of functions in the source of a compiled tree; no widget's own name starts with an underscore.
_FUNCTIONS = {"div": "_div", "sqrt": "_sqrt", "log": "_log", "exp": "_exp"}


def _node(op: str, *args: Tree) -> Tree:
    return {"op": op, "args": list(args)}


def _ratio(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    return sp.fraction(sp.together(expr))


def to_tree(expr: sp.Basic) -> Tree:
    """Translate a SymPy expression into the JSON tree that the browser evaluates.

    Args:
        expr: An expression of integers, symbols, ``+ * / **``, floor, ceiling, Max, Min, Mod, Piecewise, sqrt,
            log, exp, comparisons and logic. Decimal numbers are written as ``Rational(7, 100)``.

    Returns:
        The tree. ``floor(a/b)`` becomes ``floordiv`` and ``ceiling(a/b)`` its negated twin. A power is ``pow`` if
        its exponent is known to be whole, else ``sqrt`` or ``exp(exponent * log(base))``.

    Raises:
        TypeError: If the expression uses a function that the trees do not have, or a decimal number.
    """
    expr = sp.sympify(expr)
    if expr.is_Float:
        raise TypeError(f"a formula's tree holds exact numbers: write {expr} as a sympy.Rational")
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
        return _power(*expr.as_base_exp())
    raise TypeError(f"a formula's tree cannot hold {type(expr).__name__}: {expr}")


def _power(base: sp.Expr, exponent: sp.Expr) -> Tree:
    """Whole exponents keep whole numbers exact; the others give doubles."""
    if exponent.is_integer:
        return _node("pow", to_tree(base), to_tree(exponent))
    if exponent == sp.Rational(1, 2):
        return _node("sqrt", to_tree(base))
    return _node("exp", _node("mul", to_tree(exponent), _node("log", to_tree(base))))


def divide(numerator: int, denominator: int) -> int | float:
    """Divide as the browser does: an int where the division is exact, else the nearest double."""
    quotient, remainder = divmod(numerator, denominator)
    return numerator / denominator if remainder else quotient


def exponential(x: float) -> float:
    """e to the power ``x``; infinity, as in the browser, where it is too large for a double."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


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
    return f"{_FUNCTIONS.get(op, op)}({', '.join(args)})"


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
    scope: dict = {"_div": divide, "_sqrt": math.sqrt, "_log": math.log, "_exp": exponential}
    exec("\n".join(lines), scope)
    return scope["evaluate"]


def names_in(tree: Tree) -> Iterator[str]:
    """The names that a tree reads, some of them more than once."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for arg in tree["args"]:
            yield from names_in(arg)


class SharedTrees:
    """Named trees, written so that each subtree that occurs more than once is computed once.

    A network's parameters, MACs and memory access all contain the same numbers of channels; written out, they fill
    pages. Repeated subtrees become steps of their own, named ``_1``, ``_2``, ... A subtree that only stands in a
    branch of a condition stays there: computed always, it might divide by zero.

    Args:
        sections: Named trees in the order in which they are computed, in sections; what a section shares is not
            computed before that section.
    """

    def __init__(self, *sections: Mapping[str, Tree]) -> None:
        self._ids: dict[tuple, int] = {}
        self._nodes: list[tuple] = []
        self._uses: Counter[int] = Counter()
        self._steps: dict[int, str] = {}
        self._shared = 0
        roots = [{name: self._add(tree) for name, tree in section.items()} for section in sections]
        self._uses.update(root for section in roots for root in section.values())
        self.sections = [self._write(section) for section in roots]

    def _add(self, tree: Tree) -> int:
        """The number of a tree; equal trees have the same one."""
        node = (tree["op"], *map(self._add, tree["args"])) if isinstance(tree, dict) else ("leaf", tree)
        if node not in self._ids:
            self._ids[node] = len(self._nodes)
            self._nodes.append(node)
            if node[0] != "leaf":
                self._uses.update(node[1:])
        return self._ids[node]

    def _write(self, roots: Mapping[str, int]) -> dict[str, Tree]:
        always = self._always_computed(roots.values())
        steps: dict[str, Tree] = {}

        def write(index: int) -> Tree:
            op, *args = self._nodes[index]
            if op == "leaf":
                return args[0]
            if index in self._steps:
                return self._steps[index]
            tree = _node(op, *map(write, args))
            if self._uses[index] == 1 or index not in always:
                return tree
            self._shared += 1
            self._steps[index] = name = f"_{self._shared}"
            steps[name] = tree
            return name

        for name, root in roots.items():
            if self._nodes[root][0] != "leaf" and root not in self._steps:
                # The step itself is the shared value.
                op, *args = self._nodes[root]
                steps[name] = _node(op, *map(write, args))
                self._steps[root] = name
            else:
                steps[name] = write(root)
        return steps

    def _always_computed(self, roots: Collection[int]) -> set[int]:
        """Those parts of the trees that no condition can leave out."""
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            index = waiting.pop()
            if index not in found:
                found.add(index)
                op, *args = self._nodes[index]
                if op != "leaf":
                    waiting += args[:1] if op in ("if", "and", "or") else args
        return found
