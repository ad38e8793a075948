"""Operations that move numbers: joins, which write them again, and views, which cost nothing and leave no row."""

from __future__ import annotations

from math import prod

import torch

from lightnets_edu.counting.rules.sizes import arguments, named_axes, with_axis, with_sizes
from lightnets_edu.counting.shapes import ShapeTensor, rule
from lightnets_edu.counting.trace import Trace

# ---- Written again -------------------------------------------------------------------------------------------------


@rule("cat", "concat", "concatenate")
def cat(trace: Trace, tensors, dim=0, **kwargs) -> ShapeTensor:
    """Join along an axis: all is read and written once."""
    dim %= len(tensors[0].shape)
    if len({(*t.shape[:dim], *t.shape[dim + 1 :]) for t in tensors}) > 1:
        raise ValueError(
            f"cat along dimension {dim} of shapes {[tuple(t.shape) for t in tensors]}: the other sizes differ"
        )
    shape = with_sizes(tensors[0].shape, dim, sum(t.shape[dim] for t in tensors))
    return trace.record("cat", "elementwise", tuple(tensors), shape)


@rule("stack")
def stack(trace: Trace, tensors, dim=0) -> ShapeTensor:
    """Join along a new axis."""
    return trace.record("stack", "elementwise", tuple(tensors), with_axis(tensors[0].shape, dim, len(tensors)))


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


# ---- Another shape -------------------------------------------------------------------------------------------------


@rule(
    *"dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout feature_alpha_dropout".split(),
    *"contiguous to float half bfloat16 double type type_as detach requires_grad view_as_real".split(),
    *"channels_last cpu cuda data".split(),
)
def unchanged(trace: Trace, x, *args, **kwargs) -> ShapeTensor:
    """What inference leaves alone: dropout, layout and type changes."""
    return x


@rule("view", "reshape")
def view(trace: Trace, x, *shape, **kwargs) -> ShapeTensor:
    """Another shape of as many elements; one size may be -1."""
    if shape and isinstance(shape[0], torch.dtype):
        return x
    sizes = list(arguments(shape))
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
    return view(trace, x, *with_sizes(x.shape, dim, *sizes))


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
    return x.like(tuple(x.shape[d] for d in arguments(dims)))


@rule("unsqueeze")
def unsqueeze(trace: Trace, x, dim) -> ShapeTensor:
    """A new axis of size 1."""
    return x.like(with_axis(x.shape, dim, 1))


@rule("squeeze")
def squeeze(trace: Trace, x, dim=None) -> ShapeTensor:
    """Without the axes of size 1 (all, or those named)."""
    named = named_axes(x.shape, dim)
    return x.like(tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in named))


@rule("expand", "broadcast_to")
def expand(trace: Trace, x, *shape) -> ShapeTensor:
    """Repeat axes of size 1 without copying; -1 keeps a size."""
    shape = arguments(shape)
    old = (1,) * (len(shape) - len(x.shape)) + tuple(x.shape)
    return x.like(tuple(m if n == -1 else n for n, m in zip(shape, old, strict=True)))


@rule("expand_as")
def expand_as(trace: Trace, x, other) -> ShapeTensor:
    """Repeat axes of size 1 to another's shape."""
    return expand(trace, x, *other.shape)


# ---- Parts ---------------------------------------------------------------------------------------------------------


@rule("split", "split_with_sizes")
def split(trace: Trace, x, sizes, dim=0) -> tuple[ShapeTensor, ...]:
    """Pieces of a given size, or of given sizes."""
    total = x.shape[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, total - start) for start in range(0, total, sizes)]
    if sum(sizes) != total:
        raise ValueError(f"split into {list(sizes)}, which is {sum(sizes)} and not the {total} of dimension {dim}")
    return tuple([x.like(with_sizes(x.shape, dim, size)) for size in sizes])


@rule("chunk", "tensor_split")
def chunk(trace: Trace, x, chunks, dim=0) -> tuple[ShapeTensor, ...]:
    """So many pieces, the last perhaps smaller."""
    return split(trace, x, -(-x.shape[dim] // chunks), dim)


@rule("unbind")
def unbind(trace: Trace, x, dim=0) -> tuple[ShapeTensor, ...]:
    """One piece for each place of an axis."""
    return tuple(x.like(with_sizes(x.shape, dim)) for _ in range(x.shape[dim]))


@rule("narrow")
def narrow(trace: Trace, x, dim, start, length) -> ShapeTensor:
    """A range of one axis."""
    return x.like(with_sizes(x.shape, dim, length))


@rule("select")
def select(trace: Trace, x, dim, index) -> ShapeTensor:
    """One place of an axis."""
    return x.like(with_sizes(x.shape, dim))


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
