"""What every epoch came to."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError


class History(Callback):
    """Keeps the figures of every epoch, and says which was the best.

    Args:
        monitor: the figure that decides.
        mode: whether it is better "min" or "max".

    Attributes:
        epochs: the figures of each epoch by name, `train/loss`, `validation/accuracy` and so on.
    """

    def __init__(self, monitor: str, mode: str) -> None:
        self.monitor = monitor
        self.mode = mode
        self.epochs: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the epoch's figures.

        Raises:
            UserError: when this validation does not define the one that decides.
        """
        assert isinstance(pl_module, SequenceClassifier)
        train = {f"train/{name}": float(value) for name, value in pl_module.metrics_of("train").compute().items()}
        padding = pl_module.text_field_embedder.padding()
        if padding is not None:
            train["train/padding"] = float(padding)
            pl_module.log("train/padding", padding)
        validation = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if self.monitor not in validation:
            raise UserError(
                f"monitor={self.monitor} is not defined on these validation records. Take validation/accuracy."
            )
        self.epochs.append({**validation, **train})

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the figures of the epochs so far."""
        return {"epochs": [dict(figures) for figures in self.epochs]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on behind these epochs."""
        self.epochs = [dict(figures) for figures in state_dict["epochs"]]

    @property
    def best(self) -> int:
        """The epoch, counted from 0, with the best monitored figure; the first of several."""
        return min(range(len(self.epochs)), key=self._rank)

    @property
    def best_so_far(self) -> int | None:
        """The same; None before the first epoch is over."""
        return self.best if self.epochs else None

    def _rank(self, epoch: int) -> float:
        figure = self.epochs[epoch][self.monitor]
        return math.inf if math.isnan(figure) else figure if self.mode == "min" else -figure
