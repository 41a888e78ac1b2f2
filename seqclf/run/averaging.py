"""Averages of the weights over training: they are what is validated, chosen, tested and saved.

On top of Lightning's `WeightAveraging`, which by itself validates the weights of the very start until there is an
average, puts the last average in the place of the best weights when these are validated after training, and keeps the
average of a model that goes to the GPU on the CPU.
"""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from seqclf.errors import UserError
from seqclf.nn.arguments import positive, probability


class Average(WeightAveraging):
    """What both averages have in common."""

    epoch_ends = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the average where the model is, in numbers of the same kind."""
        assert self._average_model is not None
        self._average_model.to(pl_module.device, next(pl_module.parameters()).dtype)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Average where it is time to; the end of an epoch comes before its validation."""
        self.epoch_ends = trainer.is_last_batch
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate the average while training; after it, whatever the model is given."""
        if trainer.state.fn == "fit":
            super().on_validation_epoch_start(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Train on with the weights themselves."""
        if trainer.state.fn == "fit":
            super().on_validation_epoch_end(trainer, pl_module)


class ExponentialAverage(Average):
    """Exponential moving average (Polyak and Juditsky 1992, https://doi.org/10.1137/0330046).

    In step `n` the average keeps `min(decay, (1 + n) / (10 + n))` of itself, so that it soon forgets the start.

    Args:
        decay: how much of the average is kept in a step.
        every: steps from one update to the next, which then does the work of all of them: an update costs as much as
            a step on all weights, however few of a large table the steps touch.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, decay: float = 0.999, every: int = 10) -> None:
        super().__init__(use_buffers=False, multi_avg_fn=self._blend)
        probability(**{"callbacks.decay": decay})
        positive(**{"callbacks.average_every": every})
        self.decay = decay
        self.every = every
        self.kept = 0.0

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Every so many steps, and at the end of an epoch."""
        if step_idx is None:
            return False
        steps = step_idx + 1 - self._latest_update_step
        self.kept = min(self.decay, (2 + step_idx) / (11 + step_idx)) ** steps
        return steps >= self.every or self.epoch_ends

    def _blend(self, averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        torch._foreach_lerp_(averaged, current, 1.0 - self.kept)


class StochasticAverage(Average):
    """The mean over the last epochs: stochastic weight averaging (Izmailov et al. 2018, https://arxiv.org/abs/1803.05407).

    Before these the "average" is the weights themselves. It wants a rate that stays up (`scheduler=constant`), or one
    that restarts.

    Args:
        start: the first epoch of the mean: below 1 a share of all epochs, from 1 on the number of epochs before it.

    Raises:
        UserError: for a negative start.
    """

    def __init__(self, start: float = 0.5) -> None:
        super().__init__(use_buffers=False)
        if start < 0:
            raise UserError(f"callbacks.average_from must be at least 0, but is {start}.")
        self.start = start

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Average where it is time to; before the first epoch of the mean, begin anew."""
        first = self.start * (trainer.max_epochs or 0) if self.start < 1 else self.start
        if trainer.current_epoch <= first:
            assert self._average_model is not None
            self._average_model.n_averaged.zero_()
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """At the last step of every epoch."""
        return step_idx is not None and self.epoch_ends
