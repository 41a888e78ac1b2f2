"""What happens beside training."""

from __future__ import annotations

from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping

from seqclf.run.averaging import ExponentialAverage, StochasticAverage
from seqclf.run.gradual_unfreezing import GradualUnfreezing


def make_callbacks(
    monitor: str,
    mode: str,
    patience: int | None = None,
    min_delta: float = 0.0,
    average: Literal["ema", "swa"] | None = None,
    decay: float = 0.999,
    average_every: int = 10,
    average_from: float = 0.5,
    gradual_unfreezing: bool = False,
) -> list[Callback]:
    """What a user may want beside training.

    Args:
        monitor: the figure that decides when to stop.
        mode: whether it is better "min" or "max".
        patience: how many epochs to wait for a better figure; None never stops.
        min_delta: what counts as better.
        average: the weights that are validated, chosen, tested and saved: an exponential moving average (ema), or the
            mean over the last epochs (swa); None for the weights themselves.
        decay: how much of the average is kept in a step (ema).
        average_every: steps from one update of the average to the next (ema).
        average_from: the first epoch of the mean (swa): below 1 a share of all, from 1 on a number of epochs before it.
        gradual_unfreezing: train the head alone in the first epoch, and one part more in each epoch after it (of a
            pretrained transformer one layer).

    Raises:
        UserError: for a setting that is out of bounds.
    """
    made: list[Callback] = []
    averages = {"ema": ExponentialAverage(decay, average_every), "swa": StochasticAverage(average_from)}
    if average is not None:
        made.append(averages[average])
    if patience is not None:
        made.append(EarlyStopping(monitor=monitor, mode=mode, patience=patience, min_delta=min_delta))
    if gradual_unfreezing:
        made.append(GradualUnfreezing())
    return made


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
        """Seed the processor's generator, and that of the device.

        `torch.manual_seed` seeds every kind of device: for those that are not there it takes 3 ms a step to note down
        who asked for it, and keeps that for good.
        """
        mixed = ((self.seed * 1_000_003 + trainer.current_epoch) * 1_000_003 + batch_idx) * 1_009 + trainer.global_rank
        seed = mixed & 0x7FFF_FFFF_FFFF_FFFF
        torch.default_generator.manual_seed(seed)
        device = trainer.strategy.root_device
        if device.type != "cpu":
            torch.get_device_module(device).manual_seed(seed)
