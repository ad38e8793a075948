"""Time ONNX files where there is no PyTorch: on a phone, a single-board computer, somebody else's laptop.

This file needs onnxruntime and numpy, and nothing else of this package, so it can be copied and run by itself:

    python record_lite.py FOLDER --out my_device.json --threads 1,4

FOLDER holds ONNX files that take one batch of images, as ``lightnets export`` writes them. The record names the
processor and the versions, and nothing that identifies a person or a machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

WARMUP, FEWEST, SECONDS = 2, 5, 1.0  # passes before the clock starts; passes at least; seconds at least
ATTEMPTS = 3  # at a timing that is not noise; each takes twice as long as the one before
NOISE_LIMIT = 0.1  # a timing whose middle half spans more than this part of its median is noise
KEPT_SAMPLES = 200  # at most, in a record
SCHEMA = 1


def say_line(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def record_folder(
    folder: str | os.PathLike,
    out: str | os.PathLike,
    threads: Sequence[int] = (1,),
    batch_sizes: Sequence[int] = (1,),
    image_size: int | None = None,
    *,
    seconds: float = SECONDS,
    say: Callable[[str], None] = say_line,
) -> dict[str, Any]:
    """Time every ONNX file of a folder and write a record.

    Args:
        folder: With the files.
        out: The JSON file to write.
        threads: Numbers of threads of one operation.
        batch_sizes: Numbers of images.
        image_size: Side of the images where a file leaves it open (None: 224).
        seconds: Samples of a timing add up to at least this.
        say: Called with a line for each timing.

    Returns:
        The record.

    Raises:
        ValueError: If there is no ONNX file, or a number is not allowed.
        OSError: If the record cannot be written.
    """
    files = sorted(Path(folder).glob("*.onnx"))
    if not files:
        raise ValueError(f"there is no file *.onnx in {str(folder)!r}")
    for name, values in (("threads", threads), ("batch size", batch_sizes)):
        if wrong := [value for value in values if value < 1]:
            raise ValueError(f"{name} {wrong[0]} should be at least 1")
    rows = []
    for path in files:
        for batch in batch_sizes:
            for number in threads:
                row = time_file(path, number, batch, image_size or 224, seconds)
                rows.append(row)
                text = row["refused"] or f"{1000 * row['measured']['median']:.2f} ms"
                say(f"{path.stem}: batch {batch}, {number} threads: {text}")
    record = {"schema": SCHEMA, "kind": "lite", "environment": describe(), "timings": rows}
    draft = Path(f"{out}.part")
    draft.write_text(json.dumps(record, indent=1), encoding="utf-8")
    os.replace(draft, out)
    return record


def time_file(path: Path, threads: int, batch_size: int, image_size: int, seconds: float) -> dict[str, Any]:
    """Time one file: what is measured, or why it is refused."""
    import onnxruntime

    row: dict[str, Any] = {"model": path.stem, "threads": threads, "measured": None, "refused": None}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (given,) = session.get_inputs()
        wanted = (batch_size, 3, image_size, image_size)
        size = [one if isinstance(one, int) else other for one, other in zip(given.shape, wanted)]  # noqa: B905
        row["input_size"] = size
        feed = {given.name: np.random.default_rng(0).standard_normal(size, dtype=np.float32)}
        row["measured"], row["refused"] = _quiet(lambda: session.run(None, feed), seconds)
    except Exception as error:  # a file that cannot be run must not cost the timings of the others
        row["refused"] = " ".join(str(error).split())
    return row


def _quiet(step: Callable[[], object], seconds: float) -> tuple[dict[str, Any] | None, str | None]:
    """The first timing that is not noise, or a sentence."""
    for attempt in range(ATTEMPTS):
        samples: list[float] = []
        for _ in range(WARMUP):
            step()
        while len(samples) < FEWEST or sum(samples) < seconds * 2**attempt:
            started = time.perf_counter()
            step()
            samples.append(time.perf_counter() - started)
        timing = summary(samples)
        if timing["spread"] <= NOISE_LIMIT:
            return timing, None
    return None, f"the middle half of the samples spans {timing['spread']:.0%} of their median: that is noise"


def summary(samples: Sequence[float]) -> dict[str, Any]:
    """Median, tenths, spread (interquartile range by median) and some of the samples, all in seconds."""
    p10, p25, median, p75, p90 = (float(np.percentile(samples, percent)) for percent in (10, 25, 50, 75, 90))
    some = list(samples[:: -(-len(samples) // KEPT_SAMPLES)])
    spread = (p75 - p25) / median
    return {"median": median, "p10": p10, "p90": p90, "spread": spread, "repeats": len(samples), "samples": some}


def describe() -> dict[str, Any]:
    """Processor and versions."""
    import onnxruntime

    return {
        "device": "cpu",
        "device_name": _processor(),
        "cores": os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017 - older Pythons have no UTC
    }


def _processor() -> str:
    """The processor's name: Linux and Android tell it in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for key in ("model name", "Hardware", "Model"):
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == key and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def main() -> None:
    """Run from a command line."""
    parser = argparse.ArgumentParser(description="Time a folder of ONNX files with ONNX Runtime.")
    parser.add_argument("folder")
    parser.add_argument("--out", required=True)
    parser.add_argument("--threads", default="1")
    parser.add_argument("--batch-size", default="1")
    parser.add_argument("--input-size", type=int)
    args = parser.parse_args()
    threads, batches = ([int(part) for part in text.split(",")] for text in (args.threads, args.batch_size))
    try:
        record_folder(args.folder, args.out, threads, batches, args.input_size)
    except (ValueError, OSError) as error:
        sys.exit(f"record_lite: {error}")


if __name__ == "__main__":
    main()
