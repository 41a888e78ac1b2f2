"""What every epoch came to."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from seqclf.classifiers.sequence_classifier import SequenceClassifier


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
        """Keep the epoch's figures."""
        assert isinstance(pl_module, SequenceClassifier)
        train = {f"train/{name}": value for name, value in pl_module.metrics_of("train").compute().items()}
        padding = pl_module.text_field_embedder.padding()
        if padding is not None:
            train["train/padding"] = padding
            pl_module.log("train/padding", padding)
        validation = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.epochs.append({**validation, **train})

    @property
    def best(self) -> int:
        """The epoch, counted from 0, with the best monitored figure; the first of several."""
        sign = 1 if self.mode == "min" else -1
        return min(range(len(self.epochs)), key=lambda epoch: sign * self.epochs[epoch][self.monitor])
