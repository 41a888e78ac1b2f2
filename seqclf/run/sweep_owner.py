"""Who is at work on a search: each process holds a lock that the system takes from it when it ends, however it ends."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout


class SweepOwner:
    """This process, among those that share a search.

    Args:
        folder: of the search.

    Attributes:
        name: its own among all.
    """

    def __init__(self, folder: Path) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"
        self._path = _lock_of(folder, self.name)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._path)

    def __enter__(self) -> SweepOwner:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        self._path.unlink(missing_ok=True)


def is_at_work(folder: Path, name: str) -> bool:
    """Whether the process of this name is alive.

    Args:
        folder: of the search.
        name: of a `SweepOwner`.
    """
    path = _lock_of(folder, name)
    if not name or not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            path.unlink(missing_ok=True)
    except Timeout:
        return True
    return False


def _lock_of(folder: Path, name: str) -> Path:
    return folder / "at_work" / f"{name}.lock"
