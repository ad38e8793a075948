"""The data flow of a block: what its forward does, step by step, and what each step costs.

torch.fx follows the forward. Its stand-ins here also know their shapes, by our own counting rules: so a forward may ask
for a shape and decide by it, and every step comes with its parameters and MACs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import torch
from torch import fx, nn

from lightnets_edu.counting import count
from lightnets_edu.counting.rules import LAYER_RULES
from lightnets_edu.counting.shapes import ShapeTensor
from lightnets_edu.counting.trace import LayerCount, Trace
from lightnets_edu.models.channel_shuffle import channel_shuffle

Shape = tuple[int, ...]


@dataclass(eq=False)
class Step:
    """One box of a drawing.

    Attributes:
        name: What it does, in a reader's words.
        family: "input", "output", "convolution", "linear", "norm", "activation", "pool", "join", "view", "block" or
            "more" (branches that are not drawn).
        shape: Shape of its output, batch first.
        inputs: The steps whose outputs it takes, in the order of the code.
        params: Learnable numbers.
        macs: Multiply-accumulates.
        notes: What follows at once and has no box of its own: batch norm, ReLU.
        path: The layer's name in the block; "" for an operation.
    """

    name: str
    family: str
    shape: Shape
    inputs: list[Step] = field(default_factory=list)
    params: int = 0
    macs: int = 0
    notes: list[str] = field(default_factory=list)
    path: str = ""

    @property
    def label(self) -> str:
        """Name and notes."""
        return ", ".join((self.name, *self.notes))

    @property
    def signature(self) -> tuple:
        """Equal for steps that do the same work."""
        return (self.label, self.family, self.shape, self.params, self.macs)


# ---- Following the forward -----------------------------------------------------------------------------------------


class _Value(fx.Proxy):
    """fx's stand-in for a tensor, with a shape. Whatever else it is asked for becomes a node of fx's graph."""

    _is_param = False

    @property  # type: ignore[misc]  # it stands for another class on purpose
    def __class__(self) -> type:
        """Forwards ask ``isinstance(x, torch.Tensor)``."""
        return torch.Tensor if type(self._known) is ShapeTensor else type(self)

    @property
    def _known(self) -> Any:
        return self.node.meta["value"]

    @property
    def shape(self) -> Shape:
        return self._known.shape

    @property
    def ndim(self) -> int:
        return len(self._known.shape)

    def dim(self) -> int:
        return len(self._known.shape)

    def size(self, dim: int | None = None) -> Any:
        return self._known.size(dim)

    def numel(self) -> int:
        return self._known.numel()

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self._known)))  # type: ignore[index]  # fx adds the operators


class _Called(nn.Module):
    """A module that calls the block: so the block's own class and hooks do not matter to fx."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Any) -> Any:
        return self.block(x)


@dataclass(eq=False)
class _LeafCall:
    """One call of a module that is to be drawn as one box."""

    module: nn.Module
    path: str


def _known(argument: Any) -> Any:
    """fx's arguments with the values of its nodes in their places."""
    if isinstance(argument, fx.Node):
        return argument.meta["value"]
    if isinstance(argument, (list, tuple)):
        return (tuple if isinstance(argument, tuple) else list)(map(_known, argument))
    if isinstance(argument, dict):
        return {key: _known(value) for key, value in argument.items()}
    if isinstance(argument, slice):
        return slice(_known(argument.start), _known(argument.stop), _known(argument.step))
    return argument


class _Tracer(fx.Tracer):
    """Writes down fx's graph and runs every node at once on shapes: its meta has "value", "rows" and "leaf"."""

    proxy_buffer_attributes = True

    def __init__(self, block: nn.Module, input_size: Shape, leaves: tuple[type, ...]) -> None:
        super().__init__(autowrap_functions=(channel_shuffle,))
        self.block, self.leaves = block, leaves
        self.leaf: _LeafCall | None = None
        self.counts = Trace(block)
        named = (*block.named_parameters("block"), *block.named_buffers("block"))
        self.tensors = dict(named)  # while fx traces, an attribute of a module is a stand-in
        self.input = ShapeTensor(input_size, self.counts)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Value(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in LAYER_RULES and "forward" not in m.__dict__

    def call_module(self, m: nn.Module, forward: Any, args: tuple, kwargs: dict) -> Any:
        path = self.counts.paths.get(id(m), "")
        self.counts.stack.append(path)
        outer = self.leaf
        if outer is None and m is not self.block and isinstance(m, self.leaves):
            self.leaf = _LeafCall(m, path)
        result = super().call_module(m, forward, args, kwargs)
        # Not in a finally: after an error the stack still says where it happened.
        self.leaf = outer
        self.counts.stack.pop()
        return result

    def create_arg(self, a: Any) -> Any:
        return a.node if type(a) is _Value else super().create_arg(a)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        before = len(self.counts.rows)
        value = None if node.op == "output" else self._run(node)
        node.meta.update(value=value, rows=self.counts.rows[before:], leaf=self.leaf)
        return node

    def module(self, node: fx.Node) -> nn.Module | None:
        """The layer that a node calls, if it calls one."""
        return self.root.get_submodule(str(node.target)) if node.op == "call_module" else None

    def _run(self, node: fx.Node) -> Any:
        args, kwargs = _known(node.args), _known(node.kwargs)
        target: Any = node.target
        if node.op == "placeholder":
            return self.input
        if node.op == "get_attr":
            return self.tensors[target] if target in self.tensors else attrgetter(target)(self.root)
        if node.op == "call_module":
            module = self.root.get_submodule(target)
            return LAYER_RULES[type(module)](self.counts, self.counts.paths[id(module)], module, *args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], target)(*args[1:], **kwargs)
        return target(*args, **kwargs)


def _is_tensor(value: Any) -> bool:
    return type(value) is ShapeTensor or (isinstance(value, (list, tuple)) and any(map(_is_tensor, value)))


def block_steps(block: nn.Module, input_size: Sequence[int], leaves: Iterable[type[nn.Module]] = ()) -> list[Step]:
    """The steps of a block's forward, from the input to the output, each before those that use it.

    Args:
        block: Any module whose forward takes one tensor.
        input_size: Shape of the input, batch first.
        leaves: Classes of child modules that are one step each.

    Raises:
        ValueError: If the input does not fit, or torch.fx cannot follow the forward.
    """
    try:
        size = count(block, input_size).input_size  # says clearly what is wrong with block or input
    except TypeError as error:
        raise ValueError(f"only a module whose forward takes one tensor can be drawn: {error}") from error
    tracer = _Tracer(block, size, tuple(leaves))
    try:
        graph = tracer.trace(_Called(block))
    except Exception as error:  # the forward is anybody's code
        where = next((path for path in reversed(tracer.counts.stack) if path), "")
        raise ValueError(
            f"{type(block).__name__} cannot be drawn: torch.fx cannot follow {f'layer {where!r}' if where else 'it'}, "
            f"whose forward must be the same for all images of a size ({error}). "
            "Draw a block inside it, or name that layer's class in `leaves` if its own forward is not the reason"
        ) from error
    steps = _steps(tracer, graph)
    for simplify in (_without_unused, _join_sums, _absorb):
        steps = simplify(steps)
    return steps


# ---- From fx's nodes to steps --------------------------------------------------------------------------------------


def _steps(tracer: _Tracer, graph: fx.Graph) -> list[Step]:
    steps: list[Step] = []
    of: dict[fx.Node, Step] = {}
    of_leaf: dict[_LeafCall, Step] = {}
    for node in graph.nodes:
        sources = [of[source] for source in node.all_input_nodes if source in of]
        if node.op == "output":
            steps.append(Step("output", "output", sources[0].shape if sources else (), sources))
            continue
        value, leaf = node.meta["value"], node.meta["leaf"]
        if not _is_tensor(value):
            continue
        if leaf is not None:
            of[node] = _extend_leaf(of_leaf, steps, leaf, node, sources)
        elif (same := _unchanged(node, value)) is not None:
            of[node] = of[same]
        else:
            shuffled = _shuffled(node)
            sources = sources if shuffled is None else [of[shuffled]]
            of[node] = step = _step(node, tracer.module(node), sources)
            steps.append(step)
    return steps


def _extend_leaf(
    of_leaf: dict[_LeafCall, Step], steps: list[Step], leaf: _LeafCall, node: fx.Node, sources: list[Step]
) -> Step:
    """Add a node to the step of the module that it runs in."""
    step = of_leaf.get(leaf)
    if step is None:
        step = of_leaf[leaf] = Step(_class_words(type(leaf.module).__name__), "block", (), path=leaf.path)
        steps.append(step)
    step.inputs += [source for source in sources if source is not step and source not in step.inputs]
    step.shape = getattr(node.meta["value"], "shape", step.shape)
    step.params += sum(row.params for row in node.meta["rows"])
    step.macs += sum(row.macs for row in node.meta["rows"])
    return step


def _unchanged(node: fx.Node, value: Any) -> fx.Node | None:
    """The node whose output this one only hands on: dropout, identity, a view or slice of the same shape."""
    for source in node.all_input_nodes:
        before = source.meta["value"]
        if before is value:
            return source
        if (
            type(before) is type(value) is ShapeTensor
            and not node.meta["rows"]
            and before.shape == value.shape
            and _word(node) in ("getitem", "view", "reshape", "flatten", "expand", "squeeze", "narrow")
        ):
            return source
    return None


def _step(node: fx.Node, module: nn.Module | None, sources: list[Step]) -> Step:
    value, rows = node.meta["value"], node.meta["rows"]
    shape = value.shape if type(value) is ShapeTensor else sources[0].shape
    if node.op == "placeholder":
        return Step("input", "input", shape)
    if len(rows) == 1:
        row = rows[0]
        name, family = _layer_words(row, node, module, len(sources))
        return Step(name, family, shape, sources, row.params, row.macs, path=row.path if module is not None else "")
    params, macs = sum(row.params for row in rows), sum(row.macs for row in rows)
    return Step(_view_words(node), "view", shape, sources, params, macs)


# ---- A reader's words ----------------------------------------------------------------------------------------------

# By the layer's class or the operation, without underscores and capitals.
_ACTIVATIONS = {
    "relu": "ReLU", "relu6": "ReLU6", "hardtanh": "hard tanh", "hardswish": "hard swish", "silu": "SiLU",
    "gelu": "GELU", "mish": "Mish", "elu": "ELU", "leakyrelu": "leaky ReLU", "prelu": "PReLU",
}  # fmt: skip
_GATES = {"sigmoid": "sigmoid", "hardsigmoid": "hard sigmoid", "softmax": "softmax", "tanh": "tanh"}
_JOINS = {
    # two maps: a word; a map and a number: another
    "add": ("sum", "plus"), "mul": ("product", "times"), "sub": ("difference", "minus"),
    "div": ("quotient", "divided by"), "cat": ("concatenate", "concatenate"), "stack": ("stack", "stack"),
    "maximum": ("maximum", "at least"), "minimum": ("minimum", "at most"),
}  # fmt: skip
_POOLS = {"max": "max pool", "avg": "average pool", "mean": "average pool", "amax": "max pool", "sum": "sum"}


def _class_words(name: str) -> str:
    """``GhostModule`` -> "Ghost module"; a word of capitals stays as it is."""
    if name == "SqueezeExcitation":
        return "squeeze and excitation"
    first, *others = re.findall(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+", name) or [name]
    return " ".join([first, *(word if word.isupper() else word.lower() for word in others)])


def _word(node: fx.Node) -> str:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return name.strip("_")


def _sides(sizes: Iterable[int]) -> str:
    return "×".join(map(str, sizes))


def _setting(node: fx.Node, module: nn.Module | None, name: str, place: int, default: Any) -> Any:
    """A setting of a layer, or of the function that does the same."""
    if module is not None:
        value = getattr(module, name)
    else:
        args, kwargs = _known(node.args), _known(node.kwargs)
        value = kwargs.get(name, args[place] if len(args) > place else default)
    if isinstance(value, (tuple, list)) and len(set(value)) == 1:
        return value[0]
    return value


def _layer_words(row: LayerCount, node: fx.Node, module: nn.Module | None, sources: int) -> tuple[str, str]:
    """Name and family of an operation that the count has a row for."""
    kind = row.kind.replace("_", "").lower()
    if row.group == "convolution":
        return _convolution_words(row, node, module), "convolution"
    if row.group == "linear":
        return "linear", "linear"
    if row.group == "normalization":
        return ("batch norm" if kind.startswith("batchnorm") else _class_words(row.kind.replace("_", " "))), "norm"
    if kind in _ACTIVATIONS:
        return _ACTIVATIONS[kind], "activation"
    if kind in _GATES:
        return _GATES[kind], "gate"
    if row.group == "pooling":
        return _pool_words(row, kind, node, module), "pool"
    if kind in _JOINS:
        return _join_words(kind, node, sources), "join"
    return row.kind.replace("_", " "), "join" if sources > 1 else "view"


def _convolution_words(row: LayerCount, node: fx.Node, module: nn.Module | None) -> str:
    channels = row.input_shape[1]
    depthwise = row.groups > 1 and row.groups == channels
    transposed = "transpose" in row.kind.lower()
    words = [
        f"{_sides(row.kernel_size)}{' depthwise' if depthwise else ''}{' transposed' if transposed else ''} convolution"
    ]
    if row.groups > 1 and not depthwise:
        words.append(f"{row.groups} groups")
    if (stride := _setting(node, module, "stride", 3, 1)) != 1:
        words.append(f"stride {stride}")
    if (dilation := _setting(node, module, "dilation", 5, 1)) != 1:
        words.append(f"dilation {dilation}")
    return ", ".join(words)


def _pool_words(row: LayerCount, kind: str, node: fx.Node, module: nn.Module | None) -> str:
    name = next((words for key, words in _POOLS.items() if key in kind), row.kind.replace("_", " "))
    sides = row.output_shape[2:]
    if row.kernel_size:
        stride = _setting(node, module, "stride", 2, None) or row.kernel_size[0]
        return f"{_sides(row.kernel_size)} {name}" + (f", stride {stride}" if stride != 1 else "")
    if all(side == 1 for side in sides) and row.output_shape[:2] == row.input_shape[:2]:
        return f"global {name}"
    return f"{name} to {_sides(sides)}" if len(sides) == 2 and kind.startswith("adaptive") else name


def _join_words(kind: str, node: fx.Node, sources: int) -> str:
    together, alone = _JOINS[kind]
    if sources > 1 or kind in ("cat", "stack"):
        return together
    other = next((value for value in _known(node.args) if isinstance(value, (int, float))), None)
    if other is not None:
        return f"{alone} {other:g}"
    doubled = all(type(value) is ShapeTensor for value in _known(node.args))
    return f"{together} with itself" if doubled else f"{alone} learned numbers"


def _view_words(node: fx.Node) -> str:
    """An operation that costs nothing: it looks at the same numbers in another way."""
    word, value = _word(node), node.meta["value"]
    args, kwargs = _known(node.args), _known(node.kwargs)
    if node.target is channel_shuffle:
        groups = kwargs.get("groups", args[1] if len(args) > 1 else None)
        inverse = kwargs.get("inverse", args[2] if len(args) > 2 else False)
        return f"{'inverse ' if inverse else ''}channel shuffle ({groups} groups)"
    if (whole := _shuffled(node)) is not None:
        table = next(user for user in whole.users if len(user.meta["value"].shape) > len(value.shape))
        return f"channel shuffle ({table.meta['value'].shape[1]} groups)"
    if word in ("chunk", "split", "tensor_split", "unbind", "split_with_sizes"):
        return "split"
    if word == "getitem":
        return _item_words(args[0], args[1], value)
    if word == "narrow" and args[1] == 1:
        return _range_words(range(args[2], args[2] + args[3]), args[0].shape[1])
    return "flatten" if word == "flatten" else "reshape"


def _shuffled(node: fx.Node) -> fx.Node | None:
    """What a shuffle that is written out shuffles: [N, g C', ...] as [N, g, C', ...], two axes swapped, as before."""
    swapped = _before(node)
    while swapped is not None and (earlier := _before(swapped)) and earlier.meta["value"] is swapped.meta["value"]:
        swapped = earlier  # contiguous()
    table = _before(swapped)
    whole = _before(table)
    if swapped is None or table is None or whole is None:
        return None
    if _word(swapped) not in ("transpose", "permute", "swapaxes", "swapdims"):
        return None
    shape, rows, columns = (each.meta["value"].shape for each in (whole, table, swapped))
    is_table = len(rows) == len(shape) + 1 and rows[1] * rows[2] == shape[1] and rows[3:] == shape[2:]
    is_swapped = columns[1:3] == rows[2:0:-1] and columns[3:] == rows[3:]
    return whole if is_table and is_swapped and node.meta["value"].shape == shape else None


def _before(node: fx.Node | None) -> fx.Node | None:
    """The only tensor that a node takes."""
    if node is None or len(node.all_input_nodes) != 1:
        return None
    (source,) = node.all_input_nodes
    return source if type(source.meta["value"]) is ShapeTensor else None


def _item_words(whole: Any, index: Any, value: Any) -> str:
    """``x[...]``: a part of a split, or a range of channels."""
    if isinstance(whole, (list, tuple)):
        if not isinstance(index, int) or type(value) is not ShapeTensor:
            return "part of the split"
        index %= len(whole)
        if any(part.shape[2:] != value.shape[2:] or part.shape[0] != value.shape[0] for part in whole):
            return f"part {index + 1} of {len(whole)}"
        start = sum(part.shape[1] for part in whole[:index])
        return _range_words(range(start, start + value.shape[1]), sum(part.shape[1] for part in whole))
    index = index if isinstance(index, tuple) else (index,)
    if len(whole.shape) == len(value.shape) and len(index) == 2 and isinstance(index[1], slice):
        return _range_words(range(*index[1].indices(whole.shape[1])), whole.shape[1])
    return "reshape" if None in index and not any(isinstance(i, int) for i in index) else "part of the map"


def _range_words(channels: range, total: int) -> str:
    if len(channels) == 1:
        return f"channel {channels.start + 1}"
    if channels.step != 1:
        return f"channels {channels.start + 1}, {channels.start + 1 + channels.step}, …"
    if channels.start == 0:
        return f"first {len(channels)} channels"
    if channels.stop == total:
        return f"last {len(channels)} channels"
    return f"channels {channels.start + 1} to {channels.stop}"


# ---- Fewer boxes ---------------------------------------------------------------------------------------------------


def users(steps: Iterable[Step]) -> dict[Step, list[Step]]:
    """The steps that take each step's output."""
    steps = list(steps)
    found: dict[Step, list[Step]] = {step: [] for step in steps}
    for step in steps:
        for source in step.inputs:
            found[source].append(step)
    return found


def _replace(steps: list[Step], old: Step, new: Step) -> None:
    """Let all who took the output of ``old`` take that of ``new``."""
    for step in steps:
        if old in step.inputs:
            step.inputs = list(dict.fromkeys(new if source is old else source for source in step.inputs))


def _join_sums(steps: list[Step]) -> list[Step]:
    """(a + b) + c as one sum of three."""
    kept = list(steps)
    for step in steps:
        uses = users(kept)[step] if step.name == "sum" else []
        if len(uses) == 1 and uses[0].name == "sum" and step.shape == uses[0].shape:
            (other,) = uses
            place = other.inputs.index(step)
            other.inputs[place : place + 1] = step.inputs
            kept.remove(step)
    return kept


def _absorb(steps: list[Step]) -> list[Step]:
    """Batch norm behind a convolution and ReLU behind anything become notes of what they follow."""
    kept = list(steps)
    layers = ("convolution", "linear")
    for step in steps:
        if len(step.inputs) != 1 or step.family not in ("norm", "activation"):
            continue
        (before,) = step.inputs
        hosts = layers if step.family == "norm" else (*layers, "norm", "join", "pool", "block")
        if before.family in hosts and len(users(kept)[before]) == 1:
            before.notes.append(step.name)
            before.params += step.params
            before.shape = step.shape
            _replace(kept, step, before)
            kept.remove(step)
    return kept


def _without_unused(steps: list[Step]) -> list[Step]:
    """Only what leads to the output."""
    needed: set[Step] = set()
    waiting = [steps[-1]]
    while waiting:
        step = waiting.pop()
        if step not in needed:
            needed.add(step)
            waiting += step.inputs
    return [step for step in steps if step in needed]


# ---- Many of the same ----------------------------------------------------------------------------------------------


def fold_branches(steps: list[Step], most: int) -> list[Step]:
    """Where more than ``most`` equal branches lie side by side: the first ones, one step for the many, the last."""
    steps = _copied(steps)
    uses = users(steps)
    chains: dict[tuple, list[list[Step]]] = {}
    for step in steps:
        if len(step.inputs) == 1 and len(uses[step.inputs[0]]) > 1:
            chain = [step]
            while len(uses[chain[-1]]) == 1 and len(uses[chain[-1]][0].inputs) == 1:
                chain += uses[chain[-1]]
            if len(uses[chain[-1]]) == 1:
                key = (step.inputs[0], uses[chain[-1]][0], *(each.signature for each in chain))
                chains.setdefault(key, []).append(chain)
    for (source, target, *_), equal in chains.items():
        if len(equal) <= most:
            continue
        hidden = equal[most - 2 : -1] if most > 2 else equal[1:]
        flat = [step for chain in hidden for step in chain]
        more = Step(
            f"{len(hidden)} more", "more", hidden[0][-1].shape, [source], sum(step.params for step in flat),
            sum(step.macs for step in flat),
        )  # fmt: skip
        ends = [chain[-1] for chain in hidden]
        place = target.inputs.index(ends[0])
        target.inputs = [step for step in target.inputs if step not in ends]
        target.inputs.insert(place, more)
        first = steps.index(hidden[0][0])
        steps = [step for step in steps if step not in flat]
        steps.insert(min(first, steps.index(target)), more)
    return steps


def fold_repeats(steps: list[Step], most: int) -> list[Step]:
    """Where more than ``most`` equal steps follow one another: one step for all of them."""
    steps = _copied(steps)
    for first in list(steps):
        if first not in steps:
            continue
        uses = users(steps)
        run = [first]
        while after := [
            step for step in uses[run[-1]] if step.inputs == [run[-1]] and step.signature == first.signature
        ]:
            run.append(after[0])
        outside = [step for each in run[:-1] for step in uses[each] if step not in run]
        if len(run) <= most or any(step not in uses[run[-1]] for step in outside):
            continue
        notes = [f"all {len(run)} outputs go to “{outside[0].name}”"] if outside else []
        all_of_them = Step(
            f"{len(run)} × {first.label}", first.family, first.shape, first.inputs, sum(step.params for step in run),
            sum(step.macs for step in run), notes, first.path,
        )  # fmt: skip
        for step in run:
            _replace(steps, step, all_of_them)
        steps[steps.index(run[0])] = all_of_them
        steps = [step for step in steps if step not in run]
    return steps


def _copied(steps: list[Step]) -> list[Step]:
    copies: dict[Step, Step] = {}
    for step in steps:
        inputs = [copies[source] for source in step.inputs]
        copies[step] = Step(
            step.name, step.family, step.shape, inputs, step.params, step.macs, list(step.notes), step.path
        )
    return list(copies.values())
