"""Real processes for tests, forked from a server that has imported PyTorch once: a start takes no seconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["torch", "torch.distributed", "lightnets_edu.recording", "lightnets_edu.training"])


def start(function: Callable[..., object], log: Path, *arguments: object) -> multiprocessing.Process:
    """Run a function of a test module in a new process, its standard output and errors appended to a file."""
    process = SERVER.Process(target=_logged, args=(function, log, arguments), daemon=True)
    process.start()
    return process


def _logged(function: Callable[..., object], log: Path, arguments: tuple[object, ...]) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    import torch

    torch.set_num_threads(1)
    try:
        function(*arguments)
    except BaseException:
        traceback.print_exc()
        sys.exit(1)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
