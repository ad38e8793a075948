"""Make what the page loads when the reader asks for it: ``python -m lightnets_edu.pages.live.make``.

``kernels.c`` and ``train/training.c`` become WebAssembly, and the registry's networks become rows. All are stored as
gzip in base64, in modules of JavaScript: a page that was opened from a disk may load scripts and nothing else. The
compiler is that of the package ziglang, whose version is pinned: everybody who runs this gets the same bytes.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from tqdm import tqdm

from lightnets_edu.models import get_entry, get_model, list_models
from lightnets_edu.pages.clocks import costs_of
from lightnets_edu.pages.live.rows import compact, network_rows
from lightnets_edu.runtime.files import atomic_file

HERE = Path(__file__).parent
KERNELS, NETWORKS = HERE / "kernels.js", HERE / "networks.js"
TRAINING = HERE / "train" / "training_kernels.js"
SOURCES = {KERNELS: HERE / "kernels.c", TRAINING: HERE / "train" / "training.c"}
# Vectors of 128 bits, and copies of whole blocks: every browser of the last years has both.
TARGET = ["-target", "wasm32-freestanding", "-mcpu=generic+simd128+bulk_memory+bulk_memory_opt"]
LINK = [
    "-nostdlib",
    *(f"-Wl,{flag}" for flag in ("--no-entry", "--export=__heap_base", "--strip-all", "-z,stack-size=65536")),
]


def compiled(source: Path) -> bytes:
    """Kernels as WebAssembly, compiled now.

    Args:
        source: One of `SOURCES`.

    Raises:
        CalledProcessError: If ziglang is not installed or the compiler refuses the source.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "kernels.wasm")
        compiler = [sys.executable, "-m", "ziglang", "cc", *TARGET, "-O3", *LINK]
        # The path is part of nothing: the compiler is called beside the source.
        subprocess.run([*compiler, "-o", str(out), source.name], cwd=source.parent, check=True)
        return out.read_bytes()


def described_networks() -> bytes:
    """All networks of the registry as JSON: side of the image, MACs, activations, layers, and rows."""
    networks = {}
    for name in tqdm(list_models(), "Networks", disable=None):
        with torch.device("meta"):
            model = get_model(name)
        side, costs = get_entry(name).input_size, costs_of(name)
        rows = compact(network_rows(model, (3, side, side)))
        networks[name] = {
            "side": side,
            "macs": costs.macs,
            "activations": costs.activations,
            "layers": costs.layers,
            "rows": rows,
        }
    return json.dumps(networks, separators=(",", ":")).encode()


def packed(path: Path) -> bytes:
    """What a module holds.

    Raises:
        ValueError: If it is not one of those that are made here.
    """
    found = re.search(r'=\s+"([A-Za-z0-9+/=]+)";', path.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{path.name} holds no base64 text: python -m lightnets_edu.pages.live.make writes it")
    return gzip.decompress(base64.b64decode(found[1]))


def _pack(path: Path, name: str, what: str, content: bytes) -> None:
    text = base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
    with atomic_file(path) as handle:
        handle.write(f'// {what}: gzip in base64, made by make.py.\nexport const {name} =\n  "{text}";\n'.encode())


def main() -> None:
    """Write all modules."""
    _pack(KERNELS, "KERNELS", "kernels.c as WebAssembly", compiled(SOURCES[KERNELS]))
    _pack(TRAINING, "TRAINING_KERNELS", "training.c as WebAssembly", compiled(SOURCES[TRAINING]))
    _pack(NETWORKS, "NETWORKS", "The registry's networks as rows, in JSON", described_networks())


if __name__ == "__main__":
    main()
