"""Keep the memory that a process has: on Linux, half of a network's time may go into getting it again.

The C library gives large blocks back to the system as soon as they are freed. The next layer asks for them again, and
the system clears every page of 4 KiB before it hands it out. How often that happens depends on what the process
allocated before, in an order that nobody sees from the network: it is noise to a comparison of networks, and lost time.
"""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # as in glibc's malloc.h


def keep_memory() -> bool:
    """From now on, do not give freed memory back to the system before the process ends.

    This is done for the whole process, and cannot be undone. Serving systems do the same by running with another
    allocator (tcmalloc, jemalloc), which keeps what it has.

    Returns:
        Whether it was done: only with glibc, the C library of most Linux systems.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    no_separate_blocks = library.mallopt(_MMAP_MAX, 0)
    no_trimming = library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    return bool(no_separate_blocks and no_trimming)
