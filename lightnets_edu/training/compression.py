"""A trained network in few bytes: shared weights, and a file of them that can be read back.

After Han, Mao, Dally 2016, *Deep Compression* (arXiv:1510.00149): prune, let weights share a few values, code what is
left. Two things are simpler here: the shared values are not trained further, and the last step is zlib, whose Huffman
codes are made for the file at hand as theirs are.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lightnets_edu.checks import real_number, whole_number

MOST_BITS = 8  # a code is one byte before it is packed
DISTANCE_BITS = 4  # to the next weight that is not zero; up to 16 places
LEVEL = 9  # zlib tries hardest


@dataclass(frozen=True)
class SharedWeights:
    """A tensor whose elements are places in a table of a few values.

    Attributes:
        codes: uint8, in the tensor's shape; 0 stands for a weight that is exactly zero.
        values: float32 [2**bits], the table; ``values[0]`` is 0.
    """

    codes: Tensor
    values: Tensor

    @property
    def weight(self) -> Tensor:
        """The tensor that a network uses."""
        return self.values[self.codes.long()]


@dataclass(frozen=True)
class StoredSize:
    """The bytes of a network's weights, stored in several ways.

    Attributes:
        weights: Elements of weight tensors, of convolutions and linear layers.
        kept: Those that are not zero.
        fixed_bytes: Deep Compression before its Huffman step: for each kept weight its code and the distance from the
            one before it; a distance that is too long needs a filler.
        entropy_bytes: What no code of single weights falls below: weights times their entropy. Optimistic, because a
            code needs whole bits.
        table_bytes: The tables of shared values, to be added to both.
        other_bytes: Biases and batch norms' parameters as float32, to be added to both.
    """

    weights: int
    kept: int
    fixed_bytes: float
    entropy_bytes: float
    table_bytes: int
    other_bytes: int


def weight_layers(model: nn.Module) -> list[nn.Module]:
    """The convolutions and linear layers, whose weights are pruned."""
    return [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


def prune_smallest(model: nn.Module, part: float) -> None:
    """Set the weights of the smallest magnitude to zero, in all convolutions and linear layers together.

    Masks keep them at zero when the training goes on, until `keep_zeros` (Deep Compression, section 2).

    Args:
        model: Changed in place, on a copy in torch's usual memory order.
        part: Of all weights, from 0 to below 1; biases are not pruned.

    Raises:
        ValueError: If the part is not allowed.
    """
    real_number("part", part, "the part of the weights that become zero, at least 0 and below 1", (0, 1))
    model.to(memory_format=torch.contiguous_format)  # the masks are made in this order
    layers = [(layer, "weight") for layer in weight_layers(model)]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=float(part))


def keep_zeros(model: nn.Module) -> None:
    """Make the zeros of `prune_smallest` permanent: its masks go, and the weights are ordinary parameters again."""
    for layer in weight_layers(model):
        prune.remove(layer, "weight")


def fold_batch_norms(model: nn.Module) -> None:
    """Put every batch norm that follows a convolution in a ``Sequential`` into the convolution's weight and bias.

    In evaluation a batch norm multiplies each channel by a number and adds one, and a convolution can do both itself.
    Zeros stay zeros.

    Args:
        model: Changed in place, and set to evaluation mode.
    """
    model.eval()
    for module in list(model.modules()):
        if isinstance(module, nn.Sequential):
            for place in range(len(module) - 1):
                layer, norm = module[place], module[place + 1]
                if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    module[place], module[place + 1] = fuse_conv_bn_eval(layer, norm), nn.Identity()


def share_weights(weight: Tensor, bits: int, *, rounds: int = 20) -> SharedWeights:
    """Let the elements that are not zero share 2**bits - 1 values, found by k-means (Deep Compression, section 3).

    Args:
        weight: A float tensor, of any shape.
        bits: From 2 to 8.
        rounds: Steps of k-means, from values at equal distances.

    Raises:
        ValueError: If ``bits`` is not allowed, or the tensor holds infinite values or none at all.
    """
    whole_number("bits", bits, 2, MOST_BITS, why=": a code is stored in a byte, and one code is taken by zero")
    if not weight.numel() or not weight.isfinite().all():
        raise ValueError(f"weights to share should be finite numbers; this tensor has the shape {list(weight.shape)}")
    flat = weight.detach().float().cpu().flatten()
    kept = flat != 0
    some = flat[kept] if kept.any() else flat[:1]
    clusters = 2**bits - 1
    centres = torch.linspace(float(some.min()), float(some.max()), clusters)
    for _ in range(rounds):
        nearest = _nearest(some, centres)
        members = torch.bincount(nearest, minlength=clusters)
        means = torch.bincount(nearest, some, minlength=clusters) / members.clamp(min=1)
        # A value that nobody shares stays where it was, so the centres stay in order.
        centres = torch.where(members > 0, means.float(), centres)
    codes = torch.zeros_like(flat, dtype=torch.uint8)
    codes[kept] = (_nearest(some, centres) + 1).to(torch.uint8)[: int(kept.sum())]
    return SharedWeights(codes.reshape(weight.shape), torch.cat((torch.zeros(1), centres)))


def _nearest(values: Tensor, centres: Tensor) -> Tensor:
    """The place of the nearest centre of each value; centres are in order."""
    return torch.bucketize(values, (centres[1:] + centres[:-1]) / 2)


def pack_weights(model: nn.Module, bits: int) -> bytes:
    """A network's parameters as the content of a small file: shared weights, compressed by zlib.

    Tensors of one dimension (biases) stay float32. Buffers are not stored: the network should have no batch norm.

    Raises:
        ValueError: If ``bits`` is not from 2 to 8, or the network has buffers.
    """
    parts = [bytes([bits])]
    for parameter in _parameters(model):
        if parameter.ndim < 2:
            parts.append(parameter.detach().float().cpu().numpy().tobytes())
        else:
            shared = share_weights(parameter, bits)
            parts += [shared.values.numpy().tobytes(), shared.codes.numpy().tobytes()]
    return zlib.compress(b"".join(parts), LEVEL)


def unpack_weights(packed: bytes, model: nn.Module) -> None:
    """Put the parameters of `pack_weights` into a network of the same structure.

    Raises:
        ValueError: If the file was packed from another network.
    """
    content = bytearray(zlib.decompress(packed))  # torch reads from memory that could be written to
    entries, start = 2 ** content[0], 1
    parameters = list(_parameters(model))
    wanted = 1 + sum(4 * p.numel() if p.ndim < 2 else 4 * entries + p.numel() for p in parameters)
    if len(content) != wanted:
        raise ValueError(f"this network needs {wanted:,} bytes of content and the file holds {len(content):,}")

    def take(kind: torch.dtype, count: int) -> Tensor:
        nonlocal start
        # The parts before may end at an odd byte, so each is copied to a place of its own.
        piece = bytearray(content[start : start + count * kind.itemsize])
        start += len(piece)
        return torch.frombuffer(piece, dtype=kind)

    with torch.no_grad():
        for parameter in parameters:
            if parameter.ndim < 2:
                parameter.copy_(take(torch.float32, parameter.numel()))
            else:
                values = take(torch.float32, entries)
                parameter.copy_(SharedWeights(take(torch.uint8, parameter.numel()), values).weight.view_as(parameter))


def stored_size(model: nn.Module, bits: int) -> StoredSize:
    """The bytes that `pack_weights` would need with other ways of storing its codes.

    Raises:
        ValueError: As for `pack_weights`.
    """
    codes, others = [], 0
    for parameter in _parameters(model):
        if parameter.ndim < 2:
            others += parameter.numel()
        else:
            codes.append(share_weights(parameter, bits).codes.flatten())
    kept = sum(int(tensor.count_nonzero()) for tensor in codes)
    entries = kept + sum(_fillers(tensor) for tensor in codes)
    return StoredSize(
        weights=sum(tensor.numel() for tensor in codes),
        kept=kept,
        fixed_bytes=entries * (bits + DISTANCE_BITS) / 8,
        entropy_bytes=sum(tensor.numel() * entropy(tensor) for tensor in codes) / 8,
        table_bytes=len(codes) * 4 * 2**bits,
        other_bytes=4 * others,
    )


def entropy(codes: Tensor) -> float:
    """Mean bits that an ideal code of single elements needs: -sum p log2 p (Shannon 1948).

    Args:
        codes: Whole numbers from 0, of any shape.
    """
    counts = torch.bincount(codes.flatten().long()).double()
    parts = counts[counts > 0] / counts.sum()
    return float(-(parts * parts.log2()).sum())


def _fillers(codes: Tensor) -> int:
    """Extra zeros to be stored, because DISTANCE_BITS cannot say a longer distance."""
    places = codes.nonzero().flatten()
    before = torch.cat((torch.tensor([-1]), places[:-1])) if len(places) else places
    return int(((places - before - 1) // 2**DISTANCE_BITS).sum())


def _parameters(model: nn.Module) -> Iterator[nn.Parameter]:
    """All parameters, in the order of their names: making pruning permanent puts a layer's weight after its bias."""
    buffers = [name for name, _ in model.named_buffers()]
    if buffers:
        raise ValueError(
            f"the network has buffers, such as {buffers[0]!r}, which would be lost: fold its batch norms into the "
            "convolutions with fold_batch_norms, and make pruning permanent with keep_zeros"
        )
    yield from dict(sorted(model.named_parameters(), key=lambda item: item[0])).values()
