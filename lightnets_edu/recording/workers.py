"""Work in processes of their own: each result is given as soon as it is done, and nothing outlives its parent."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait as wait_for_end
from typing import TypeVar

import torch

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


def in_processes(
    work: Callable[[JobT], ResultT],
    jobs: Sequence[JobT],
    workers: int,
    in_time: Callable[[float], bool] = lambda longest: True,
) -> Iterator[ResultT]:
    """Do jobs in several processes, each with one thread for PyTorch's operations.

    Args:
        work: Does a job; it, the jobs and the results can be sent to another process.
        jobs: They are begun in this order.
        workers: Processes.
        in_time: Called with the seconds of the longest job so far; once it says no, no further job is begun.

    Yields:
        What the work gave, in the order in which it ended.

    Raises:
        RuntimeError: If a process was killed.
    """
    waiting, running, longest = deque(jobs), dict[Future, float](), 0.0
    spawn = multiprocessing.get_context("spawn")
    with _pool(ProcessPoolExecutor(workers, spawn, initializer=_end_with_parent)) as pool:
        while waiting or running:
            while waiting and len(running) < workers:
                if not in_time(longest):
                    waiting.clear()
                    break
                running[pool.submit(work, waiting.popleft())] = time.monotonic()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                longest = max(longest, time.monotonic() - running.pop(future))
                try:
                    result = future.result()
                except BrokenProcessPool as error:
                    raise RuntimeError(
                        "a worker process was killed, perhaps because memory was short: the runs that had ended are "
                        "in the record, and the same command goes on"
                    ) from error
                yield result


@contextmanager
def _pool(pool: ProcessPoolExecutor) -> Iterator[ProcessPoolExecutor]:
    """The pool; if anything fails, its processes end at once, in the middle of their runs."""
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """In a worker: end when the process that started it is gone, however it ended."""
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        with suppress(OSError):
            wait_for_end([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
