"""What a layer costs: numbers (`Cost`), expressions (`CostTerms`), a function of its settings (`CostFormula`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from types import SimpleNamespace

import sympy as sp
from sympy.printing.latex import LatexPrinter

from lightnets_edu.checks import whole_number
from lightnets_edu.formulas.checks import Check, fill_message
from lightnets_edu.formulas.tree import Tree, compile_trees, to_tree

QUANTITIES = ("params", "macs", "flops", "exact_flops", "activations", "memory_access")


@dataclass(frozen=True)
class Cost:
    """The cost of a layer, a block or a network for one image, as exact integers.

    Attributes:
        params: Learnable numbers.
        macs: Multiply-accumulates of convolutions and linear layers.
        flops: ``2 * macs``: a multiply-accumulate counted as two operations.
        exact_flops: Multiplications and additions counted one by one: the first product of a sum needs no
            addition, a bias needs one.
        activations: Elements written by the layer.
        memory_access: Elements read and written: input, weights and output, each once.
    """

    params: int = 0
    macs: int = 0
    flops: int = 0
    exact_flops: int = 0
    activations: int = 0
    memory_access: int = 0

    @property
    def arithmetic_intensity(self) -> float:
        """FLOPs (two a multiply-accumulate) for each element moved; divide by 4 for FLOPs a byte in float32."""
        return self.flops / self.memory_access

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class CostTerms:
    """The same quantities as `Cost`, as SymPy expressions; adding two adds them one by one."""

    params: sp.Expr = sp.S.Zero
    macs: sp.Expr = sp.S.Zero
    exact_flops: sp.Expr = sp.S.Zero
    activations: sp.Expr = sp.S.Zero
    memory_access: sp.Expr = sp.S.Zero

    @property
    def flops(self) -> sp.Expr:
        """Two operations a multiply-accumulate."""
        return 2 * self.macs

    def __add__(self, other: CostTerms) -> CostTerms:
        return CostTerms(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def put(self, values: Mapping[sp.Symbol, sp.Expr]) -> CostTerms:
        """Replace symbols by numbers or by other expressions, all at once."""
        # xreplace, since subs would also look for equal subexpressions, which takes seconds for a network.
        return CostTerms(*(getattr(self, f.name).xreplace(values) for f in fields(self)))


@dataclass(frozen=True)
class Setting:
    """One argument of a formula.

    Attributes:
        name: The keyword, as torch.nn spells it.
        latex: The symbol that papers use.
        meaning: A few words, with the unit.
        default: A number, the name of another setting, or None if the argument is required.
        minimum: The smallest value allowed.
        flag: True for yes/no settings, which enter the formula as 1 or 0.
    """

    name: str
    latex: str
    meaning: str
    default: int | str | None = None
    minimum: int = 1
    flag: bool = False

    @cached_property
    def symbol(self) -> sp.Symbol:
        """The SymPy symbol: a non-negative or positive integer."""
        return sp.Symbol(self.name, integer=True, **({"positive": True} if self.minimum else {"nonnegative": True}))


class _LatexPrinter(LatexPrinter):
    """SymPy's printer, with the fraction inside a floor kept as one fraction."""

    def _print_floor(self, expr, exp=None):
        return r"\left\lfloor " + self._print(sp.together(expr.args[0])) + r" \right\rfloor"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "{,}")


@dataclass(frozen=True)
class Quantity:
    """One number that a formula gives, with its three faces: LaTeX, Python and the browser's tree.

    Attributes:
        name: What it counts.
        expr: The SymPy expression.
        settings: The arguments it is a function of.
        checks: What the arguments must meet.
    """

    name: str
    expr: sp.Expr
    settings: tuple[Setting, ...]
    checks: tuple[Check, ...] = ()

    @property
    def latex(self) -> str:
        """The formula in LaTeX, in the papers' symbols."""
        return self._print({s.symbol: s.latex for s in self.settings})

    @property
    def tree(self) -> Tree:
        """The formula as JSON, for the browser."""
        return to_tree(self.expr)

    @cached_property
    def _parser(self) -> _Settings:
        return _Settings(self.name, self.settings, self.checks)

    @cached_property
    def _evaluate(self):
        return compile_trees([s.name for s in self.settings], [self.tree])

    def __call__(self, **values: object) -> int:
        """Evaluate: exact integers for integers, a SymPy expression if a value is one.

        Raises:
            ValueError: If a value is not allowed; the sentence says what is.
        """
        if any(isinstance(value, sp.Basic) for value in values.values()):
            return self.expr.xreplace(self._parser.symbolic(values))
        return self._evaluate(*self._parser.numbers(values))[0]

    def worked(self, **values: object) -> str:
        """The formula in LaTeX with the numbers put in, then the result."""
        numbers = dict(zip((s.name for s in self.settings), self._parser.numbers(values), strict=True))
        # A yes/no setting is not a number of anything: put it in first, so that its term stays or vanishes.
        flags = {s.symbol: numbers[s.name] for s in self.settings if s.flag}
        shown = Quantity(self.name, self.expr.subs(flags), self.settings)
        filled = shown._print({s.symbol: str(numbers[s.name]) for s in self.settings}, mul_symbol="times")
        return f"{filled} = {_grouped(self(**values))}"

    def _print(self, symbol_names: dict, mul_symbol: str | None = None) -> str:
        printer = _LatexPrinter({"symbol_names": symbol_names, "mul_symbol": mul_symbol})
        return printer.doprint(self.expr)


@dataclass(frozen=True)
class _Settings:
    """Reads keyword arguments: names, defaults, whole numbers, then the checks."""

    owner: str
    settings: tuple[Setting, ...]
    checks: tuple[Check, ...]

    @cached_property
    def signature(self) -> inspect.Signature:
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Signature(
            [
                inspect.Parameter(s.name, kind, default=inspect.Parameter.empty if s.default is None else s.default)
                for s in self.settings
            ]
        )

    @cached_property
    def _first_broken(self):
        names = [s.name for s in self.settings]
        return compile_trees(names, [to_tree(check.holds) for check in self.checks])

    def complete(self, values: Mapping[str, object]) -> dict[str, object]:
        """Every setting's value, defaults filled in.

        Raises:
            TypeError: If a name is unknown, or a required one is missing.
        """
        full: dict[str, object] = {}
        for setting in self.settings:
            if (value := values.get(setting.name)) is None:
                value = full[setting.default] if isinstance(setting.default, str) else setting.default
                if value is None:
                    raise TypeError(f"{self.owner} needs {setting.name} ({setting.meaning})")
            full[setting.name] = value
        if unknown := [name for name in values if name not in full]:
            raise TypeError(f"{self.owner} has no setting {unknown[0]!r}; it takes {', '.join(full)}")
        return full

    def numbers(self, values: Mapping[str, object]) -> list[int]:
        """The values in order, as checked whole numbers."""
        full = self.complete(values)
        numbers = [
            value
            if type(value := full[s.name]) is int and value >= s.minimum
            else whole_number(s.name, int(value) if isinstance(value, bool) else value, s.minimum)
            for s in self.settings
        ]
        for holds, check in zip(self._first_broken(*numbers), self.checks, strict=True):
            if not holds:
                raise ValueError(fill_message(check.message, dict(zip(full, numbers, strict=True))))
        return numbers

    def symbolic(self, values: Mapping[str, object]) -> dict[sp.Symbol, object]:
        """The values by symbol, unchecked: they may be expressions."""
        full = self.complete(values)
        return {s.symbol: sp.sympify(full[s.name]) for s in self.settings}


def _flag_check(setting: Setting) -> Check:
    """The check that a yes/no setting is one."""
    name = setting.name
    return Check(sp.Le(setting.symbol, 1), f"{name} should be True or False instead of {{{name}}}")


class Symbols(SimpleNamespace):
    """A formula's settings as SymPy symbols, by name: ``s.in_channels``."""


class CostFormula:
    """A cost as a function of a layer's settings: call it for a `Cost`, or take one `Quantity` as an attribute.

    ``conv2d(in_channels=3, ...)`` gives the numbers, ``conv2d.macs.latex`` the formula of one of them.
    """

    params: Quantity
    macs: Quantity
    flops: Quantity
    exact_flops: Quantity
    activations: Quantity
    memory_access: Quantity

    def __init__(
        self,
        name: str,
        settings: tuple[Setting, ...],
        terms: Callable[[Symbols], CostTerms],
        checks: tuple[Check, ...] = (),
        doc: str = "",
    ) -> None:
        self.name = self.__name__ = name
        self.settings = settings
        self.checks = checks = (*checks, *(_flag_check(s) for s in settings if s.flag))
        self.__doc__ = doc + "\n\nArgs:\n" + "\n".join(f"    {s.name}: {s.meaning}." for s in settings)
        self._compose = terms
        self._parser = _Settings(name, settings, checks)

    @cached_property
    def _terms(self) -> CostTerms:
        # Composed when first asked for: so importing the models builds no expression.
        return self._compose(Symbols(**{setting.name: setting.symbol for setting in self.settings}))

    def __getattr__(self, name: str) -> Quantity:
        if name not in QUANTITIES:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        quantity = Quantity(name, sp.sympify(getattr(self._terms, name)), self.settings, self.checks)
        setattr(self, name, quantity)
        return quantity

    @property
    def __signature__(self) -> inspect.Signature:
        return self._parser.signature

    @cached_property
    def _evaluate(self):
        return compile_trees([s.name for s in self.settings], [q.tree for q in self])

    def __iter__(self) -> Iterator[Quantity]:
        return (getattr(self, quantity) for quantity in QUANTITIES)

    def __call__(self, **values: object) -> Cost:
        """Evaluate with whole numbers.

        Raises:
            ValueError: If a value is not allowed; the sentence says what is.
            TypeError: If a setting is missing or unknown.
        """
        return Cost(*self._evaluate(*self._parser.numbers(values)))

    def terms(self, **values: object) -> CostTerms:
        """The cost as expressions, with numbers or expressions put in for the settings (for whole networks)."""
        return self._terms.put(self._parser.symbolic(values))

    def __repr__(self) -> str:
        return f"<formula {self.name}({', '.join(s.name for s in self.settings)})>"


def cost_formula(
    *settings: Setting, checks: tuple[Check, ...] = ()
) -> Callable[[Callable[[Symbols], CostTerms]], CostFormula]:
    """Make a function, which composes a cost from its settings' symbols, the `CostFormula` of the same name.

    Args:
        settings: What the cost is a function of, in order.
        checks: What the settings must meet.
    """

    def formula(terms: Callable[[Symbols], CostTerms]) -> CostFormula:
        return CostFormula(terms.__name__, settings, terms, checks, inspect.cleandoc(terms.__doc__ or ""))

    return formula
