"""What ONNX Runtime runs of some networks, and where the time of one image goes: a record by classes of operations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from lightnets_edu.deployment import exported_network, open_session, session_step, timed_operations
from lightnets_edu.deployment.session import onnxruntime
from lightnets_edu.models import default_input_size
from lightnets_edu.recording.plan import device_folder
from lightnets_edu.records import save_record
from lightnets_edu.runtime import describe_environment
from lightnets_edu.runtime.files import check_writable
from lightnets_edu.timing import EVALUATION_NETWORKS, measure

NETWORKS = tuple(name for name in EVALUATION_NETWORKS if "/" not in name)
PASSES = 40
SECONDS = 0.5  # of samples of whole passes, at least


def record_operations(
    folder: str | Path, networks: Sequence[str] = NETWORKS, *, progress: bool = True, passes: int = PASSES
) -> Path:
    """Time the operations of some networks in ONNX Runtime and write ``operations.json`` (a few minutes).

    While ONNX Runtime notes the time of each operation, a pass takes longer than it does otherwise. The excess is taken
    from all operations alike, so that they add up to the pass as it is without notes.

    Args:
        folder: The folder of all records.
        networks: Of the registry.
        progress: Show a bar over the networks, on standard error.
        passes: How often each operation is timed.

    Returns:
        The file.

    Raises:
        ImportError: If onnx, onnxscript or onnxruntime is not installed.
        OSError: If the file cannot be written.
    """
    path = Path(folder, device_folder(torch.device("cpu"), "onnxruntime"), "operations.json")
    check_writable(path)
    threads = torch.get_num_threads()
    rows = [_row(name, threads, passes) for name in tqdm(networks, unit="network", disable=not progress)]
    environment = describe_environment("cpu") | {"onnxruntime": onnxruntime().__version__}
    save_record(path, {"schema": 1, "kind": "operations", "environment": environment, "networks": rows})
    return path


def _row(name: str, threads: int, passes: int) -> dict[str, Any]:
    side = default_input_size(name)
    size = (1, 3, side, side)
    exported = exported_network(name, {}, side)
    images = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
    step = session_step(open_session(exported.path, threads=threads), images)
    whole = measure(step, device="cpu", warmup=3, repeats=20, min_seconds=SECONDS).median
    timed = [
        (op, seconds or 0.0) for op, seconds in timed_operations(exported.path, size, threads=threads, passes=passes)
    ]
    noting = (sum(seconds for _, seconds in timed) - whole) / len(timed)
    classes: dict[str, dict[str, float]] = {}
    for op, seconds in timed:
        row = classes.setdefault(op.kind, {"operations": 0, "seconds": 0.0})
        row["operations"] += 1
        row["seconds"] += seconds - noting
    return {"model": name, "input_size": list(size), "seconds": whole, "noting": noting, "classes": classes}
