"""Is a network of this book as fast, and as sparing, as the same network elsewhere? ``make bench``, or
``python benchmarks/bench_models.py [--only NAME ...]``.

Each network and its twin in torchvision, timm or pytorchcv run in turns (A B, B A, A B ...), so that a slow moment of
the machine slows both. A time is the CPU time of this process, one thread; a ratio is the median over the turns of our
time by theirs. A pair that looks slower than promised is measured again on fresh copies, and all its turns count.
Memory is that of the tensors, which is the same on every machine. Forward: batch 1 at the network's usual size,
inference mode. Training step: batch 2 of small images, SGD with momentum. About six minutes if the machine is idle.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import timm
import torch
import torchvision
from pytorchcv.model_provider import get_model as pytorchcv_model
from torch import nn

from lightnets_edu import count, get_model
from lightnets_edu.models import default_input_size
from lightnets_edu.timing import Timing, forward_step, keep_memory, measure_memory, paired_ratio, training_step

LIMIT = 1.03  # what is promised of each ratio
TRAINING_BATCH = 2
MIN_TURNS = 4
SECONDS = 1.5  # CPU time of a comparison, at least
ATTEMPTS = 4  # measurements of a pair that looks too slow


Steps = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Twins:
    """A network of the registry, and where the same network is found elsewhere."""

    name: str
    library: str
    other: str
    options: dict[str, Any] = field(default_factory=dict)
    their_options: dict[str, Any] = field(default_factory=dict)
    training_side: int = 96  # pixels

    @property
    def title(self) -> str:
        """The name, with the options that make the two the same."""
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.options.items() if key != "dropout")])


LIBRARIES: dict[str, Callable[..., nn.Module]] = {
    "torchvision": torchvision.models.get_model,
    "timm": timm.create_model,
    "pytorchcv": pytorchcv_model,
}
IN_TORCHVISION = """alexnet squeezenet1_0 squeezenet1_1 resnet50 wide_resnet50_2 wide_resnet101_2 resnext50_32x4d
resnext101_64x4d resnext101_32x8d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0
mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3""".split()
# A RegNet's size in this book's names, and in timm's.
OUR_SIZES = "200mf 400mf 600mf 800mf 1_6gf 3_2gf 4_0gf 6_4gf 8_0gf 12gf 16gf 32gf".split()
THEIR_SIZES = "002 004 006 008 016 032 040 064 080 120 160 320".split()
TWINS = (
    *(Twins(name, "torchvision", name) for name in IN_TORCHVISION),
    Twins("squeezenet1_0", "pytorchcv", "squeezeresnet_v1_0", {"bypass": "simple"}, training_side=224),
    Twins("wide_resnet16_10", "pytorchcv", "wrn16_10_cifar10", training_side=32),
    Twins("wide_resnet28_10", "pytorchcv", "wrn28_10_cifar10", training_side=32),
    Twins("resnext101_32x4d", "timm", "resnext101_32x4d"),
    Twins("mobilenet_v1", "timm", "mobilenetv1_100", {"activation": "relu6"}),
    Twins("shufflenet_v1", "pytorchcv", "shufflenet_g3_w1", training_side=224),
    Twins("se_resnet50", "timm", "legacy_seresnet50", {}, {"drop_rate": 0.0}),
    Twins("se_resnet50", "timm", "seresnet50", {"stride_in": "3x3", "stem_pool": "padded"}),
    Twins("se_resnext50_32x4d", "timm", "seresnext50_32x4d", {"stem_pool": "padded"}),
    Twins("mnasnet_a1", "timm", "semnasnet_100", {"dropout": 0.0}),
    Twins("mnasnet_small", "timm", "mnasnet_small", {"dropout": 0.0}),
    Twins("ghostnet", "timm", "ghostnet_100", {"dropout": 0.0}, {"drop_rate": 0.0}),
    *(
        Twins(f"regnet_x_{ours}", "timm", f"regnetx_{theirs}")
        for ours, theirs in zip(OUR_SIZES, THEIR_SIZES, strict=True)
    ),
)


def fill(network: nn.Module) -> nn.Module:
    """Give a network without storage weights of the usual size, so that no signal dies or overflows on the way."""
    network = network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def build(twins: Twins) -> dict[str, nn.Module]:
    """Both networks, proved to have equally many parameters and MACs."""
    with torch.device("meta"):
        networks = {
            "ours": get_model(twins.name, **twins.options),
            "theirs": LIBRARIES[twins.library](twins.other, **twins.their_options),
        }
    side = default_input_size(twins.name)
    tables = [count(network, (1, 3, side, side)) for network in networks.values()]
    work = [(table.params, table.macs) for table in tables]
    assert work[0] == work[1], f"{twins.title}: {work[0]} parameters and MACs, but {work[1]} in {twins.library}"
    return {name: fill(network) for name, network in networks.items()}


def cpu_seconds(function: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def in_turns(steps: Steps, samples: dict[str, list[float]]) -> None:
    """Add CPU seconds of both steps to the samples; each of the two is first in half of the turns."""
    order = list(steps)
    turns, total = 0, 0.0
    while turns < MIN_TURNS or turns % 2 or total < SECONDS:
        for name in order:
            seconds = cpu_seconds(steps[name])
            samples[name].append(seconds)
            total += seconds
        order.reverse()
        turns += 1


def time_ratio(make_steps: Callable[[], Steps]) -> tuple[float, dict[str, Timing], Steps]:
    """Our time by theirs, the timings, and the steps, which have been run.

    While it looks slower than promised, it is measured again on fresh copies, whose tensors lie elsewhere in memory;
    the turns of all attempts count.
    """
    samples: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(ATTEMPTS):
        steps = make_steps()
        for step in steps.values():
            step()  # the first calls load code and fill caches
        in_turns(steps, samples)
        timings = {name: Timing(tuple(taken), "cpu") for name, taken in samples.items()}
        ratio = paired_ratio(timings["ours"], timings["theirs"])
        if ratio <= LIMIT:
            break
    return ratio, timings, steps


def compare(twins: Twins) -> dict[str, Any]:
    """Times, their ratios and the ratios of peak memory of a network and its twin, forward and training."""
    networks = build(twins)
    side = default_input_size(twins.name)
    tasks = (
        ("forward", forward_step, (1, 3, side, side)),
        ("training", training_step, (TRAINING_BATCH, 3, twins.training_side, twins.training_side)),
    )
    row: dict[str, Any] = {"network": twins.title, "twin": f"{twins.library} {twins.other}"}
    for task, make_step, shape in tasks:

        def make_steps(make_step=make_step, shape=shape) -> Steps:
            return {name: make_step(network, shape, device="cpu") for name, network in networks.items()}

        ratio, timings, steps = time_ratio(make_steps)
        peaks = {name: measure_memory(step).peak_bytes for name, step in steps.items()}
        row |= {f"{task}_ms_{name}": round(1e3 * timing.median, 2) for name, timing in timings.items()}
        row |= {f"{task}_time": round(ratio, 3), f"{task}_turns": timings["ours"].repeats}
        row |= {f"{task}_memory": round(peaks["ours"] / peaks["theirs"], 3)}
    return row


RATIOS = ("forward_time", "training_time", "forward_memory", "training_memory")


def main() -> int:
    """Run, print, and return 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description="Speed and memory of the networks against the same ones elsewhere.")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only networks whose name begins with one of these")
    only = tuple(parser.parse_args().only or [""])
    chosen = [twins for twins in TWINS if twins.name.startswith(only)]
    if not chosen:
        parser.error(f"no network begins with {' or '.join(only)}; there are {', '.join(t.name for t in TWINS)}")
    keep_memory()  # else a network beside itself shows ratios of 0.85, by the sizes that were freed before
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{'':<54}{'forward, ms':>16}{'training, ms':>18}{'time':>13}{'peak memory':>16}")
    print(f"{'network':<54}{'ours  theirs':>16}{'ours  theirs':>18}{'fwd':>7}{'train':>7}{'fwd':>8}{'train':>7}")
    rows = []
    for twins in chosen:
        row = compare(twins)
        rows.append(row)
        times = (row[f"{task}_ms_{name}"] for task in ("forward", "training") for name in ("ours", "theirs"))
        print(f"{twins.title:<54}" + "{:>8.1f}{:>8.1f}{:>10.1f}{:>8.1f}".format(*times), end="")
        print("{:>7.3f}{:>7.3f}{:>8.3f}{:>7.3f}".format(*(row[ratio] for ratio in RATIOS)), flush=True)
    summary = {
        ratio: {"mean": round(fmean(row[ratio] for row in rows), 3), "worst": max(row[ratio] for row in rows)}
        for ratio in RATIOS
    }
    print(json.dumps({"summary": summary, "networks": rows, "torch": torch.__version__}))
    broken = [(row["network"], ratio, row[ratio]) for row in rows for ratio in RATIOS if row[ratio] > LIMIT]
    for network, ratio, value in broken:
        print(f"BROKEN {network}: {ratio} is {value:.3f} of the twin's; promised is {LIMIT} at most")
    if not broken:
        print(f"kept   each time and each peak is at most {LIMIT} of the twin's")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
