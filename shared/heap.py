"""Where a process's threads take memory from."""

import ctypes
from contextlib import suppress

M_ARENA_MAX = -8  # of malloc.h


def share_one_heap() -> None:
    """Have all threads take memory from one heap, where the C library is glibc: it gives each its own by default, and Motor's
    threads, which take turns at large batches, would each keep as much as the largest took. Call before there are threads."""
    with suppress(AttributeError, OSError, TypeError):  # another library, or another system
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
