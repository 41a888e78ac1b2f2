"""What happens beside training."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping


def early_stopping(
    monitor: str, mode: str, patience: int | None = None, min_delta: float = 0.0
) -> EarlyStopping | None:
    """Stop when the monitored figure has not become better.

    Args:
        monitor: the figure.
        mode: whether it is better "min" or "max".
        patience: epochs to wait; None never stops.
        min_delta: what counts as better.
    """
    if patience is None:
        return None
    return EarlyStopping(monitor=monitor, mode=mode, patience=patience, min_delta=min_delta)


class StepSeed(Callback):
    """Seeds the noise of every step (dropout) from (seed, epoch, step, rank), so that it depends on nothing else.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed torch's generators."""
        mixed = ((self.seed * 1_000_003 + trainer.current_epoch) * 1_000_003 + batch_idx) * 1_009 + trainer.global_rank
        torch.manual_seed(mixed & 0x7FFF_FFFF_FFFF_FFFF)
