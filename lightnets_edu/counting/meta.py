"""PyTorch itself, asked about shapes: what a call without a rule gives, and what it costs.

PyTorch can run its functions on the meta device, where tensors have shapes and types and no numbers. So a call that no
rule knows is made there, with all of torch's own arguments, overloads and error messages, while `Kernels` watches which
products the kernels below it compute (`lightnets_edu.counting.aten`).

`Kernels` also sees what a forward computes of real tensors alone, such as a position table of its parameters: this is
computed for real, so that the forward can branch on it, and counted. What such a kernel would overwrite of the model is
kept, and put back when the count ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from math import prod
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.autograd.grad_mode import _unsafe_preserve_version_counter
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from lightnets_edu.counting.aten import Product, product_of
from lightnets_edu.counting.shapes import ShapeTensor, UnsupportedOperationError
from lightnets_edu.counting.trace import Trace, storage_of

# Kernels that only look at the same numbers in another way, though torch does not say so.
_VIEWS = {"_unsafe_view", "_reshape_alias", "lift_fresh", "detach", "alias"}
# Kernels that change operands without saying so: their running statistics.
_STATISTICS = {"native_batch_norm": (3, 4), "cudnn_batch_norm": (3, 4), "miopen_batch_norm": (3, 4)}
# Operations that read of their first operand of numbers only what others, of indices, say.
_LOOKUPS = {"embedding", "embedding_bag", "getitem", "index", "index_select", "gather", "take", "take_along_dim"}
# What to do about a refusal, by the operation.
_HINTS = {
    "_nested_tensor_from_mask_left_aligned": "in evaluation, nn.TransformerEncoder leaves out the places that its "
    "padding mask hides, and how many these are depends on the mask's values; built with enable_nested_tensor=False, "
    "or after torch.backends.mha.set_fastpath_enabled(False), it computes all places, and these can be counted"
}
# The group of a row, by words in the operation's name; see `LayerCount`.
_GROUPS = (
    ("normalization", ("norm",)),
    ("pooling", ("pool", "mean", "sum", "var", "std", "max", "min", "interpolate", "upsample", "unfold", "fold")),
    ("activation", ("elu", "sigmoid", "softplus", "softmax", "softmin", "tanh", "swish", "gelu", "mish", "shrink")),
)


class _UnknownTensors(TorchFunctionMode):
    """Sends calls with a real tensor into which something of the input was written where calls with shapes go."""

    def __init__(self, kernels: Kernels) -> None:
        super().__init__()
        self.kernels = kernels

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func.__name__ == "__get__" or self.kernels.know(args, kwargs):
            return func(*args, **(kwargs or {}))
        return self.kernels.ask(func, func.__name__, args, kwargs or {})


class Kernels(TorchDispatchMode):
    """Watches the kernels that run during one count.

    Attributes:
        trace: Where rows are written.
        unknown: Real tensors into which something of the input was written, so that nobody knows their values: by their
            storages the tensor, whether it learns, and what made it.
    """

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace
        self.unknown: dict[int, tuple[Tensor, bool, int]] = {}
        self._asking = False
        self._products: list[Product] = []
        self._works = False
        self._made: dict[int, torch.UntypedStorage] = {}
        self._kept: dict[int, tuple[Tensor, Tensor, AbstractContextManager]] = {}
        self._random: Tensor | None = None
        self._following = ExitStack()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run one kernel and note what it did."""
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if self._asking:
            result = func(*args, **kwargs)
            if product := product_of(name, args, result):
                self._products.append(product)
            self._works = self._works or not (func.is_view or name in _VIEWS)
            return result
        self._keep_what_changes(func, name, args, kwargs)
        inputs = _tensors((args, kwargs))
        given = {storage_of(tensor) for tensor in inputs}  # so a result is a view of what was there
        result = func(*args, **kwargs)
        tensors = _tensors(result)
        for tensor in tensors:
            if (storage := storage_of(tensor)) not in given:
                self._made[storage] = tensor.untyped_storage()
        if product := product_of(name, args, result):
            self._write(product)
            self.trace.remember(None)
        elif self.trace.unmet and tensors and not (func.is_view or name in _VIEWS):
            self._write_first_use(name, inputs, tensors[0])
        return result

    # ---- Real tensors ----------------------------------------------------------------------------------------------

    def _keep_what_changes(self, func: Any, name: str, args: tuple, kwargs: dict) -> None:
        """Keep a copy of what a kernel overwrites, unless this count has made it."""
        for place, argument in enumerate(func._schema.arguments):
            writes = argument.alias_info is not None and argument.alias_info.is_write
            if writes or place in _STATISTICS.get(name, ()):
                for tensor in _tensors(args[place] if place < len(args) else kwargs.get(argument.name)):
                    storage = storage_of(tensor)
                    if storage not in self._made and storage not in self._kept:
                        self._kept[storage] = (
                            tensor,
                            tensor.detach().clone(),
                            _unsafe_preserve_version_counter(tensor),
                        )
        if self._random is None and torch.Tag.nondeterministic_seeded in func.tags:
            self._random = torch.get_rng_state()

    def restore(self) -> None:
        """Put back what was overwritten."""
        for tensor, copy, version in self._kept.values():
            with version:  # nobody shall see that it was written
                tensor.detach().copy_(copy)
        if self._random is not None:
            torch.set_rng_state(self._random)

    def _write(self, product: Product, of: dict[int, Any] | None = None, also: Iterable[Any] = ()) -> None:
        """A row for a product.

        Args:
            product: What a kernel computed.
            of: The operands of a question, by the storages of their stand-ins.
            also: Tensors whose parameters are met here too.
        """
        trace = self.trace
        tensors = (*product.operands, *product.others)
        met = [*((of or {}).get(storage_of(tensor), tensor) for tensor in tensors), *also]
        params = sum(trace.meet(tensor) for tensor in met if type(tensor) is not ShapeTensor)
        gradients = sum(tensor.requires_grad for tensor in product.operands) if torch.is_grad_enabled() else 0
        trace.add(
            product.kind,
            product.group,
            product.operands[0].shape,
            product.result.shape,
            params,
            sum(tensor.numel() for tensor in tensors),
            macs=product.macs,
            backward_macs=product.macs * gradients,
            kernel_size=product.kernel_size,
            groups=product.groups,
            bias_elements=product.result.numel() if product.others else 0,
        )

    def _write_first_use(self, name: str, inputs: list[Tensor], result: Tensor) -> None:
        """A row for a kernel that reads a parameter for the first time: so each stands in one row."""
        params = sum(self.trace.meet(tensor) for tensor in inputs)
        if params:
            self._write_operation(name, inputs, result.shape, params)

    def _write_operation(self, name: str, inputs: Sequence[Any], shape: torch.Size, params: int) -> None:
        """A row for what multiplies nothing."""
        name = name.strip("_")
        read = elements_read(name, inputs, shape)
        self.trace.add(name, group_of(name), inputs[0].shape, shape, params, read)

    # ---- Questions -------------------------------------------------------------------------------------------------

    def ask(
        self, function: Callable, name: str, args: tuple, kwargs: dict, known: dict[int, Tensor] | None = None
    ) -> Any:
        """Make a call on the meta device and write what it costs.

        Args:
            function: One of torch's functions or methods.
            name: Its name, for the row.
            args: Its arguments, with `ShapeTensor` and real tensors among them.
            kwargs: Likewise.
            known: Parameters by the storages of meta tensors that stand for them already.

        Returns:
            What the function returns, with a `ShapeTensor` for each tensor.

        Raises:
            ValueError: If PyTorch refuses; with its reason.
            UnsupportedOperationError: If the result's shape depends on values.
        """
        args, kwargs = _with_known_places(name, args, kwargs)
        stands = _StandIns(self)
        with self._aside():
            fresh_args, fresh_kwargs = stands.of(args), stands.of(kwargs)
        stands.note_versions()
        self._products, self._works, self._asking = [], False, True
        try:
            result = function(*fresh_args, **fresh_kwargs)
        except (NotImplementedError, UnsupportedOperationError) as error:
            raise UnsupportedOperationError(_values_needed(name, error)) from error
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if "meta" in str(error).lower():
                raise UnsupportedOperationError(_values_needed(name, error)) from error
            raise ValueError(f"torch refuses {name!r}: {_first_line(error)}") from error
        finally:
            self._asking = False
        made_by = self._write_answer(name, stands, result, known)
        stands.follow_changes(made_by)
        return stands.back(result, made_by)

    def _write_answer(self, name: str, stands: _StandIns, result: Any, known: dict | None) -> int:
        """The rows; returns their place in the history."""
        products, self._products = self._products, []
        for place, product in enumerate(products, 1):
            also = stands.originals if place == len(products) else ()  # a bias that is added afterwards
            kind = name.strip("_") if len(products) == 1 else product.kind
            self._write(product._replace(kind=kind), stands.by_storage | (known or {}), also)
        if products:
            pass
        elif self._works and (made := _tensors(result)):
            params = sum(self.trace.meet(tensor) for tensor in stands.originals if type(tensor) is not ShapeTensor)
            self._write_operation(name, stands.originals or made[:1], made[0].shape, params)
        return self.trace.remember(tuple(stands.sources))

    @contextmanager
    def _aside(self) -> Iterator[None]:
        self._asking = True
        try:
            yield
        finally:
            self._asking = False

    def know(self, *values: Any) -> bool:
        """Whether no real tensor among these holds something that depends on the input."""
        return not self.unknown or all(storage_of(tensor) not in self.unknown for tensor in _tensors(values))

    def lose(self, tensor: Tensor, learns: bool, made_by: int) -> None:
        """Note that something of the input was written into a real tensor."""
        if not self.unknown:
            self._following.enter_context(_UnknownTensors(self))
        self.unknown[storage_of(tensor)] = (tensor, learns, made_by)

    def __exit__(self, *error: Any) -> None:
        """Stop watching."""
        self._following.close()
        super().__exit__(*error)


class _StandIns:
    """The meta tensors that stand for the tensors of one question."""

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels
        self.originals: list[Any] = []
        self.sources: list[int] = []
        self.metas: list[Tensor] = []
        self.by_storage: dict[int, Any] = {}
        self._of: dict[int, Tensor] = {}
        self._versions: list[int] = []

    def of(self, value: Any) -> Any:
        """The value with stand-ins for tensors, in lists, tuples and dicts too."""
        kind = type(value)
        if kind is ShapeTensor or isinstance(value, Tensor):
            return self._stand_in(value)
        if kind is slice:
            return slice(self.of(value.start), self.of(value.stop), self.of(value.step))
        if isinstance(value, (list, tuple)) and kind is not torch.Size:
            parts = [self.of(part) for part in value]
            return parts if kind is list else kind(*parts) if hasattr(value, "_fields") else kind(parts)
        if kind is dict:
            return {key: self.of(part) for key, part in value.items()}
        return value

    def _stand_in(self, value: Any) -> Tensor:
        if (known := self._of.get(id(value))) is not None:
            return known
        learns, made_by = value.requires_grad, getattr(value, "made_by", -1)
        if _is_real(value):
            storage_of(value)  # refuses what is sparse
        if type(value) is not ShapeTensor and self.kernels.unknown:
            _, learns, made_by = self.kernels.unknown.get(storage_of(value), (value, learns, -1))
        self.sources.append(made_by)
        if type(value) is ShapeTensor:
            meta = torch.empty(value.shape, dtype=value.dtype, device="meta", requires_grad=learns)
        else:
            meta = torch.empty_strided(
                value.shape, value.stride(), dtype=value.dtype, device="meta", requires_grad=learns
            )
        if learns and torch.is_grad_enabled():
            meta = meta.clone()  # no leaf, so that it may be changed in place
        self._of[id(value)] = meta
        self.originals.append(value)
        self.metas.append(meta)
        self.by_storage[storage_of(meta)] = value
        return meta

    def note_versions(self) -> None:
        """Remember how often each stand-in was changed so far."""
        self._versions = [meta._version for meta in self.metas]

    def follow_changes(self, made_by: int) -> None:
        """Do to the originals what was done to their stand-ins."""
        for original, meta, version in zip(self.originals, self.metas, self._versions, strict=True):
            if type(original) is ShapeTensor:
                if meta._version != version or meta.shape != original.shape:
                    original.shape, original.requires_grad = meta.shape, meta.requires_grad
                    original.made_by = made_by if meta.requires_grad else -1
            elif meta._version != version:
                self.kernels.lose(original, meta.requires_grad, made_by)

    def back(self, value: Any, made_by: int) -> Any:
        """A result with a `ShapeTensor`, or the original, for each meta tensor."""
        if isinstance(value, Tensor):
            for original, meta in zip(self.originals, self.metas, strict=True):
                if meta is value:
                    return original
            learns = value.requires_grad
            return ShapeTensor(value.shape, self.kernels.trace, learns, value.dtype, made_by if learns else -1)
        if isinstance(value, (list, tuple)) and type(value) is not torch.Size:
            parts = [self.back(part, made_by) for part in value]
            if type(value) in (list, tuple):
                return type(value)(parts)
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if type(value) is dict:
            return {key: self.back(part, made_by) for key, part in value.items()}
        return value


def _with_known_places(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple, dict]:
    """The arguments with the shape told where it depends on values of real tensors, which are known."""
    second = args[1] if len(args) > 1 else None
    if name in ("__getitem__", "__setitem__"):
        places: list[Any] = []
        for each in second if isinstance(second, tuple) else (second,):
            is_mask = _is_real(each) and each.dtype == torch.bool
            places.extend(each.nonzero(as_tuple=True) if is_mask else (each,))
        return (args[0], tuple(places), *args[2:]), kwargs
    if name == "repeat_interleave":
        repeats = kwargs.get("repeats", second)
        if _is_real(repeats) and "output_size" not in kwargs:
            return args, {**kwargs, "output_size": int(repeats.sum())}
    if name == "tensor_split" and _is_real(second):
        return (args[0], tuple(second.tolist()) if second.dim() else int(second), *args[2:]), kwargs
    if name == "narrow" and len(args) > 2 and _is_real(args[2]):
        return (*args[:2], int(args[2]), *args[3:]), kwargs
    return args, kwargs


def group_of(name: str) -> str:
    """The group of an operation that multiplies nothing."""
    return next((group for group, words in _GROUPS if any(word in name for word in words)), "elementwise")


def elements_read(name: str, inputs: Sequence[Any], shape: Sequence[int]) -> int:
    """Elements of the operands that an operation reads, each once.

    A lookup reads of its table an element for each of the result's, and a bag of rows one for each column of the rows
    that its indices name; so both read the whole table at most.

    Args:
        name: Torch's name of the operation, or that of its kernel.
        inputs: The operands: tensors and shapes of tensors.
        shape: The result's shape.
    """
    sizes = [prod(operand.shape) for operand in inputs]
    if name not in _LOOKUPS or len(inputs) < 2:
        return sum(sizes)
    table = next((place for place, operand in enumerate(inputs) if operand.dtype.is_floating_point), 0)
    indices = sizes[1 if table == 0 else 0]
    looked_up = indices * shape[-1] if name == "embedding_bag" else prod(shape)
    return sum(sizes) - sizes[table] + min(sizes[table], looked_up)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [tensor for part in value for tensor in _tensors(part)]
    if isinstance(value, dict):
        return _tensors(list(value.values()))
    return []


def _is_real(value: Any) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and type(value) is not ShapeTensor


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _values_needed(name: str, error: BaseException) -> str:
    if isinstance(error, UnsupportedOperationError):
        return str(error)
    if name in _HINTS:
        return f"{_HINTS[name]} ({name!r})"
    return (
        f"{name!r} depends on the values of a tensor, or PyTorch cannot run it on shapes; a count by shapes has no "
        f"values, so it cannot follow. PyTorch says: {_first_line(error).partition('. ')[0]}"
    )
