"""How long should it take? A ladder of predictors, each rung a little closer to the clock.

1. ``flops``: all multiply-accumulates at the machine's peak.
2. ``roofline``: each operation at the peak or at the bandwidth, whichever takes longer (Williams, Waterman, Patterson
   2009, "Roofline"), and a fixed overhead.
3. ``classes``: the same, each class of operation at the part of the peak that it usually reaches.
4. ``microbenchmarks``: each operation like the most similar ones that were timed, corrected for what random chains of
   layers take beyond the sum of their parts.

All numbers come from a `DeviceProfile`; none is fitted to a network. Predicted is a forward pass for inference, in
eager mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from torch import nn

from lightnets_edu.checks import one_of
from lightnets_edu.timing.operations import CONVOLUTIONS, KINDS, Operation, operations
from lightnets_edu.timing.profile import ChainTiming, DeviceProfile


@dataclass(frozen=True)
class LayerSeconds:
    """The prediction for one operation.

    Attributes:
        path: The module that runs it.
        name: PyTorch's name of it.
        kind: Its class, one of ``KINDS``.
        macs: Its multiply-accumulates.
        seconds: The prediction.
    """

    path: str
    name: str
    kind: str
    macs: int
    seconds: float


@dataclass(frozen=True)
class Prediction:
    """How long a forward pass should take.

    Attributes:
        seconds: The time of the whole pass.
        by_layer: The operations, in order. On the CPU they add up to ``seconds``; on a GPU, where Python issues work
            while the GPU computes, they are the GPU's part, and a pass takes at least as long as the issuing.
        rung: The rung of the ladder.
    """

    seconds: float
    by_layer: tuple[LayerSeconds, ...]
    rung: str

    def by_kind(self) -> dict[str, float]:
        """Seconds of each class of operation, the most first."""
        total: dict[str, float] = {}
        for layer in self.by_layer:
            total[layer.kind] = total.get(layer.kind, 0.0) + layer.seconds
        return dict(sorted(total.items(), key=lambda item: -item[1]))


def predict(
    model: nn.Module, input_size: Sequence[int], profile: DeviceProfile, *, rung: str = "microbenchmarks"
) -> Prediction:
    """Predict the seconds of a forward pass for inference on the machine of a profile.

    The model is not run, so this works for a machine that is not at hand, too.

    Args:
        model: The network.
        input_size: (N, C, H, W).
        profile: Of the machine.
        rung: One of ``RUNGS``.

    Raises:
        ValueError: If the rung or the input size is not valid.

    Example:
        The first rung is the arithmetic at the machine's peak and nothing else:

        >>> from lightnets_edu.models import get_model
        >>> from lightnets_edu.records import recorded_file
        >>> profile = DeviceProfile.load(recorded_file("cpu", "profile"))
        >>> lowest = predict(get_model("mobilenet_v1").eval(), (1, 3, 224, 224), profile, rung="flops")
        >>> round(lowest.seconds * profile.peak_macs)
        568740352
    """
    one_of("rung", rung, RUNGS)
    return predict_operations(operations(model, input_size), profile, rung=rung)


def predict_operations(ops: Sequence[Operation], profile: DeviceProfile, *, rung: str) -> Prediction:
    """`predict` for operations already found with ``operations``."""
    one_of("rung", rung, RUNGS)
    fitted = predictor(rung, profile)
    seconds = fitted.seconds(ops)
    rows = (LayerSeconds(op.path, op.name, op.kind, op.macs, float(s)) for op, s in zip(ops, seconds, strict=True))
    return Prediction(float(fitted.total(seconds)), tuple(rows), rung)


@lru_cache(maxsize=8)
def predictor(rung: str, profile: DeviceProfile) -> Flops:
    """The rung fitted to a profile, once for each."""
    return RUNGS[rung](profile)


# --- The rungs ------------------------------------------------------------------------------------------------------


class Flops:
    """Every multiply-accumulate takes the same time; nothing else takes any."""

    def __init__(self, profile: DeviceProfile) -> None:
        self.profile = profile

    def seconds(self, ops: Sequence[Operation]) -> np.ndarray:
        """Seconds of each operation, ``[operations]``."""
        return np.array([op.macs / self.profile.peak_macs for op in ops])

    def total(self, seconds: np.ndarray) -> float:
        """Seconds of the pass, from those of its operations."""
        return float(seconds.sum())


class Roofline(Flops):
    """An operation is bound by arithmetic or by memory, and each has a fixed overhead."""

    def seconds(self, ops: Sequence[Operation]) -> np.ndarray:
        """Seconds of each operation, ``[operations]``."""
        profile = self.profile
        limits = [max(op.macs / profile.peak_macs, profile.bytes(op) / profile.bandwidth) for op in ops]
        return np.array(limits) + profile.overhead


class Classes(Flops):
    """Each class of operation reaches its own part of the peak, or of the bandwidth."""

    def seconds(self, ops: Sequence[Operation]) -> np.ndarray:
        """Seconds of each operation, ``[operations]``."""
        profile = self.profile
        efficiency = profile.efficiency
        times = [profile.ideal_seconds(op) / efficiency.get(op.kind, 1.0) for op in ops]
        return np.array(times) + profile.overhead


class Microbenchmarks(Flops):
    """An operation takes as long as the most similar layers that were timed alone, corrected by the chains of layers.

    Each class has a formula a + b work + c bytes + d weight bytes + e fresh bytes with coefficients from its samples.
    What the formula misses is smooth in the layer's shape, so it is averaged over the nearest samples. Chains then give
    one factor for each class, and one overhead that every operation has.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        super().__init__(profile)
        self._classes = {}
        for kind in KINDS:
            if samples := [sample for sample in profile.samples if sample.operation.kind == kind]:
                seconds = np.array([sample.seconds for sample in samples])
                self._classes[kind] = _Neighbours(profile, [sample.operation for sample in samples], seconds)

    def alone(self, ops: Sequence[Operation]) -> np.ndarray:
        """Seconds of each operation if it ran alone, again and again."""
        result = np.empty(len(ops))
        by_kind: dict[str, list[int]] = {}
        for index, op in enumerate(ops):
            by_kind.setdefault(op.kind, []).append(index)
        for kind, indices in by_kind.items():
            some = [ops[index] for index in indices]
            known = self._classes.get(kind)
            result[indices] = known.seconds(some) if known else Classes(self.profile).seconds(some)
        return result

    @cached_property
    def calibration(self) -> Calibration:
        """What chains of layers take beyond the sum of their layers, fitted once for each profile."""
        return _calibrate(self)

    def seconds(self, ops: Sequence[Operation]) -> np.ndarray:
        """Seconds of each operation, ``[operations]``."""
        chains = self.calibration
        factors = np.array([chains.factors[op.kind] for op in ops])
        weights = np.array([_cold_bytes(op) for op in ops])
        return self.alone(ops) * factors + chains.per_operation + chains.per_weight_byte * weights

    def total(self, seconds: np.ndarray) -> float:
        """Seconds of the pass: a GPU takes as long as its work, or as Python takes to issue it."""
        return max(float(seconds.sum()), self.calibration.issue * len(seconds))


RUNGS: dict[str, type[Flops]] = {
    "flops": Flops,
    "roofline": Roofline,
    "classes": Classes,
    "microbenchmarks": Microbenchmarks,
}


# --- Fits -----------------------------------------------------------------------------------------------------------

FRESH = 2**25  # glibc takes blocks above 32 MiB from the system, which clears every page; smaller ones are reused
NEIGHBOURS = 6
UNBLOCKED, FAR = ("Conv", "FusedConv"), 5.0  # lightnets_edu.deployment.graph's names; a distance between layers
PULL = 0.05  # of a class's factor towards 1, as a part of the weight of all chains


class _Neighbours:
    """A linear formula and its nearest-neighbour corrections for one class."""

    def __init__(self, profile: DeviceProfile, ops: list[Operation], seconds: np.ndarray) -> None:
        self.profile = profile
        self.coefficients = nonnegative_fit(self._terms(ops), seconds)
        self.places = _places(ops)
        self.residuals = np.log(seconds / self._formula(ops))

    def seconds(self, ops: list[Operation]) -> np.ndarray:
        return self._formula(ops) * np.exp(self._correction(_places(ops)))

    def _correction(self, places: np.ndarray) -> np.ndarray:
        squares = ((places[:, None, :] - self.places[None, :, :]) ** 2).sum(-1)
        nearest = np.argsort(squares, axis=1)[:, :NEIGHBOURS]
        weights = 1 / (np.take_along_axis(squares, nearest, 1) + 0.05)
        return (weights * self.residuals[nearest]).sum(1) / weights.sum(1)

    def _formula(self, ops: list[Operation]) -> np.ndarray:
        return self._terms(ops) @ self.coefficients

    def _terms(self, ops: list[Operation]) -> np.ndarray:
        size = self.profile.bytes_per_element
        may_be_fresh = self.profile.device == "cpu" and not self.profile.keeps_memory
        rows = []
        for op in ops:
            written = size * op.written
            fresh = written if may_be_fresh and written > FRESH and not op.name.endswith("_") else 0
            rows.append((1.0, op.work, size * (op.read + op.written), 4 * op.weights, fresh))
        return np.array(rows)


def _places(ops: Sequence[Operation]) -> np.ndarray:
    """Where layers lie: those of similar size and shape lie close. Logarithms of size, traffic and shape."""
    rows = [(op.work, op.read + op.written, op.weights + 1, *op.shape, op.read / op.written) for op in ops]
    places = np.log(np.array(rows, dtype=float) + 1e-9) * 0.5
    # ONNX Runtime has other code for convolutions that do not fit its blocks of channels: they lie far from the others.
    other_code = np.array([[FAR * (op.name in UNBLOCKED)] for op in ops])
    return np.hstack([places, other_code])


def nonnegative_fit(terms: np.ndarray, seconds: np.ndarray, pull: np.ndarray | float = 0.0) -> np.ndarray:
    """Coefficients of at least 0 with the least sum of squared relative errors, by coordinate descent.

    Args:
        terms: ``[samples, coefficients]``.
        seconds: ``[samples]``, all positive.
        pull: Weight of a pull of every coefficient towards 1 (one number, or one each).
    """
    relative = terms / seconds[:, None]
    scale = np.sqrt((relative**2).sum(0))
    scale[scale == 0] = 1.0  # a term that no sample has goes where it is pulled
    relative = relative / scale
    gram = relative.T @ relative + np.diag(pull / scale**2 * np.ones(len(scale)))
    right = relative.sum(0) + pull / scale
    found = np.zeros(len(right))
    for _ in range(5000):
        before = found.copy()
        for j in range(len(found)):
            if gram[j, j] > 0:
                found[j] = max(0.0, found[j] + (right[j] - gram[j] @ found) / gram[j, j])
        if np.abs(found - before).max() <= 1e-10 * np.abs(found).max():
            break
    return found / scale


@dataclass(frozen=True)
class Calibration:
    """What chains of layers take beyond the sum of their layers alone.

    Attributes:
        factors: For each class, by what its seconds alone are to be multiplied.
        per_operation: Seconds for each operation: calling a module, making a map.
        per_weight_byte: Seconds for each byte of a convolution's weights: in a network they are not in the cache.
            (Those of a linear layer are not when it runs alone, either: they are too large.)
        issue: On a GPU, seconds that Python needs to issue an operation; 0 where computing waits for Python anyway.
    """

    factors: dict[str, float]
    per_operation: float
    per_weight_byte: float
    issue: float = 0.0


def _cold_bytes(operation: Operation) -> int:
    """Bytes of weights that are in the cache when a layer runs alone, and are not when it runs in a network."""
    return 4 * operation.weights if operation.kind in CONVOLUTIONS else 0


def _calibrate(predictor: Microbenchmarks) -> Calibration:
    """Fit the chains of a profile to the seconds that their layers take alone."""
    chains: Sequence[ChainTiming] = predictor.profile.chains
    issue = 0.0
    if predictor.profile.device != "cpu":
        issue, chains = _issue_bound(predictor, chains)
    if not chains:
        return Calibration(dict.fromkeys(KINDS, 1.0), 0.0, 0.0, issue)
    terms = np.zeros((len(chains), len(KINDS) + 2))
    for row, chain in zip(terms, chains, strict=True):
        for op, seconds in zip(chain.operations, predictor.alone(chain.operations), strict=True):
            row[KINDS.index(op.kind)] += seconds
        row[-2] = len(chain.operations)
        row[-1] = sum(map(_cold_bytes, chain.operations))
    # Chains are few, and say little about each rare class: its factor stays near 1. The other two are free.
    pull = np.array([PULL * len(chains)] * len(KINDS) + [0.0, 0.0])
    *factors, per_operation, per_byte = nonnegative_fit(terms, np.array([chain.seconds for chain in chains]), pull)
    known = dict(zip(KINDS, map(float, factors), strict=True))
    return Calibration(known, float(per_operation), float(per_byte), issue)


def _issue_bound(predictor: Microbenchmarks, chains: Sequence[ChainTiming]) -> tuple[float, list[ChainTiming]]:
    """Seconds to issue an operation, from the chains in which the GPU waits for Python; and the other chains."""
    waiting = [chain for chain in chains if chain.seconds > 1.5 * predictor.alone(chain.operations).sum()]
    issue = float(np.median([chain.seconds / len(chain.operations) for chain in waiting])) if waiting else 0.0
    return issue, [chain for chain in chains if chain not in waiting]
