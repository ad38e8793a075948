"""Could some maps of a trained network be ghosts of others? Those that can are replaced, and its answers compared.

GhostNet (Han et al. 2020, arXiv:1911.11907) makes a part of each layer's maps from the others by small depthwise
kernels, and trains the network so. Here a network that was trained without ghosts is asked how many it has all the
same: which maps a kernel makes best from another map, and what becomes of the answers when it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from lightnets_edu.checks import one_of, real_number, whole_number
from lightnets_edu.features.capture import capture, evaluation_mode
from lightnets_edu.features.least_squares import Halves, solve, squared_deviation
from lightnets_edu.features.maps import checked_maps
from lightnets_edu.features.redundancy import Redundancy, redundancy, shuffled_pixels

CHOICES = ("best", "random", "mean")


@dataclass(frozen=True, eq=False)
class Ghosts:
    """Maps of one layer that are made from other maps of it.

    Attributes:
        targets: int64 ``[G]``, channels that are replaced; none of them is a source.
        sources: int64 ``[G]``, the channel from which each is made.
        kernels: ``[G, 1, d, d]``, as ``torch.nn.functional.conv2d`` takes them.
        biases: ``[G]``.
        r2: ``[G]``, on the images on which the kernels were fitted; see `redundancy` for others.
    """

    targets: Tensor
    sources: Tensor
    kernels: Tensor
    biases: Tensor
    r2: Tensor

    def apply(self, maps: Tensor) -> Tensor:
        """``[N, C, H, W] -> [N, C, H, W]``: a copy in which the targets are made from their sources."""
        kernels, biases = self.kernels.to(maps), self.biases.to(maps)
        made = F.conv2d(maps[:, self.sources], kernels, biases, padding=kernels.shape[-1] // 2, groups=len(kernels))
        return maps.index_copy(1, self.targets.to(maps.device), made)

    def first(self, count: int) -> Ghosts:
        """The first so many of them: what `find_ghosts` would have given for a smaller share."""
        count = whole_number("count", count, 1, len(self.targets))
        return Ghosts(*(getattr(self, field.name)[:count] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Answers:
    """A network's answers to some images, before and after a change.

    Attributes:
        before: ``[N, classes]``, probabilities.
        after: The same.
    """

    before: Tensor
    after: Tensor

    @property
    def changed(self) -> Tensor:
        """bool ``[N]``: whether the most probable class is another one."""
        return self.before.argmax(1) != self.after.argmax(1)

    @property
    def kept(self) -> Tensor:
        """``[N]``: probability after the change of the class that was most probable before, divided by that before."""
        answer = self.before.argmax(1, keepdim=True)
        return (self.after.gather(1, answer) / self.before.gather(1, answer))[:, 0]


def nonlinearities(model: nn.Module) -> list[str]:
    """Names of the modules that are a ReLU or a ReLU6: what they return, the next convolution sees.

    Raises:
        ValueError: If there are none.
    """
    names = [name for name, module in model.named_modules() if isinstance(module, nn.ReLU | nn.ReLU6)]
    if not names:
        raise ValueError(f"{type(model).__name__} has no ReLU and no ReLU6 as a module: name its layers yourself")
    return names


def redundancy_by_layer(
    model: nn.Module,
    images: Tensor,
    layers: Iterable[str] | None = None,
    *,
    kernel_size: int = 3,
    shuffle: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> dict[str, Redundancy]:
    """`redundancy` of the maps of many layers, which are all kept at once: one pass of the images through the network.

    Args:
        model: Any network.
        images: ``[N, C, H, W]``, normalised; all images of one photograph should be in one half.
        layers: Names as in ``model.named_modules()``; None for all `nonlinearities`.
        kernel_size: As for `redundancy`.
        shuffle: Whether each map's pixels are shuffled before, see `shuffled_pixels`.
        seed: Of the shuffling.
        progress: Whether to show a progress bar.

    Returns:
        Layer to redundancy. Layers of one pixel a map are left out: there a kernel has nothing to do.
    """
    every = capture(model, nonlinearities(model) if layers is None else layers, images)
    found = {}
    for layer, maps in tqdm(every.items(), disable=not progress, leave=False):
        if maps.shape[-1] > 1:
            found[layer] = redundancy(shuffled_pixels(maps, seed) if shuffle else maps, kernel_size)
    return found


def find_ghosts(maps: Tensor, share: float, kernel_size: int = 3, choice: str = "best", seed: int = 0) -> Ghosts:
    """Choose the maps that a kernel makes best from another map, and that kernel.

    All pairs are fitted on the first half of the images and taken in the order of their R². A pair is left out if its
    target is replaced already or is the source of another, or if its source is replaced: so a replaced map is always
    made from one that is still computed, as in a Ghost module.

    Args:
        maps: ``[N, C, H, W]``, at least 2 images.
        share: Part of the channels that is replaced, above 0 and at most 0.5 (a Ghost module with s = 2).
        kernel_size: d, an odd number.
        choice: ``"best"``, as above. Two controls: ``"random"`` takes random pairs, with kernels fitted as before;
            ``"mean"`` takes the targets of "best", but puts their mean in their place instead of any other map.
        seed: Of the random pairs.

    Returns:
        As many ghosts as the share asks for, or all that there are if many channels are dead (constant).

    Raises:
        ValueError: If an argument is not allowed, or no two channels are alive.
    """
    one_of("choice", choice, CHOICES)
    share = real_number("share", share, "above 0 and at most 0.5", (0, 0.5 + 1e-9), open_low=True)
    halves = Halves.of(checked_maps(maps), kernel_size)
    live = halves.live
    if live.sum() < 2:
        raise ValueError(
            f"{int(live.sum())} of {len(live)} channels are alive: a ghost needs a second one as its source"
        )
    wanted = max(1, round(share * len(live)))
    if choice == "random":
        score = torch.rand(len(live), len(live), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    else:
        score = _r2_of_pairs(halves)
    score[~live] = score[:, ~live] = -torch.inf
    pairs = _best_pairs(score.fill_diagonal_(-torch.inf), wanted)
    kernels, biases, r2 = [], [], []
    for source, target in pairs:
        goal = halves.fitted[target : target + 1]
        weights, bias, explained = solve(halves.shifts(halves.fitted[source]), goal)
        if choice == "mean":
            weights, bias, explained = weights * 0, goal.mean(1, keepdim=True), explained * 0
        kernels.append(weights.view(1, kernel_size, kernel_size))
        biases.append(bias.view(()))
        r2.append((explained / squared_deviation(goal)).view(()))
    sources, targets = torch.tensor(pairs).T
    return Ghosts(targets, sources, torch.stack(kernels), torch.stack(biases), torch.stack(r2))


@contextmanager
def replaced(model: nn.Module, ghosts: Mapping[str, Ghosts]) -> Iterator[None]:
    """Inside, the layers return their maps with ghosts in place of the targets; afterwards the network is as before.

    Args:
        model: A network.
        ghosts: Layer, by its name in ``model.named_modules()``, to its ghosts.
    """
    with ExitStack() as hooks:
        for layer, found in ghosts.items():
            module = model.get_submodule(layer)
            hooks.enter_context(module.register_forward_hook(lambda _m, _i, maps, found=found: found.apply(maps)))
        yield


def answers_with_ghosts(
    model: nn.Module,
    ghosts: Mapping[str, Ghosts],
    images: Tensor,
    before: Tensor | None = None,
    batch_size: int = 32,
) -> Answers:
    """What a network answers to images without and with ghosts in some layers.

    Args:
        model: A classifier that returns logits.
        ghosts: As for `replaced`; fitted on other images than these.
        images: ``[N, C, H, W]``, normalised; moved to the network's device batch by batch.
        before: ``[N, classes]``, probabilities without ghosts, if they are known from an earlier call.
        batch_size: Images a batch; it decides memory and time only.

    Returns:
        Probabilities, on the device of the images.
    """
    before = _probabilities(model, images, batch_size) if before is None else before
    with replaced(model, ghosts):
        return Answers(before, _probabilities(model, images, batch_size))


def _probabilities(model: nn.Module, images: Tensor, batch_size: int) -> Tensor:
    device = next((parameter.device for parameter in model.parameters()), images.device)
    with evaluation_mode(model), torch.no_grad():
        batches = images.split(whole_number("batch_size", batch_size, 1))
        return torch.cat([model(batch.to(device)).softmax(1).to(images.device) for batch in batches])


def _r2_of_pairs(halves: Halves) -> Tensor:
    """R² on the fitted half of each (source, target), ``[C, C]``; nan for dead targets."""
    explained = torch.stack([solve(halves.shifts(source), halves.fitted)[2] for source in halves.fitted])
    return explained / squared_deviation(halves.fitted)


def _best_pairs(score: Tensor, count: int) -> list[tuple[int, int]]:
    """(source, target) in falling order of ``score[source, target]``; no target is a source, or a target twice."""
    sources: set[int] = set()
    targets: set[int] = set()
    pairs: list[tuple[int, int]] = []
    channels = len(score)
    order = score.flatten().argsort(descending=True, stable=True)
    possible = int((score > -torch.inf).sum())
    for source, target in (divmod(index, channels) for index in order[:possible].tolist()):
        if len(pairs) == count:
            break
        if source not in targets and target not in targets and target not in sources:
            sources.add(source)
            targets.add(target)
            pairs.append((source, target))
    return pairs
