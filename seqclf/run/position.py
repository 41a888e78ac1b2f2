"""Where a training stands, so that it can go on there: three places in place of the many of Lightning's loops.

A training is saved before a batch (`done` of the epoch's batches are behind it; none at the start of an epoch), or
before the validation at the end of an epoch (`done` is all of them). Lightning counts in its loops what was made ready,
started, processed and completed, and what it does on restart depends on how these differ. Saved between two events they
are torn, so they are set here to what stands for the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any

import pytorch_lightning as pl

EVENTS = ("ready", "started", "processed", "completed")
LOOPS = "epoch_loop."
VALIDATION = f"{LOOPS}val_loop.batch_progress"


def settle(loops: Mapping[str, Any], epoch: int, done: int, whole: int) -> None:
    """Set the progress in a checkpoint to that of a place.

    Args:
        loops: the checkpoint's `loops`; changed.
        epoch: how many epochs are over, with their validation.
        done: how many batches of the next epoch are.
        whole: how many it has.
    """
    fit = loops["fit_loop"]
    begun = epoch + (done > 0)
    batches = fit[f"{LOOPS}batch_progress"]
    for count in ("total", "current"):
        fit["epoch_progress"][count] = {"ready": begun, "started": begun, "processed": epoch, "completed": epoch}
        fit[VALIDATION][count] = dict.fromkeys(EVENTS, 0)
    batches["total"] = dict.fromkeys(EVENTS, batches["total"]["processed"])
    batches["current"] = dict.fromkeys(EVENTS, done)
    batches["is_last_batch"] = done == whole
    if done == whole:  # a validation that has begun is one that Lightning makes up for
        fit[VALIDATION]["total"] = {"ready": 1, "started": 1, "processed": 0, "completed": 0}


def at_epoch_start(trainer: pl.Trainer) -> None:
    """An epoch begins: whatever was restored, its batches are counted from 0."""
    trainer.fit_loop.epoch_loop.restarting = False


def at_epoch_end(trainer: pl.Trainer) -> None:
    """An epoch ends: it is one like any other, and the plateau schedule sees its figures."""
    trainer.fit_loop.restarting = False


def batches_of(trainer: pl.Trainer, loader: Sized) -> int:
    """How many batches of its loader an epoch has."""
    limit = trainer.limit_train_batches
    return min(len(loader), limit) if isinstance(limit, int) else len(loader)


def rescaled(done: int, whole: int, ranks: int, whole_now: int, ranks_now: int) -> int:
    """How many batches are done when other ranks go on: as many records, as near as whole batches come.

    Args:
        done: batches of the epoch when it was saved, on each rank.
        whole: how many there were.
        ranks: by how many ranks.
        whole_now: how many batches there are now.
        ranks_now: by how many ranks.
    """
    if ranks == ranks_now and whole == whole_now:
        return done
    return whole_now if done == whole else min(done * ranks // ranks_now, whole_now - 1)
