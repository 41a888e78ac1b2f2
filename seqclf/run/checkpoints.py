"""Checkpoints that are there whole or not at all, and hold nothing but tensors and plain containers."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import CheckpointIO
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

from seqclf.inference.atomic import replacing


class AtomicCheckpointIO(CheckpointIO):
    """Writes beside the old file and replaces it at the end; Lightning's own writer can destroy both."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint."""
        path = Path(path)
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


def best_and_last(folder: Path, monitor: str, mode: str) -> list[Callback]:
    """Keep `best.ckpt` by the monitored figure, and `last.ckpt` at the end of every epoch.

    Two callbacks: the `save_last` of one writes nothing in an epoch that is not the best.
    """
    return [
        ModelCheckpoint(
            dirpath=folder,
            filename=name,
            monitor=figure,
            mode=mode,
            enable_version_counter=False,
            auto_insert_metric_name=False,
        )
        for name, figure in (("best", monitor), ("last", None))
    ]


def read_weights(path: Path) -> Mapping[str, Any]:
    """The weights by name of a checkpoint."""
    weights: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return weights
