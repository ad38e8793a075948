"""One rule an operation: the shape of its result and what it costs.

The shapes follow the definitions in torch.nn's documentation. Operations that only look at the same numbers in
another way (views) cost nothing and leave no row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor, prod

import torch
from torch import nn

from lightnets_edu.counting.shapes import ShapeTensor, rule
from lightnets_edu.counting.trace import Trace

Shape = tuple[int, ...]


def _tuple(value: int | Sequence[int], length: int) -> Shape:
    if type(value) is tuple and len(value) == length:
        return value
    if isinstance(value, int):
        return (value,) * length
    return tuple(value) * length if len(value) == 1 else tuple(value)


# ---- Convolution and linear layers: where the MACs are ------------------------------------------------------------


def _check_input(kind: str, x: ShapeTensor, dims: int, channels: int, groups: int) -> None:
    """Say what is wrong with the input of a convolution."""
    if len(x.shape) not in (dims + 1, dims + 2):
        raise ValueError(
            f"{kind} needs an input of {dims + 2} dimensions (N, C, ...) instead of shape {tuple(x.shape)}"
        )
    if x.shape[-dims - 1] != channels:
        raise ValueError(
            f"{kind} needs {channels} input channels (groups={groups}) instead of the {x.shape[-dims - 1]} of an "
            f"input of shape {tuple(x.shape)}"
        )


def convolution(
    trace: Trace, dims: int, x: ShapeTensor, weight, bias=None, stride=1, padding=0, dilation=1, groups=1,
    *, kind: str = "", path: str | None = None,
) -> ShapeTensor:  # fmt: skip
    """Every output is a sum over a window: outputs * in_channels / groups * kernel elements MACs.

    Output side: floor((n + 2p - d(k - 1) - 1) / s) + 1.
    """
    out_channels, channels_per_group, *kernel = trace.weight(weight).shape
    kind = kind or f"conv{dims}d"
    _check_input(kind, x, dims, channels_per_group * groups, groups)
    *batch, _ = x.shape[:-dims]
    sizes = x.shape[-dims:]
    if padding == "same":
        out = list(sizes)
    else:
        pads = _tuple(0 if padding == "valid" else padding, dims)
        settings = zip(sizes, kernel, _tuple(stride, dims), pads, _tuple(dilation, dims), strict=True)
        out = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in settings]
        if min(out) < 1:
            raise ValueError(
                f"{kind} with kernel {tuple(kernel)} (dilation {dilation}) does not fit into an input of "
                f"{tuple(sizes)} pixels with padding {pads}: use a larger image"
            )
    shape = (*batch, out_channels, *out)
    macs = prod(shape) * channels_per_group * prod(kernel)
    return _record_convolution(trace, kind, x, weight, bias, shape, macs, tuple(kernel), groups, path)


def _record_convolution(trace, kind, x, weight, bias, shape, macs, kernel_size, groups, path) -> ShapeTensor:
    return trace.record(
        kind, "convolution", (x,), shape, macs=macs, weights=(weight, bias), kernel_size=kernel_size, groups=groups,
        bias_elements=prod(shape) if bias is not None else 0, path=path,
    )  # fmt: skip


def transposed_convolution(
    trace: Trace, dims: int, x: ShapeTensor, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
    dilation=1, *, kind: str = "", path: str | None = None,
) -> ShapeTensor:  # fmt: skip
    """Every input is multiplied by a kernel: inputs * out_channels / groups * kernel elements MACs.

    Output side: (n - 1)s - 2p + d(k - 1) + output_padding + 1.
    """
    in_channels, channels_per_group, *kernel = trace.weight(weight).shape
    kind = kind or f"conv_transpose{dims}d"
    _check_input(kind, x, dims, in_channels, groups)
    *batch, _ = x.shape[:-dims]
    sizes = x.shape[-dims:]
    settings = zip(sizes, kernel, *(_tuple(v, dims) for v in (stride, padding, output_padding, dilation)), strict=True)
    out = [(n - 1) * s - 2 * p + d * (k - 1) + extra + 1 for n, k, s, p, extra, d in settings]
    shape = (*batch, channels_per_group * groups, *out)
    macs = prod(x.shape) * channels_per_group * prod(kernel)
    return _record_convolution(trace, kind, x, weight, bias, shape, macs, tuple(kernel), groups, path)


for _dims in (1, 2, 3):
    rule(f"conv{_dims}d")(lambda trace, *args, _dims=_dims, **kwargs: convolution(trace, _dims, *args, **kwargs))
    rule(f"conv_transpose{_dims}d")(
        lambda trace, *args, _dims=_dims, **kwargs: transposed_convolution(trace, _dims, *args, **kwargs)
    )


@rule("linear")
def linear(trace: Trace, x: ShapeTensor, weight, bias=None, *, kind="linear", path: str | None = None) -> ShapeTensor:
    """``macs = rows * in_features * out_features``."""
    out_features, in_features = trace.weight(weight).shape
    if x.shape[-1] != in_features:
        raise ValueError(f"{kind} needs {in_features} input features instead of the last size of {tuple(x.shape)}")
    shape = (*x.shape[:-1], out_features)
    return trace.record(
        kind, "linear", (x,), shape, macs=prod(x.shape) * out_features, weights=(weight, bias),
        bias_elements=prod(shape) if bias is not None else 0, path=path,
    )  # fmt: skip


@rule("matmul", "mm", "bmm")
def matmul(trace: Trace, a, b) -> ShapeTensor:
    """A product of (batches of) matrices: rows * inner * columns MACs each."""
    left, right = tuple(a.shape), tuple(b.shape)
    vector_left, vector_right = len(left) == 1, len(right) == 1
    left = (1, *left) if vector_left else left
    right = (*right, 1) if vector_right else right
    if left[-1] != right[-2]:
        raise ValueError(f"matmul of shapes {tuple(a.shape)} and {tuple(b.shape)}: {left[-1]} is not {right[-2]}")
    batch = broadcast(left[:-2], right[:-2])
    macs = prod(batch) * left[-2] * left[-1] * right[-1]
    shape = (*batch, *(() if vector_left else left[-2:-1]), *(() if vector_right else right[-1:]))
    return trace.record("matmul", "matmul", (a, b), shape, macs=macs)


@rule("addmm", "baddbmm")
def addmm(trace: Trace, bias, a, b, **scales) -> ShapeTensor:
    """``bias + a @ b``."""
    shape = (*a.shape[:-1], b.shape[-1])
    return trace.record("addmm", "matmul", (a, b, bias), shape, macs=prod(shape) * a.shape[-1])


@rule("einsum")
def einsum(trace: Trace, equation: str, *operands) -> ShapeTensor:
    """A sum of products over named axes: with two operands, as many MACs as the axes have places together."""
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    terms, _, result = equation.replace(" ", "").partition("->")
    names = terms.split(",")
    if len(operands) != 2 or not result or "." in equation:
        raise ValueError(f"einsum is counted for two operands and an explicit result without '...', not {equation!r}")
    sizes = {name: n for term, x in zip(names, operands, strict=True) for name, n in zip(term, x.shape, strict=True)}
    return trace.record("einsum", "matmul", operands, tuple(sizes[name] for name in result), macs=prod(sizes.values()))


@rule("scaled_dot_product_attention")
def attention(trace: Trace, query, key, value, *args, **kwargs) -> ShapeTensor:
    """Two matrix products: query with key, and the weights with value (the softmax between them has no MACs)."""
    shape = (*query.shape[:-1], value.shape[-1])
    macs = prod(query.shape) * key.shape[-2] + prod(shape) * key.shape[-2]
    return trace.record("attention", "matmul", (query, key, value), shape, macs=macs)


# ---- Normalization, activations, arithmetic -----------------------------------------------------------------------


def normalization(
    trace: Trace, kind: str, x, weight, bias, has_statistics: bool, path: str | None = None
) -> ShapeTensor:
    """A scale and a shift a channel; its running statistics are read; no MACs by convention."""
    statistics = 2 * x.shape[1] if has_statistics else 0
    return trace.record(kind, "normalization", (x,), x.shape, weights=(weight, bias), statistics=statistics, path=path)


@rule("batch_norm", "instance_norm")
def batch_norm(
    trace: Trace, x, running_mean=None, running_var=None, weight=None, bias=None, *args, **kw
) -> ShapeTensor:
    """The functional form."""
    return normalization(trace, "batch_norm", x, weight, bias, running_mean is not None)


@rule("layer_norm")
def layer_norm(trace: Trace, x, normalized_shape, weight=None, bias=None, *args, **kwargs) -> ShapeTensor:
    """Statistics over the last axes, a scale and a shift an element of them."""
    return trace.record("layer_norm", "normalization", (x,), x.shape, weights=(weight, bias))


@rule("group_norm")
def group_norm(trace: Trace, x, num_groups, weight=None, bias=None, *args, **kwargs) -> ShapeTensor:
    """Statistics over groups of channels, a scale and a shift a channel."""
    return trace.record("group_norm", "normalization", (x,), x.shape, weights=(weight, bias))


@rule("local_response_norm")
def local_response_norm(trace: Trace, x, *args, **kwargs) -> ShapeTensor:
    """Each element divided by a power of a sum over neighbouring channels (Krizhevsky et al. 2012, section 3.3)."""
    return trace.record("local_response_norm", "normalization", (x,), x.shape)


def _activation(name: str) -> Callable:
    def apply(trace: Trace, x, *args, **kwargs) -> ShapeTensor:
        return trace.record(name, "activation", (x,), x.shape)

    return apply


ACTIVATIONS = (
    "relu relu6 hardtanh hardswish hardsigmoid sigmoid silu gelu mish elu leaky_relu softplus tanh softmax "
    "log_softmax logsigmoid selu celu"
).split()
for _name in ACTIVATIONS:
    rule(_name)(_activation(_name))


@rule("prelu")
def prelu(trace: Trace, x, weight) -> ShapeTensor:
    """A learned slope for negative inputs."""
    return trace.record("prelu", "activation", (x,), x.shape, weights=(weight,))


def broadcast(*shapes: Shape) -> Shape:
    """The shape that several broadcast to."""
    longest = max(map(len, shapes))
    out = []
    for sizes in zip(*((1,) * (longest - len(shape)) + tuple(shape) for shape in shapes), strict=True):
        size = max(sizes) if 0 not in sizes else 0
        if any(n not in (1, size) for n in sizes):
            raise ValueError(f"shapes {' and '.join(str(tuple(shape)) for shape in shapes)} do not broadcast")
        out.append(size)
    return tuple(out)


def _elementwise(name: str) -> Callable:
    def apply(trace: Trace, *operands, **kwargs) -> ShapeTensor:
        shapes = [tuple(x.shape) for x in operands if hasattr(x, "shape")]
        if len(operands) == 2 and type(operands[0]) is not ShapeTensor:
            operands = operands[::-1]
        shape = shapes[0] if len(shapes) == 1 or shapes[0] == shapes[1] else broadcast(*shapes)
        return trace.record(name, "elementwise", operands, shape)

    return apply


for _names in (
    ("add", "iadd", "radd"), ("sub", "isub", "rsub"), ("mul", "imul", "rmul", "multiply"),
    ("div", "truediv", "itruediv", "rtruediv", "true_divide"), ("floordiv", "floor_divide"), ("pow", "rpow"),
    ("neg", "negative"), ("abs",), ("exp",), ("log",), ("sqrt",), ("rsqrt",), ("square",), ("clamp", "clip"),
    ("maximum",), ("minimum",), ("lt",), ("le",), ("gt",), ("ge",), ("clone",), ("floor",), ("erf",),
):  # fmt: skip
    rule(*_names)(_elementwise(_names[0]))


@rule("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout", "feature_alpha_dropout",
      "contiguous", "to", "float", "half", "bfloat16", "double", "type", "type_as", "detach", "requires_grad",
      "view_as_real", "channels_last", "cpu", "cuda", "data")  # fmt: skip
def unchanged(trace: Trace, x, *args, **kwargs) -> ShapeTensor:
    """What inference leaves alone: dropout, layout and type changes."""
    return x


# ---- Pooling, resizing --------------------------------------------------------------------------------------------


def _pool_size(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    span = n + 2 * p - d * (k - 1) - 1
    size = (ceil(span / s) if ceil_mode else span // s) + 1
    # The last window must start inside the input or its left padding.
    return size - 1 if ceil_mode and (size - 1) * s >= n + p else size


def pool(
    trace: Trace,
    dims: int,
    name: str,
    x,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    path=None,
) -> ShapeTensor:
    """A pool over windows; MaxPool's and AvgPool's output sizes."""
    kernel_size = _tuple(kernel_size, dims)
    stride = kernel_size if stride is None or stride == () or stride == [] else _tuple(stride, dims)
    settings = (kernel_size, stride, _tuple(padding, dims), _tuple(dilation, dims))
    out = tuple(_pool_size(*each, ceil_mode) for each in zip(x.shape[-dims:], *settings, strict=True))
    if min(out) < 1:
        raise ValueError(
            f"{name} with kernel {kernel_size} does not fit into an input of {tuple(x.shape[-dims:])} pixels: "
            "use a larger image"
        )
    return trace.record(name, "pooling", (x,), (*x.shape[:-dims], *out), kernel_size=kernel_size, path=path)


def _max_pool(dims: int) -> Callable:
    def apply(trace, x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        return pool(trace, dims, f"max_pool{dims}d", x, kernel_size, stride, padding, dilation, ceil_mode)

    return apply


def _avg_pool(dims: int) -> Callable:
    def apply(
        trace,
        x,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        return pool(trace, dims, f"avg_pool{dims}d", x, kernel_size, stride, padding, 1, ceil_mode)

    return apply


def adaptive_pool(trace: Trace, dims: int, name: str, x, output_size, path=None) -> ShapeTensor:
    """A pool to a given output size; None keeps that side."""
    wanted = (output_size,) * dims if output_size is None else _tuple(output_size, dims)
    out = tuple(n if size is None else size for n, size in zip(x.shape[-dims:], wanted, strict=True))
    return trace.record(name, "pooling", (x,), (*x.shape[:-dims], *out), path=path)


def _adaptive(dims: int, name: str) -> Callable:
    def apply(trace, x, output_size, return_indices=False):
        return adaptive_pool(trace, dims, name, x, output_size)

    return apply


for _dims in (1, 2, 3):
    rule(f"max_pool{_dims}d")(_max_pool(_dims))
    rule(f"avg_pool{_dims}d")(_avg_pool(_dims))
    for _name in (f"adaptive_avg_pool{_dims}d", f"adaptive_max_pool{_dims}d"):
        rule(_name)(_adaptive(_dims, _name))


def _reduction(name: str) -> Callable:
    def apply(trace: Trace, x, dim=None, keepdim=False, **kwargs) -> ShapeTensor:
        dims = range(len(x.shape)) if dim is None else (dim,) if isinstance(dim, int) else dim
        gone = {d % len(x.shape) for d in dims}
        shape = tuple(1 if i in gone else n for i, n in enumerate(x.shape) if keepdim or i not in gone)
        return trace.record(name, "pooling", (x,), shape)

    return apply


for _name in ("mean", "sum", "amax", "amin", "norm", "var", "std", "logsumexp"):
    rule(_name)(_reduction(_name))


@rule("interpolate", "upsample")
def interpolate(trace: Trace, x, size=None, scale_factor=None, *args, **kwargs) -> ShapeTensor:
    """Resize the map to a size, or by a factor."""
    dims = len(x.shape) - 2
    if size is not None:
        out = _tuple(size, dims)
    else:
        factors = (scale_factor,) * dims if isinstance(scale_factor, (int, float)) else scale_factor
        out = tuple(floor(n * f) for n, f in zip(x.shape[2:], factors, strict=True))
    return trace.record("interpolate", "pooling", (x,), (*x.shape[:2], *out))


# ---- Joining, and other views of the same numbers -----------------------------------------------------------------


@rule("cat", "concat", "concatenate")
def cat(trace: Trace, tensors, dim=0, **kwargs) -> ShapeTensor:
    """Join along an axis: all is read and written once."""
    shape = list(tensors[0].shape)
    dim %= len(shape)
    others = {(*t.shape[:dim], *t.shape[dim + 1 :]) for t in tensors}
    if len(others) > 1:
        raise ValueError(
            f"cat along dimension {dim} of shapes {[tuple(t.shape) for t in tensors]}: the other sizes differ"
        )
    shape[dim] = sum(t.shape[dim] for t in tensors)
    return trace.record("cat", "elementwise", tuple(tensors), tuple(shape))


@rule("stack")
def stack(trace: Trace, tensors, dim=0) -> ShapeTensor:
    """Join along a new axis."""
    shape = list(tensors[0].shape)
    shape.insert(dim % (len(shape) + 1), len(tensors))
    return trace.record("stack", "elementwise", tuple(tensors), tuple(shape))


@rule("pad")
def pad(trace: Trace, x, pad, *args, **kwargs) -> ShapeTensor:
    """Add borders: pairs of (before, after) from the last axis backwards."""
    shape = list(x.shape)
    for axis, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True), 1):
        shape[-axis] += before + after
    return trace.record("pad", "elementwise", (x,), tuple(shape))


@rule("roll", "flip")
def moved(trace: Trace, x, *args, **kwargs) -> ShapeTensor:
    """The same elements in other places."""
    return trace.record("roll", "elementwise", (x,), x.shape)


@rule("view", "reshape")
def view(trace: Trace, x, *shape, **kwargs) -> ShapeTensor:
    """Another shape of as many elements; one size may be -1."""
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = shape[0]
        if isinstance(shape, torch.dtype):
            return x
    sizes = list(shape)
    elements = prod(x.shape)
    if -1 in sizes:
        known = -prod(sizes)
        if known == 0 or elements % known:
            raise ValueError(f"{tuple(x.shape)} cannot be viewed as {tuple(sizes)}: {elements} elements do not fit")
        sizes[sizes.index(-1)] = elements // known
    if prod(sizes) != elements:
        raise ValueError(
            f"{tuple(x.shape)} cannot be viewed as {tuple(sizes)}: {elements} elements are not {prod(sizes)}"
        )
    return x.like(tuple(sizes))


@rule("flatten")
def flatten(trace: Trace, x, start_dim=0, end_dim=-1) -> ShapeTensor:
    """Merge neighbouring axes."""
    shape = x.shape or (1,)
    start, end = start_dim % len(shape), end_dim % len(shape)
    return x.like((*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


@rule("unflatten")
def unflatten(trace: Trace, x, dim, sizes) -> ShapeTensor:
    """Split one axis into several."""
    dim %= len(x.shape)
    return view(trace, x, *x.shape[:dim], *sizes, *x.shape[dim + 1 :])


@rule("transpose", "swapaxes", "swapdims")
def transpose(trace: Trace, x, dim0, dim1) -> ShapeTensor:
    """Swap two axes."""
    shape = list(x.shape)
    shape[dim0], shape[dim1] = shape[dim1], shape[dim0]
    return x.like(tuple(shape))


@rule("t", "T", "mT")
def transposed(trace: Trace, x) -> ShapeTensor:
    """The matrix transposed."""
    return transpose(trace, x, -1, -2)


@rule("permute")
def permute(trace: Trace, x, *dims) -> ShapeTensor:
    """The axes in another order."""
    dims = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    return x.like(tuple(x.shape[d] for d in dims))


@rule("unsqueeze")
def unsqueeze(trace: Trace, x, dim) -> ShapeTensor:
    """A new axis of size 1."""
    shape = list(x.shape)
    shape.insert(dim % (len(shape) + 1), 1)
    return x.like(tuple(shape))


@rule("squeeze")
def squeeze(trace: Trace, x, dim=None) -> ShapeTensor:
    """Without the axes of size 1 (all, or those named)."""
    dims = range(len(x.shape)) if dim is None else (dim,) if isinstance(dim, int) else dim
    named = {d % len(x.shape) for d in dims}
    return x.like(tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in named))


@rule("expand", "broadcast_to")
def expand(trace: Trace, x, *shape) -> ShapeTensor:
    """Repeat axes of size 1 without copying; -1 keeps a size."""
    shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    old = (1,) * (len(shape) - len(x.shape)) + tuple(x.shape)
    return x.like(tuple(m if n == -1 else n for n, m in zip(shape, old, strict=True)))


@rule("expand_as")
def expand_as(trace: Trace, x, other) -> ShapeTensor:
    """Repeat axes of size 1 to another's shape."""
    return expand(trace, x, *other.shape)


@rule("split", "split_with_sizes")
def split(trace: Trace, x, sizes, dim=0) -> tuple[ShapeTensor, ...]:
    """Pieces of a given size, or of given sizes."""
    total = x.shape[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, total - start) for start in range(0, total, sizes)]
    if sum(sizes) != total:
        raise ValueError(f"split into {list(sizes)}, which is {sum(sizes)} and not the {total} of dimension {dim}")
    pieces = []
    for size in sizes:
        shape = list(x.shape)
        shape[dim] = size
        pieces.append(x.like(tuple(shape)))
    return tuple(pieces)


@rule("chunk", "tensor_split")
def chunk(trace: Trace, x, chunks, dim=0) -> tuple[ShapeTensor, ...]:
    """So many pieces, the last perhaps smaller."""
    return split(trace, x, -(-x.shape[dim] // chunks), dim)


@rule("unbind")
def unbind(trace: Trace, x, dim=0) -> tuple[ShapeTensor, ...]:
    """One piece for each place of an axis."""
    dim %= len(x.shape)
    return tuple(x.like((*x.shape[:dim], *x.shape[dim + 1 :])) for _ in range(x.shape[dim]))


@rule("narrow")
def narrow(trace: Trace, x, dim, start, length) -> ShapeTensor:
    """A range of one axis."""
    shape = list(x.shape)
    shape[dim] = length
    return x.like(tuple(shape))


@rule("select")
def select(trace: Trace, x, dim, index) -> ShapeTensor:
    """One place of an axis."""
    dim %= len(x.shape)
    return x.like((*x.shape[:dim], *x.shape[dim + 1 :]))


@rule("getitem")
def getitem(trace: Trace, x, index) -> ShapeTensor:
    """Basic indexing: ints, slices, None and an ellipsis."""
    index = index if isinstance(index, tuple) else (index,)
    given = sum(i is not None and i is not Ellipsis for i in index)
    if Ellipsis in index:
        place = index.index(Ellipsis)
        index = index[:place] + (slice(None),) * (len(x.shape) - given) + index[place + 1 :]
    shape, sizes = [], iter(x.shape)
    for each in index:
        if each is None:
            shape.append(1)
        elif isinstance(each, slice):
            shape.append(len(range(*each.indices(next(sizes)))))
        elif isinstance(each, int):
            size = next(sizes)
            if not -size <= each < size:
                raise ValueError(f"index {each} is outside a dimension of size {size}")
        else:
            raise ValueError(f"indexing by {type(each).__name__} is not counted; only ints, slices, None and ...")
    return x.like((*shape, *sizes))


# ---- Layers: the same rules, reached without running the layer's own Python ---------------------------------------


def _weights(m: nn.Module) -> tuple:
    """Weight and bias of a layer, past nn.Module's slow attribute look-up where they are plain parameters."""
    parameters = m._parameters
    weight = parameters["weight"] if "weight" in parameters else m.weight  # noqa: SIM401 (m.weight is what is slow)
    return weight, parameters["bias"]


def _conv_layer(dims: int) -> Callable:
    def apply(trace, path, m, x):
        weight, bias = _weights(m)
        name = type(m).__name__
        return convolution(
            trace, dims, x, weight, bias, m.stride, m.padding, m.dilation, m.groups, kind=name, path=path
        )

    return apply


def _linear_layer(trace, path, m, x):
    return linear(trace, x, *_weights(m), kind="Linear", path=path)


def _norm_layer(trace, path, m, x):
    weight, bias = _weights(m)
    return normalization(trace, type(m).__name__, x, weight, bias, m._buffers["running_mean"] is not None, path)


def _activation_layer(trace, path, m, x):
    return trace.record(type(m).__name__, "activation", (x,), x.shape, path=path)


def _same_layer(trace, path, m, x):
    return x


def _max_pool_layer(trace, path, m, x):
    return pool(trace, 2, "MaxPool2d", x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, path)


def _avg_pool_layer(trace, path, m, x):
    return pool(trace, 2, "AvgPool2d", x, m.kernel_size, m.stride, m.padding, 1, m.ceil_mode, path)


def _adaptive_pool_layer(trace, path, m, x):
    return adaptive_pool(trace, 2, type(m).__name__, x, m.output_size, path)


LAYER_RULES: dict[type[nn.Module], Callable] = {
    nn.Conv1d: _conv_layer(1),
    nn.Conv2d: _conv_layer(2),
    nn.Conv3d: _conv_layer(3),
    nn.Linear: _linear_layer,
    nn.MaxPool2d: _max_pool_layer,
    nn.AvgPool2d: _avg_pool_layer,
    nn.AdaptiveAvgPool2d: _adaptive_pool_layer,
    nn.AdaptiveMaxPool2d: _adaptive_pool_layer,
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm), _norm_layer),
    **dict.fromkeys(
        (
            nn.ReLU,
            nn.ReLU6,
            nn.Hardswish,
            nn.Hardsigmoid,
            nn.Sigmoid,
            nn.SiLU,
            nn.GELU,
            nn.Softmax,
            nn.LogSoftmax,
        ),
        _activation_layer,
    ),
    **dict.fromkeys((nn.Identity, nn.Dropout, nn.Dropout2d), _same_layer),
}
