"""How well is time predicted? Measure a profile, then networks that nothing was fitted to, and compare.

``python benchmarks/bench_prediction.py`` takes about 8 minutes on two cores: for 1 and for 2 threads it measures a
profile of the machine, then the networks at batch 1 and 16 in turns (A B C A B C ...), and takes each one's least time.
On one thread this is the process's CPU time. Close other programs: two threads wait for each other at every layer, so a
busy core slows both. The exit status says whether the target holds: on the top rung MAPE <= 15 %, Spearman >= 0.95.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision

from lightnets_edu import get_model
from lightnets_edu.tables import Column, NumberTable
from lightnets_edu.timing import (
    EVALUATION_BATCH_SIZES,
    EVALUATION_NETWORKS,
    RUNGS,
    Bench,
    DeviceProfile,
    error_table,
    forward_step,
    measure_profile,
    operations,
    predict_operations,
)

MAPE, SPEARMAN = {"cpu": 0.15, "cuda": 0.12}, 0.95
COLUMNS = ("rung", "MAPE", Column("Spearman", digits=3), Column("median ratio", digits=2), "networks")


def build(name: str) -> torch.nn.Module:
    """A network of the registry, or torchvision's."""
    family, _, short = name.rpartition("/")
    return (torchvision.models.get_model if family else get_model)(short)


def measure(networks: list[str], batch: int, bench: Bench, seconds: float) -> dict[str, float]:
    """Seconds of each network, in turns until the time is used up, but at least three times each."""
    runs: dict[str, Callable[[], object]] = {}
    for name in networks:
        size = (batch, 3, 224, 224)
        runs[name] = forward_step(
            build(name), size, device=bench.device, amp=bench.amp, channels_last=bench.channels_last
        )
    best = dict.fromkeys(networks, float("inf"))
    stop, turns = time.perf_counter() + seconds, 0
    while turns < 3 or time.perf_counter() < stop:
        for name, run in runs.items():
            best[name] = min(best[name], bench.pass_seconds(run, repeats=1, warmup=1 if batch == 1 else turns == 0))
        turns += 1
    return best


def judge(args: argparse.Namespace, threads: int) -> list[dict[str, object]]:
    """All batch sizes at one number of threads."""
    torch.set_num_threads(threads)
    started = time.perf_counter()
    path = args.profile and Path(args.profile)
    if path and path.exists():
        profile = DeviceProfile.load(path)
        profile.require(device=args.device, threads=threads, amp=args.amp, channels_last=args.channels_last)
    else:
        options = {"amp": args.amp, "channels_last": args.channels_last, "threads": threads}
        profile = measure_profile(args.device, keep=not args.default_allocator, progress=False, **options)
        if path:
            profile.save(path)
    print(f"\n{profile.device}, {threads} threads, amp {profile.amp}: profile measured in {profile.seconds_taken} s")
    bench = Bench(torch.device(args.device), threads, args.amp, args.channels_last)
    results = []
    for batch in args.batch_sizes:
        measured = measure(args.networks, batch, bench, args.seconds)
        predicted: dict[str, list[float]] = {rung: [] for rung in RUNGS}
        for name in args.networks:
            ops = operations(build(name), (batch, 3, 224, 224))
            for rung in RUNGS:
                predicted[rung].append(predict_operations(ops, profile, rung=rung).seconds)
        gc.collect()
        table = error_table(predicted, list(measured.values()))
        caption = f"batch {batch}, load average {os.getloadavg()[0]:.1f}"
        lines = [row | {"mape": f"{row['mape']:.1%}"} for row in table]
        print(NumberTable(caption, COLUMNS, [tuple(line.values()) for line in lines]), flush=True)
        results += [{"threads": threads, "batch": batch, **row} for row in table]
    print(f"{time.perf_counter() - started:.0f} s")
    return results


def main() -> int:
    """Run, print, and return 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=list(EVALUATION_BATCH_SIZES))
    parser.add_argument("--networks", nargs="+", default=list(EVALUATION_NETWORKS))
    parser.add_argument("--seconds", type=float, default=30, help="for each batch size; three turns at least")
    parser.add_argument("--amp", default="off")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--default-allocator", action="store_true", help="let freed memory go back to the system")
    parser.add_argument("--profile", help="read it from this file, or write it there")
    args = parser.parse_args()
    results = [row for threads in args.threads for row in judge(args, threads)]
    limit = MAPE[torch.device(args.device).type]
    top = [row for row in results if row["rung"] == list(RUNGS)[-1]]
    good = [row["mape"] <= limit and row["spearman"] >= SPEARMAN for row in top]
    for row, holds in zip(top, good, strict=True):
        verdict = "holds" if holds else "MISSED"
        print(f"threads {row['threads']}, batch {row['batch']}: MAPE <= {limit:.0%}, Spearman >= {SPEARMAN}: {verdict}")
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
