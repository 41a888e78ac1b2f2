"""Saves a run: after every epoch, every so many minutes, and when a signal asks it to stop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from seqclf.classifiers.trainable import Trainable
from seqclf.run.averaging import Average
from seqclf.run.checkpoints import BEST, ENTRY, FORMAT, LAST, PREVIOUS, put_link
from seqclf.run.epoch_table import EpochTable
from seqclf.run.history import History
from seqclf.run.position import at_epoch_end, at_epoch_start, batches_of, rescaled, settle
from seqclf.run.signals import Interrupted, Signals

SAVE = 1  # what a rank wants of all: to save; to save and stop by a signal is STOP + its number
STOP = 2


class Saver(Callback):
    """Keeps `last.ckpt`, the one before it as `previous.ckpt`, and `best.ckpt`, each there whole or not at all.

    It comes first among the callbacks: at the start of a batch everything about the batches before is settled, and at
    the end of the training no other has changed the weights yet.

    Args:
        folder: where the checkpoints go.
        history: the figures of every epoch; it knows the best.
        signals: whether the training shall stop.
        record: what every checkpoint says of its run: its configuration and its data.
        minutes: from one checkpoint inside of an epoch to the next; 0 for none there.
    """

    def __init__(
        self, folder: Path, history: History, signals: Signals, record: Mapping[str, Any], minutes: float = 0.0
    ) -> None:
        self.folder = folder
        self.history = history
        self.signals = signals
        self.record = record
        self.minutes = minutes
        self._saved = time.monotonic()
        self._done = 0  # batches of the epoch, in the checkpoint that is being made
        self._linked: int | None = None  # the epoch that best.ckpt is of
        self._metrics: dict[str, Any] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go on counting where it was stopped; hear of signals before Lightning does."""
        self.signals.install()
        self._saved = time.monotonic()
        if self._metrics is not None and trainer.is_global_zero:  # what all ranks had counted
            assert isinstance(pl_module, Trainable)
            pl_module.metrics_of("train").go_on_from(self._metrics)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin with the first batch."""
        at_epoch_start(trainer)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save before the first batch of every epoch but the first, and where it is time to."""
        asked = self._asked(trainer)
        if batch_idx % trainer.accumulate_grad_batches:
            return  # gradients that are still being added up are in no checkpoint
        if asked or (batch_idx == 0 and trainer.current_epoch > 0):
            self._save(trainer, batch_idx)
        if asked >= STOP:
            raise Interrupted(asked - STOP)

    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Save what was trained and stop, if a signal came; the validation is done from its start then."""
        if trainer.state.fn != "fit" or trainer.world_size > 1:  # ranks have unlike numbers of batches to validate
            return
        asked = self._asked(trainer)
        if asked >= STOP:
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                if isinstance(callback, Average):
                    callback.on_validation_epoch_end(trainer, pl_module)  # the weights themselves, not their average
            self._save(trainer, int(trainer.num_training_batches))
            raise Interrupted(asked - STOP)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """An epoch like any other, also where it was stopped in its middle."""
        at_epoch_end(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save after the last epoch; no rank goes on to read the best before rank 0 has put it there."""
        self._save(trainer, 0)
        trainer.strategy.barrier("best.ckpt")

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Say in it where the training stands."""
        assert isinstance(pl_module, Trainable)
        epoch, whole = trainer.current_epoch, int(trainer.num_training_batches)
        settle(checkpoint["loops"], epoch, self._done, whole)
        checkpoint["epoch"] = max(epoch - (self._done == 0), 0)  # that it is of; Lightning does not read it
        checkpoint[ENTRY] = {
            "format": FORMAT,
            **self.record,
            "epoch": epoch,
            "done": self._done,
            "whole": whole,
            "ranks": trainer.world_size,
            "best": self.history.best_so_far,
            "stopped": trainer.should_stop,
            "metrics": pl_module.metrics_of("train").so_far(),
            "table": next((logger.rows for logger in trainer.loggers if isinstance(logger, EpochTable)), []),
        }

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on from there."""
        entry = checkpoint[ENTRY]
        whole = batches_of(trainer, trainer.datamodule.train_dataloader())  # type: ignore[attr-defined]
        done = rescaled(entry["done"], entry["whole"], entry["ranks"], whole, trainer.world_size)
        settle(checkpoint["loops"], entry["epoch"], done, whole)
        trainer.should_stop = entry["stopped"]
        self._metrics = entry["metrics"]
        self._linked = entry["best"]
        for logger in trainer.loggers:
            if isinstance(logger, EpochTable):
                logger.rows = list(entry["table"])

    def _asked(self, trainer: pl.Trainer) -> int:
        """What any rank wants of all."""
        asked = STOP + self.signals.received if self.signals.received else 0
        if not asked and self.minutes and time.monotonic() - self._saved > 60 * self.minutes:
            asked = SAVE
        if trainer.world_size == 1:
            return asked
        wanted = torch.tensor(asked, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(wanted, reduce_op="max"))

    def _save(self, trainer: pl.Trainer, done: int) -> None:
        """Save after so many batches of the epoch."""
        self._done = done
        last = self.folder / LAST
        if trainer.is_global_zero and last.exists():
            put_link(last, self.folder / PREVIOUS)
        trainer.save_checkpoint(last)
        best = self.history.best_so_far
        if trainer.is_global_zero and done == 0 and best != self._linked:
            # It is this very checkpoint. Were the process killed before this line, resuming would do it.
            put_link(last, self.folder / BEST)
        self._linked = best
        for logger in trainer.loggers:
            logger.save()
        self._saved = time.monotonic()
