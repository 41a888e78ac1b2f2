"""Steps of the optimiser that are of several batches: those of several processes, or accumulated ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Optimizer

from seqclf.batch import RecordBatch
from seqclf.classifiers.losses import CrossEntropy
from seqclf.classifiers.shared_step import SharedStep, known_records
from seqclf.nn.wide_ngrams import WideNgrams


class SeveralBatches(pl.LightningModule):
    """A module whose step is the same whether its records came in one batch or in several, on however many ranks.

    Attributes:
        loss: says what a batch weighs.
        wide: a linear term that descends by itself; None where there is none.
        examples: how many records the next step of the optimiser is of, on all ranks.
        mean_weight: what each of these weighs on average, beside one of the class that weighs most.
    """

    loss: CrossEntropy
    wide: WideNgrams | None
    examples: float | Tensor = 0
    mean_weight: float | Tensor = 1.0

    def __init__(self) -> None:
        super().__init__()
        self._shared_step = SharedStep()

    @property
    def shares_steps(self) -> bool:
        """Whether a step of the optimiser is of several batches."""
        trainer = self._trainer
        return trainer is not None and self.training and trainer.world_size * trainer.accumulate_grad_batches > 1

    def weighed(self, loss: Tensor, batch: RecordBatch) -> Tensor:
        """The same loss `()`, whose gradient counts for as much as the batch weighs beside the others of its step."""
        assert batch.labels is not None
        self.examples = len(batch)
        if not self.shares_steps and not self._weighs_classes:
            return loss
        weight, known = self.loss.total_weight(batch.labels), known_records(batch.labels)
        if self.shares_steps:
            return self._shared_step.weigh(loss, weight, known, len(batch))
        self._take(weight, known)
        return loss

    @property
    def _weighs_classes(self) -> bool:
        return self.wide is not None and self.loss.weight is not None and not self.loss.multilabel

    def _take(self, weight: Tensor, known: Tensor) -> None:
        """What the wide term's step has to know of the weights of a step's records."""
        if self._weighs_classes:
            assert self.loss.weight is not None
            self.mean_weight = weight / (known.clamp(min=1) * self.loss.weight.max())

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """A step of the optimiser, on gradients that all of its batches have agreed on."""

        def closure() -> Any:
            loss = None if optimizer_closure is None else optimizer_closure()
            if self.shares_steps:
                trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
                weight, known, self.examples = self._shared_step.settle(trained, self.trainer.accumulate_grad_batches)
                self._take(weight, known)
            return loss

        super().optimizer_step(epoch, batch_idx, optimizer, closure)
