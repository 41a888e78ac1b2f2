"""The cache folder: folders that several runs may want at once, and hashes of files that were read before."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from seqclf.data.table import Table
from seqclf.errors import UserError

logger = logging.getLogger("seqclf")

VARIABLE = "SEQCLF_CACHE"
FINGERPRINTS = "fingerprints.json"
HALF = ".half-"  # begins the name of a folder that is being built


def cache_folder() -> Path:
    """`$SEQCLF_CACHE`, else `seqclf` in the user's cache folder (`$XDG_CACHE_HOME`, else `~/.cache`)."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqclf"


def ensure(folder: Path, valid: Callable[[Path], bool], build: Callable[[Path], None]) -> None:
    """Have a folder that is whole: build it unless it is there, once, however many runs ask for it.

    It is built beside its place and renamed when every byte is on the disk, so that a killed run leaves no half folder;
    what a killed run did leave is removed.

    Args:
        folder: where it shall stand.
        valid: whether a folder is whole.
        build: fills an empty folder.

    Raises:
        UserError: when the cache cannot be written to, or is full.
    """
    if valid(folder):
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(folder)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.info("Waiting for another run that prepares the same data in %s.", folder)
            lock.acquire()
    except OSError as error:
        raise UserError(
            f"{folder.parent} cannot be written to ({error.strerror}): set {VARIABLE} to a folder of your own."
        ) from error
    try:
        if not valid(folder):
            _build(folder, build)
    finally:
        lock.release()


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    mark = f"{HALF}{folder.name}-"
    _sweep(folder.parent)
    made = Path(tempfile.mkdtemp(prefix=mark, dir=folder.parent))
    try:
        build(made)
        sync(made)
        if folder.exists():
            logger.warning("%s is damaged and is made anew.", folder)
            os.replace(folder, Path(tempfile.mkdtemp(prefix=mark, dir=folder.parent)) / "damaged")
        os.replace(made, folder)
        sync(folder.parent)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(f"The disk is full: free space in {folder.parent}, or set {VARIABLE} to another.") from error
    finally:
        for left in folder.parent.glob(f"{mark}*"):
            shutil.rmtree(left, ignore_errors=True)


def _sweep(cache: Path) -> None:
    """Remove the half folders that nobody is building any more: those whose lock is free, or this process's own."""
    for half in cache.glob(f"{HALF}*"):
        name = half.name.removeprefix(HALF).rpartition("-")[0]
        with suppress(Timeout), _lock(cache / name).acquire(timeout=0):
            shutil.rmtree(half, ignore_errors=True)


def _lock(folder: Path) -> FileLock:
    """The lock of a folder; a process that holds it may take it again."""
    return FileLock(folder.with_name(f"{folder.name}.lock"), is_singleton=True)


def sync(path: Path) -> None:
    """Have a file or a folder's list of names on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fingerprint(table: Table, cache: Path) -> str:
    """The hash of a table's content; remembered in the cache as long as path, size and time of change are the same."""
    stamp = table.stamp()
    if stamp is None:
        return table.fingerprint()
    file, key = cache / FINGERPRINTS, json.dumps([type(table).__qualname__, *stamp])
    known = _read(file)
    if key not in known:
        known = {**known, key: table.fingerprint()}
        _write(file, known)
    return known[key]


def _read(file: Path) -> dict[str, str]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in known.items()} if isinstance(known, dict) else {}


def _write(file: Path, known: dict[str, str]) -> None:
    """Replace the file; a cache that cannot be written to only costs the next run a reading."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".fingerprints-", dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as made:
            json.dump(known, made)
        os.replace(name, file)
    except OSError:
        logger.debug("%s could not be written.", file)
