"""The data flow of a block: what its forward does, step by step, and what each step costs.

The forward runs on shapes, as it does for a count. The count tells of each operation when it is done; the tensors that
the operation takes say which steps come before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

from torch import nn

from lightnets_edu.counting.counter import follow
from lightnets_edu.counting.shapes import ShapeTensor
from lightnets_edu.counting.trace import LayerCount, Trace

Shape = tuple[int, ...]


@dataclass(eq=False)
class Step:
    """One box of a drawing.

    Attributes:
        name: What it does, in a reader's words.
        family: "input", "output", "convolution", "linear", "norm", "activation", "gate", "pool", "join", "view",
            "block" or "more" (branches that are not drawn).
        shape: Shape of its output, batch first.
        inputs: The steps whose outputs it takes, in the order of the code.
        params: Learnable numbers.
        macs: Multiply-accumulates.
        path: The layer's name in the block; "" for an operation.
        layer_class: Of a layer that multiplies: its class in ``lightnets_edu.pages.palette``; "" for all others.
        notes: What follows at once and has no box of its own: batch norm, ReLU.
    """

    name: str
    family: str
    shape: Shape
    inputs: list[Step] = field(default_factory=list)
    params: int = 0
    macs: int = 0
    path: str = ""
    layer_class: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Name and notes."""
        return ", ".join((self.name, *self.notes))

    @property
    def signature(self) -> tuple:
        """Equal for steps that do the same work."""
        return (self.label, self.family, self.shape, self.params, self.macs)


def block_steps(block: nn.Module, input_size: Sequence[int], leaves: tuple[type[nn.Module], ...] = ()) -> list[Step]:
    """The steps of a block's forward, from the input to the output, each before those that use it.

    Args:
        block: Any module whose forward takes one tensor.
        input_size: Shape of the input, batch first.
        leaves: Classes of child modules that are one step each.

    Raises:
        ValueError: If the input does not fit, or the output does not depend on it.
        UnsupportedOperationError: If the forward cannot be counted.
    """
    steps = _Steps(leaves)
    try:
        follow(block, input_size, steps.watch)
    except TypeError as error:
        raise ValueError(f"only a module can be drawn: {error}") from error
    needed = _needed(steps.all)
    if needed[0].family != "input":
        raise ValueError(f"{type(block).__name__} cannot be drawn: its output does not depend on its input")
    _join_sums(needed)
    _absorb(needed)
    return _needed(needed)


# ---- Following the forward -----------------------------------------------------------------------------------------


class _Call(NamedTuple):
    """One operation of the forward: what ran, on what, and its row in the count."""

    what: str | nn.Module
    args: tuple
    kwargs: dict[str, Any]
    row: LayerCount

    def setting(self, name: str, place: int) -> Any:
        """A setting of a layer, or of the function that does the same; None if the function is not given it."""
        if isinstance(self.what, nn.Module):
            value = getattr(self.what, name)
        else:
            value = self.kwargs.get(name, self.args[place] if len(self.args) > place else None)
        return value[0] if isinstance(value, (tuple, list)) and len(set(value)) == 1 else value


class _Steps:
    """Makes a step of each operation that a count tells of."""

    def __init__(self, leaves: tuple[type[nn.Module], ...]) -> None:
        self.classes = leaves
        self.leaves: frozenset[str] = frozenset()  # paths of their modules
        self.inside: list[ShapeTensor] = []  # what the leaf that is running has computed
        self.all: list[Step] = []
        self.of: dict[ShapeTensor, Step] = {}  # where each tensor comes from
        self.counted = 0  # rows of the count that belong to steps

    def watch(self, trace: Trace, what: str | nn.Module, args: tuple, kwargs: dict[str, Any], result: Any) -> None:
        """Add what has just run; a module that only hands on what its layers computed adds nothing."""
        results = list(_tensors(result))
        if self.leaves.intersection(trace.stack):
            self.inside += [tensor for tensor in results if tensor not in self.of]
            return
        rows, self.counted = trace.rows[self.counted :], len(trace.rows)
        known = not rows and all(tensor in self.of for tensor in results)
        if what != "output" and (known or not results):
            return
        sources = list(dict.fromkeys(self.of[tensor] for tensor in _tensors((args, kwargs))))
        path = trace.paths.get(id(what), "")
        if what == "input":
            self._add(Step("input", "input", results[0].shape), results)
            named = trace.model.named_modules()
            self.leaves = frozenset(path for path, module in named if path and isinstance(module, self.classes))
        elif what == "output":
            self._add(Step("output", "output", sources[0].shape if sources else (), sources), [])
        elif not rows and path not in self.leaves:
            self._add_view(str(what).strip("_"), args, kwargs, result)
        else:
            if path in self.leaves:
                name, family = _CLASSES.get(type(what).__name__, type(what).__name__), "block"
                results += self.inside
                self.inside = []
            else:
                name, family = _words(_Call(what, args, kwargs, rows[-1]), len(sources))
            params, macs = sum(row.params for row in rows), sum(row.macs for row in rows)
            kind = rows[-1].layer_class if family in ("convolution", "linear") else ""
            self._add(Step(name, family, results[0].shape, sources, params, macs, path, kind), results)

    def _add(self, step: Step, results: Sequence[ShapeTensor]) -> Step:
        self.all.append(step)
        self.of.update(dict.fromkeys(results, step))
        return step

    def _add_view(self, word: str, args: tuple, kwargs: dict[str, Any], result: Any) -> None:
        """An operation that costs nothing, because it looks at the same numbers in another way."""
        whole = next(_tensors((args, kwargs)))
        source = self.of[whole]
        if type(result) is not ShapeTensor:
            split = self._add(Step("split", "view", whole.shape, [source]), [])
            for index, part in enumerate(result):
                self._add(Step(_part_words(whole, result, index), "view", part.shape, [split]), [part])
        elif result.shape == whole.shape and word not in _MOVES:
            self.of[result] = source
        else:
            name = _view_words(word, whole.shape, result.shape, args)
            _recognise_shuffle(self._add(Step(name, "view", result.shape, [source]), [result]))


def _tensors(value: Any) -> Iterator[ShapeTensor]:
    """The tensors in a value, looking into lists, tuples and dicts."""
    if type(value) is ShapeTensor:
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _tensors(each)


# ---- A reader's words ----------------------------------------------------------------------------------------------

_CLASSES = {"SqueezeExcitation": "squeeze and excitation"}
_MOVES = ("transpose", "swapaxes", "swapdims", "permute", "t", "T", "mT")
# By the layer's class or the operation, without underscores and capitals.
_ACTIVATIONS = {"relu": "ReLU", "relu6": "ReLU6", "hardswish": "hard swish"}
_GATES = {"sigmoid": "sigmoid", "hardsigmoid": "hard sigmoid", "softmax": "softmax"}
_JOINS = {"add": "sum", "sub": "difference", "mul": "product", "div": "quotient", "cat": "concatenate"}


def _words(call: _Call, sources: int) -> tuple[str, str]:
    """Name and family of an operation that the count has a row for."""
    row, plain = call.row, call.row.kind.replace("_", " ")
    kind = plain.replace(" ", "").lower()
    if row.group == "convolution":
        return _convolution_words(call), "convolution"
    if row.group == "linear":
        return "linear", "linear"
    if row.group == "normalization":
        return "batch norm" if kind.startswith("batchnorm") else plain, "norm"
    if kind in _GATES:
        return _GATES[kind], "gate"
    if row.group == "activation":
        return _ACTIVATIONS.get(kind, plain), "activation"
    if row.group == "pooling":
        return _pool_words(call, plain), "pool"
    if kind not in _JOINS:
        return plain, "join" if sources > 1 else "view"
    if kind == "cat" or sources > 1:
        return _JOINS[kind], "join"
    numbers = [f"{value:g}" for value in call.args if isinstance(value, (int, float))]
    alone = all(type(value) is ShapeTensor for value in call.args)
    return f"{_JOINS[kind]} with {(numbers or ['itself' if alone else 'stored numbers'])[0]}", "join"


def _sides(sizes: Iterable[int]) -> str:
    return "×".join(map(str, sizes))


def _convolution_words(call: _Call) -> str:
    row = call.row
    depthwise = row.layer_class == "depthwise"
    transposed = "transpose" in row.kind.lower()
    kind = f"{' depthwise' if depthwise else ''}{' transposed' if transposed else ''} convolution"
    words = [_sides(row.kernel_size) + kind]
    if row.groups > 1 and not depthwise:
        words.append(f"{row.groups} groups")
    for name, place in (("stride", 3), ("dilation", 7 if transposed else 5)):
        if (value := call.setting(name, place)) not in (None, 1):
            words.append(f"{name} {value}")
    return ", ".join(words)


def _pool_words(call: _Call, plain: str) -> str:
    row, kind = call.row, plain.lower()
    average = "avg" in kind or kind == "mean"
    name = "average pool" if average else "max pool" if "max" in kind else "total" if kind == "sum" else plain
    if row.kernel_size:
        stride = call.setting("stride", 2) or row.kernel_size[0]
        return f"{_sides(row.kernel_size)} {name}" + (f", stride {stride}" if stride != 1 else "")
    is_global = row.output_shape[:2] == row.input_shape[:2] and all(side == 1 for side in row.output_shape[2:])
    return f"global {name}" if is_global else name


def _view_words(word: str, before: Shape, after: Shape, args: tuple) -> str:
    """``x[:, 3:6]`` is a range of channels; what has fewer elements is a part of the map; the rest has its own name."""
    if prod(after) >= prod(before):
        return "reshape" if word == "getitem" else word.replace("_", " ")
    match word, args:
        case "getitem", (_, (_, slice(step=None | 1) as channels)) if len(after) == len(before):
            start, stop, _ = channels.indices(before[1])
            return _channels(start, stop, before[1])
    return "part of the map"


def _part_words(whole: ShapeTensor, parts: Sequence[ShapeTensor], index: int) -> str:
    """One of the pieces that a map is split into."""
    sizes = [sum(part.shape[1:2]) for part in parts]
    if whole.shape != (*parts[0].shape[:1], sum(sizes), *parts[0].shape[2:]):  # of another axis
        return f"part {index + 1} of {len(parts)}"
    start = sum(sizes[:index])
    return _channels(start, start + sizes[index], whole.shape[1])


def _channels(start: int, stop: int, total: int) -> str:
    if start == 0:
        return f"first {stop} channels"
    return f"last {stop - start} channels" if stop == total else f"channels {start + 1} to {stop}"


def _recognise_shuffle(back: Step) -> None:
    """[N, g c, ...] seen as [N, g, c, ...], swapped and back is a channel shuffle: one step, not three."""
    chain = [back]
    while len(chain) < 4 and chain[-1].inputs:
        chain.append(chain[-1].inputs[0])
    if len(chain) == 4 and chain[1].name in _MOVES and len(chain[2].shape) == len(back.shape) + 1 > 2:
        _, swapped, table, whole = chain
        batch, groups, size, *sides = table.shape
        flat = (batch, groups * size, *sides)
        if back.shape == whole.shape == flat and swapped.shape == (batch, size, groups, *sides):
            back.name, back.inputs = f"channel shuffle ({groups} groups)", [whole]


# ---- Fewer boxes ---------------------------------------------------------------------------------------------------


def users(steps: Sequence[Step]) -> dict[Step, list[Step]]:
    """The steps that take each step's output."""
    found: dict[Step, list[Step]] = {step: [] for step in steps}
    for step in steps:
        for source in step.inputs:
            found[source].append(step)
    return found


def _needed(steps: list[Step]) -> list[Step]:
    """Only what leads to the output, which is the last step."""
    needed = {steps[-1]}
    for step in reversed(steps):
        if step in needed:
            needed.update(step.inputs)
    return [step for step in steps if step in needed]


def _join_sums(steps: list[Step]) -> None:
    """(a + b) + c becomes one sum of three."""
    uses = users(steps)
    for step in steps:
        if step.name == "sum" and [user.name for user in uses[step]] == ["sum"]:
            (user,) = uses[step]
            if step.shape == user.shape and not set(step.inputs).intersection(user.inputs):
                _replace([user], step, step.inputs)


def _absorb(steps: list[Step]) -> None:
    """Batch norm after a convolution and ReLU after anything become notes of what they follow."""
    uses = users(steps)
    layers = ("convolution", "linear")
    hosts = {"norm": layers, "activation": (*layers, "norm", "join", "pool", "block")}
    for step in steps:
        if len(step.inputs) == 1 and step.inputs[0].family in hosts.get(step.family, ()):
            (before,) = step.inputs
            if uses[before] == [step]:
                before.notes.append(step.name)
                before.params += step.params
                before.shape = step.shape
                _replace(uses[step], step, [before])
                uses[before] = uses[step]


def _replace(users_of_old: Iterable[Step], old: Step, new: Sequence[Step]) -> None:
    """Let all who took the output of ``old`` take those of ``new``."""
    for step in users_of_old:
        place = step.inputs.index(old)
        step.inputs[place : place + 1] = new


def fold_branches(steps: list[Step], most: int) -> list[Step]:
    """Where more than ``most`` equal branches lie side by side: the first ones, one step for the many, the last.

    The steps are changed.
    """
    uses = users(steps)
    branches: dict[tuple, list[list[Step]]] = {}
    for step in steps:
        if len(step.inputs) == 1 and len(uses[step.inputs[0]]) > 1:
            branch = [step]
            while len(uses[branch[-1]]) == 1 and len(uses[branch[-1]][0].inputs) == 1:
                branch += uses[branch[-1]]
            if len(uses[branch[-1]]) == 1:
                ends = (step.inputs[0], uses[branch[-1]][0])
                branches.setdefault((*ends, *(each.signature for each in branch)), []).append(branch)
    for (source, target, *_), equal in branches.items():
        if len(equal) > most:
            hidden = equal[most - 2 : -1] if most > 2 else equal[1:]
            params = sum(step.params for branch in hidden for step in branch)
            macs = sum(step.macs for branch in hidden for step in branch)
            more = Step(f"{len(hidden)} more", "more", hidden[0][-1].shape, [source], params, macs)
            steps[steps.index(hidden[0][0])] = more
            _replace([target], hidden[0][-1], [more])
            for branch in hidden[1:]:
                _replace([target], branch[-1], [])
    return _needed(steps)
