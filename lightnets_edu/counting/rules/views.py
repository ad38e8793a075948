"""Operations that move numbers: joins, which write them again, and views, which cost nothing and leave no row."""

from __future__ import annotations

from math import prod

from lightnets_edu.counting.shapes import ShapeTensor, rule
from lightnets_edu.counting.trace import Trace


@rule("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
def dropout(trace: Trace, input, p=0.5, training=True, inplace=False) -> ShapeTensor:
    """Nothing in inference, and nothing that counts in training."""
    return input


@rule("contiguous")
def contiguous(trace: Trace, input, memory_format=None) -> ShapeTensor:
    """The same numbers in order."""
    return input


@rule("cat", "concat", "concatenate")
def cat(trace: Trace, tensors, dim=0) -> ShapeTensor:
    """Join along an axis: all is read and written once."""
    first = tensors[0]
    shape = list(first.shape)
    if not -len(shape) <= dim < len(shape) or any(
        t.dtype != first.dtype or len(t.shape) != len(shape) for t in tensors
    ):
        return NotImplemented
    dim %= len(shape)
    others = {(*t.shape[:dim], *t.shape[dim + 1 :]) for t in tensors}
    if len(others) > 1:
        raise ValueError(
            f"cat along dimension {dim} of shapes {[tuple(t.shape) for t in tensors]}: the other sizes differ"
        )
    shape[dim] = sum(t.shape[dim] for t in tensors)
    return trace.record("cat", "elementwise", tuple(tensors), tuple(shape))


@rule("view", "reshape")
def view(trace: Trace, input, *shape) -> ShapeTensor:
    """Another shape of as many elements; one size may be -1."""
    sizes = list(shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape)
    if not all(type(size) is int for size in sizes):
        return NotImplemented
    elements = prod(input.shape)
    if -1 in sizes:
        known = -prod(sizes)
        if known <= 0 or elements % known:
            raise ValueError(f"{tuple(input.shape)} cannot be viewed as {tuple(sizes)}: {elements} elements do not fit")
        sizes[sizes.index(-1)] = elements // known
    if prod(sizes) != elements:
        raise ValueError(
            f"{tuple(input.shape)} cannot be viewed as {tuple(sizes)}: {elements} elements are not {prod(sizes)}"
        )
    return input.like(tuple(sizes))


@rule("flatten")
def flatten(trace: Trace, input, start_dim=0, end_dim=-1) -> ShapeTensor:
    """Merge neighbouring axes."""
    shape = input.shape
    axes = len(shape)
    if not (axes and -axes <= start_dim < axes and -axes <= end_dim < axes and start_dim % axes <= end_dim % axes):
        return NotImplemented
    start, end = start_dim % axes, end_dim % axes
    return input.like((*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


@rule("transpose")
def transpose(trace: Trace, input, dim0, dim1) -> ShapeTensor:
    """Swap two axes."""
    shape = list(input.shape)
    if not isinstance(dim0, int) or not -len(shape) <= min(dim0, dim1) <= max(dim0, dim1) < len(shape):
        return NotImplemented
    shape[dim0], shape[dim1] = shape[dim1], shape[dim0]
    return input.like(tuple(shape))


@rule("permute")
def permute(trace: Trace, input, *dims) -> ShapeTensor:
    """The axes in another order."""
    dims = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    axes = len(input.shape)
    if sorted(d % axes for d in dims) != list(range(axes)):
        return NotImplemented
    return input.like(tuple(input.shape[d] for d in dims))


@rule("chunk")
def chunk(trace: Trace, input, chunks, dim=0) -> tuple[ShapeTensor, ...]:
    """So many pieces, the last perhaps smaller."""
    total = input.shape[dim]
    size = -(-total // chunks)
    shapes = [list(input.shape) for _ in range(0, total, size)]
    for start, shape in zip(range(0, total, size), shapes, strict=True):
        shape[dim] = min(size, total - start)
    return tuple(input.like(tuple(shape)) for shape in shapes)


@rule("getitem")
def getitem(trace: Trace, x, index) -> ShapeTensor:
    """Basic indexing: ints, slices, None and an ellipsis."""
    index = index if isinstance(index, tuple) else (index,)
    if not all(each is None or each is Ellipsis or type(each) is int or type(each) is slice for each in index):
        return NotImplemented
    given = sum(i is not None and i is not Ellipsis for i in index)
    if given > len(x.shape):
        return NotImplemented
    if Ellipsis in index:
        place = index.index(Ellipsis)
        index = index[:place] + (slice(None),) * (len(x.shape) - given) + index[place + 1 :]
    shape, sizes = [], iter(x.shape)
    for each in index:
        if each is None:
            shape.append(1)
        elif type(each) is slice:
            if any(type(bound) not in (int, type(None)) for bound in (each.start, each.stop, each.step)):
                return NotImplemented
            shape.append(len(range(*each.indices(next(sizes)))))
        elif not -(size := next(sizes)) <= each < size:
            raise IndexError(f"index {each} is out of bounds for a dimension of size {size}")
    return x.like((*shape, *sizes))
