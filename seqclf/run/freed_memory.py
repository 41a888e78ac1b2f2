"""Memory that one step has freed is kept for the next."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # how glibc's malloc.h calls them
MB = 2**20
KEPT = {MMAP_THRESHOLD: 512 * MB, TRIM_THRESHOLD: 1024 * MB}
USUAL = {MMAP_THRESHOLD: 32 * MB, TRIM_THRESHOLD: 64 * MB}  # what glibc comes to by itself
VARIABLES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")

_kept: ContextVar[bool] = ContextVar("freed memory is kept", default=False)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Have glibc keep up to a gigabyte of what was freed, unless the environment says how much, and give it back last.

    By itself it returns to the system every tensor above 32 MB, and the end of the heap as soon as that is free. The
    next step then touches all pages for the first time again: up to a third of the time of large batches
    (docs/log.md). Where malloc is not glibc's, nothing is changed; of two, one in the other, the outer one counts.
    """
    if _kept.get() or platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in VARIABLES):
        yield
        return
    libc = ctypes.CDLL(None)
    _set(libc, KEPT)
    token = _kept.set(True)
    try:
        yield
    finally:
        _kept.reset(token)
        _set(libc, USUAL)
        libc.malloc_trim(0)


def _set(libc: ctypes.CDLL, options: dict[int, int]) -> None:
    for option, value in options.items():
        libc.mallopt(option, value)
