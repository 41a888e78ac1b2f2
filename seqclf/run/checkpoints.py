"""Checkpoints that are there whole or not at all, and hold nothing but tensors and plain containers."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import CheckpointIO

from seqclf.errors import UserError
from seqclf.inference.atomic import replacing

log = logging.getLogger("seqclf")

CHECKPOINTS = "checkpoints"  # the folder's name, in that of a run
LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
UNFINISHED = "unfinished"  # the empty file beside the checkpoints of a run that is not done
ENTRY = "seqclf"  # what seqclf itself says in a checkpoint
FORMAT = 1  # raised whenever a checkpoint of before would be read wrongly


class AtomicCheckpointIO(CheckpointIO):
    """Writes beside the old file and replaces it at the end; Lightning's own writer can destroy both."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint.

        Raises:
            TypeError: for anything in it but tensors and plain containers, which could not be read again.
        """
        path = Path(path)
        for place, odd in _objects(checkpoint, "checkpoint"):
            raise TypeError(f"{place} is of {type(odd)}: checkpoints hold tensors and plain containers only")
        with replacing(path) as temporary:
            try:
                torch.save(checkpoint, temporary)
            except RuntimeError as error:  # what torch says of a full disk is "unexpected pos 1234 vs 1126"
                free = shutil.disk_usage(path.parent).free
                raise OSError(errno.EIO, f"torch could not write all of it ({free:,} bytes are free)") from error

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint; nothing in it can run."""
        loaded: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
        return loaded

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def _objects(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """What is neither a tensor nor plain, and where it stands."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _objects(key, place)
            yield from _objects(item, f"{place}[{key!r}]")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _objects(item, f"{place}[{number}]")
    elif not isinstance(value, torch.Tensor) and type(value) not in (str, int, float, bool, bytes, type(None)):
        yield place, value


def put_link(file: Path, name: Path) -> None:
    """Give a file a second name, in the place of what had it; a copy where the file system knows no links.

    Raises:
        UserError: when it cannot be written; what was there before is intact.
    """
    with replacing(name) as temporary:
        temporary.unlink()
        try:
            os.link(file, temporary)
        except OSError:
            shutil.copyfile(file, temporary)


def newest(folder: Path) -> Path | None:
    """The last checkpoint of a folder, or the one before it where that is damaged, which is said; None without any.

    Raises:
        UserError: when all that there are are damaged.
    """
    damaged: list[str] = []
    for file in (folder / LAST, folder / PREVIOUS):
        if file.exists():
            fault = fault_of(file)
            if fault is None:
                if damaged:
                    log.warning("%s. Going on from %s, the one before it.", damaged[0], file)
                return file
            damaged.append(f"{file} is damaged ({fault})")
    if damaged:
        raise UserError(f"{', and '.join(damaged)}: there is no other checkpoint to go on from.")
    return None


def fault_of(file: Path) -> str | None:
    """What is wrong with a checkpoint; None if every byte of it is as it was written."""
    try:
        with zipfile.ZipFile(file) as archive:
            wrong = archive.testzip()
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        return str(error) or type(error).__name__
    return None if wrong is None else f"{wrong} inside of it has changed"


def remove_stale(folder: Path) -> None:
    """Remove what a killed process was about to write, in a run's folder and among its checkpoints.

    Call it where no other process writes there.
    """
    for place in (folder, folder / CHECKPOINTS):
        for left in [*place.glob(".*.tmp"), *place.glob(".*.old")]:
            name = left.name[1:].rpartition(".")[0].rpartition(".")[0]  # .NAME.RANDOM.tmp
            if left.suffix == ".old" and not (place / name).exists():
                left.rename(place / name)  # killed while one folder took the place of another
            elif left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def read_weights(path: Path) -> Mapping[str, Any]:
    """The weights by name of a checkpoint."""
    weights: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return weights
