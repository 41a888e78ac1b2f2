"""Two readings of a record that should agree."""

from typing import Any

from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.errors import UserError


class RDrop:
    """R-Drop (Wu et al. 2021, https://arxiv.org/abs/2106.14448): a batch is read twice, with another dropout.

    The loss is the mean of both readings' losses, and how far their predictions are from each other, times `alpha`.
    The metrics count the first reading.

    Args:
        alpha: times the divergence of the two readings.

    Raises:
        UserError: for a negative alpha.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        if alpha < 0:
            raise UserError(f"`alpha` must be at least 0, but is {alpha}.")
        self.alpha = alpha

    def __call__(self, model: Any, batch: RecordBatch) -> Tensor:
        """The loss of a batch in training, a scalar."""
        first = model(batch, label=batch.labels)
        with model.unrecorded():
            second = model(batch, label=batch.labels)
        divergence = model.loss.divergence(first["logits"], second["logits"])
        loss: Tensor = (first["loss"] + second["loss"]) / 2 + self.alpha * divergence
        return loss
