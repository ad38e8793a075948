"""Files that are either the old one or the new one, never half of one."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of ``path`` only when it is complete.

    The bytes go to a temporary file in the same folder, so the last step is a rename within one file system.
    If anything fails before it, the temporary file is removed and an older ``path`` stays as it was.

    Args:
        path: The file to write. Missing parent folders are made.

    Yields:
        The open temporary file.

    Raises:
        OSError: If the folder cannot be made or written to, or the disk is full.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _explained(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike) -> None:
    """Find out now, not after hours of work, that a file cannot be written.

    Missing parent folders are made, and what a killed process left of an unfinished ``path`` is removed: only one
    process at a time may write it.

    Raises:
        OSError: If the path is a folder, or its folder cannot be made or written to.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        if path.is_dir():
            raise OSError("there is a folder of this name")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        for leftover in path.parent.glob(glob.escape(f".{path.name}.") + "*.tmp"):
            leftover.unlink(missing_ok=True)
    except OSError as error:
        raise _explained(path, error) from error


def _explained(path: Path, error: OSError) -> OSError:
    reason = error.strerror or error
    return OSError(f"{str(path)!r} cannot be written ({reason}): nothing was changed. Make room or name another file.")


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


@contextmanager
def locked_folder(folder: str | os.PathLike) -> Iterator[None]:
    """Keep other processes that ask for the same lock waiting; it ends with the block, or with the process.

    Where the system has no such locks (Windows), nobody waits.

    Args:
        folder: A folder that is there; nothing is written into it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
