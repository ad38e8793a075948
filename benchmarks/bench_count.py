"""How fast is `count`, beside the other counters, in one run? ``make bench``, or ``python benchmarks/bench_count.py``.

Two figures, and in each of them every counter is treated alike. Warm: a counter is called several times in a row, and
the first call is not timed; so one counts in a loop. Cold: before each call the processor's caches are filled with
other data; so one counts once, after other work. Both go in turns (A B C A B C ...), so that a slow moment of the
machine slows all of them. Every counter works on its own copy of each network. Each time is the CPU time of this
process, one thread. Ratios are medians over the turns. The peers are taken at their fastest: torch's FlopCounterMode
on the meta device, where no arithmetic is done.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable

import torch
import torchinfo
import torchvision
from fvcore.nn import FlopCountAnalysis
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count, get_model
from lightnets_edu.formulas import conv2d
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.mobilenet_v1 import layers

NETWORKS = """mobilenet_v1 alexnet squeezenet1_0 squeezenet1_1 shufflenet_v2_x1_0 resnext50_32x4d wide_resnet50_2
mnasnet1_0 mobilenet_v2 mobilenet_v3_large regnet_x_1_6gf""".split()
SHAPE = (1, 3, 224, 224)
TURNS = 9
IN_A_ROW = 5  # warm calls that are timed
SWEPT = torch.zeros(2**26)  # 256 MB: more than the caches of any processor of a desk
COUNTERS = ("count", "FlopCounterMode", "fvcore", "torchinfo")


def build(name: str) -> torch.nn.Module:
    """Our own MobileNetV1; the others as torchvision has them, so that `count` shows no favour to our own code."""
    return (get_model if name == "mobilenet_v1" else torchvision.models.get_model)(name).eval()


def counters(model: torch.nn.Module) -> dict[str, Callable[[], int]]:
    """Name -> a function that counts and returns the number reported."""
    on_meta, for_fvcore, for_torchinfo = (copy.deepcopy(model) for _ in range(3))
    on_meta.to("meta")
    images, no_images = torch.zeros(SHAPE), torch.empty(SHAPE, device="meta")

    def flop_counter() -> int:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            on_meta(no_images)
        return counter.get_total_flops() // 2

    def fvcore() -> int:
        analysis = FlopCountAnalysis(for_fvcore, images).unsupported_ops_warnings(False)
        return int(analysis.uncalled_modules_warnings(False).total())

    def with_torchinfo() -> int:
        return torchinfo.summary(for_torchinfo, input_data=images, verbose=0).total_mult_adds

    return {
        "count": lambda: count(model, SHAPE).macs,
        "FlopCounterMode": flop_counter,
        "fvcore": fvcore,
        "torchinfo": with_torchinfo,
    }


def cpu_seconds(function: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def warm(function: Callable[[], object]) -> float:
    """CPU seconds of one of several calls in a row, after one that is not timed."""
    function()
    return cpu_seconds(lambda: [function() for _ in range(IN_A_ROW)]) / IN_A_ROW


def cold(function: Callable[[], object]) -> float:
    """CPU seconds of one call whose data and code have just been driven out of the caches."""
    SWEPT.add_(1)
    return cpu_seconds(function)


def in_turns(
    functions: dict[str, Callable[[], object]],
    turns: int = TURNS,
    seconds: Callable[[Callable[[], object]], float] = cpu_seconds,
) -> dict[str, list[float]]:
    """CPU seconds of each function, one a turn, after one turn that is not counted."""
    for function in functions.values():
        function()
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(turns):
        for name, function in functions.items():
            taken[name].append(seconds(function))
    return taken


def how_many_times(taken: dict[str, list[float]]) -> dict[str, float]:
    """How many times the seconds of `count` each counter takes: the median over the turns."""
    return {
        counter: statistics.median(theirs / ours for theirs, ours in zip(seconds, taken["count"], strict=True))
        for counter, seconds in taken.items()
    }


def geometric_means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of each counter's ratios over all networks."""
    peers = (counter for counter in COUNTERS if counter != "count")
    return {peer: math.exp(statistics.fmean(math.log(row[peer]) for row in rows)) for peer in peers}


def mobilenet_v2_against_its_forward() -> dict[str, float]:
    """Milliseconds of a plain forward, of a count with its table right after it, and of one more count, in turns.

    The forward empties the processor's caches, so the count after it also waits for the model to be fetched again.
    """
    model = build("mobilenet_v2")
    images = torch.zeros(SHAPE)
    with torch.inference_mode():
        steps = {"forward": lambda: model(images)}
        steps |= dict.fromkeys(("count_after_forward", "count"), lambda: count(model, SHAPE))
        taken = in_turns(steps, 41)
    return {name: 1e3 * statistics.median(seconds) for name, seconds in taken.items()}


def closed_form_microseconds() -> float:
    """One convolution by its closed form."""
    settings = {"in_channels": 64, "out_channels": 128, "kernel_size": 3, "out_height": 56, "out_width": 56}
    calls = 2000
    return min(cpu_seconds(lambda: [conv2d(**settings) for _ in range(calls)]) for _ in range(9)) / calls * 1e6


def python_memory_bytes() -> int:
    """Peak of what Python allocates during a count of MobileNetV2 (no tensor is allocated at all)."""
    model = build("mobilenet_v2")
    count(model, SHAPE)
    tracemalloc.start()
    count(model, SHAPE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main() -> int:
    """Run, print, and return 1 if a promise of the README is broken."""
    torch.set_num_threads(1)
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    ways = {"warm": warm, "cold": cold}
    ratios: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    print(f"{'network':<20}{'':6}" + "".join(f"{counter:>17}" for counter in COUNTERS) + f"   ms, medians of {TURNS}")
    for name in NETWORKS:
        functions = counters(build(name))
        numbers = {counter: function() for counter, function in functions.items()}
        assert numbers["count"] == numbers["FlopCounterMode"], (name, numbers)
        for way, seconds in ways.items():
            taken = in_turns(functions, seconds=seconds)
            ratios[way].append(how_many_times(taken))
            medians = (1e3 * statistics.median(taken[counter]) for counter in COUNTERS)
            print(f"{name:<20}{way:<6}" + "".join(f"{median:>17.2f}" for median in medians), flush=True)
    speedup = {way: geometric_means(rows) for way, rows in ratios.items()}
    mobile = mobilenet_v2_against_its_forward()
    network = [cpu_seconds(lambda: network_cost(layers())) for _ in range(20)]
    result = {
        "geometric_mean_speedup": {
            way: {peer: round(value, 1) for peer, value in means.items()} for way, means in speedup.items()
        },
        **{f"mobilenet_v2_{step}_ms": round(milliseconds, 2) for step, milliseconds in mobile.items()},
        "closed_form_conv2d_us": round(closed_form_microseconds(), 1),
        "closed_form_mobilenet_v1_ms": round(1e3 * statistics.median(network), 2),
        "python_memory_kib": round(python_memory_bytes() / 1024),
        "torch": torch.__version__,
    }
    print(json.dumps(result, indent=2))
    promises = {
        "warm, at least 25 times as fast as the fastest exact counter": speedup["warm"]["FlopCounterMode"] >= 25,
        # 2 ms on a machine whose forward takes 16 ms.
        "MobileNetV2 in an eighth of its forward": mobile["forward"] / mobile["count"] >= 8,
        "a convolution's closed form within 20 microseconds": result["closed_form_conv2d_us"] <= 20,
        "less than a megabyte": result["python_memory_kib"] < 1024,
    }
    for promise, kept in promises.items():
        print("kept  " if kept else "BROKEN", promise)
    return 0 if all(promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
