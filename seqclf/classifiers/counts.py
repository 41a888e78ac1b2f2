"""What is added up while a stage runs."""

import torch
from torch import Tensor
from torchmetrics import Metric


class Counts(Metric):
    """How often each class was given to records of each class, and the sum of the losses; added up over all ranks."""

    full_state_update = False
    confusion: Tensor
    loss: Tensor
    weight: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        # the last row counts the records whose gold label is not among the classes
        self.add_state("confusion", torch.zeros(num_classes + 1, num_classes, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("loss", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("weight", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, given: Tensor, labels: Tensor, losses: Tensor, weights: Tensor) -> None:
        """Count records, and add up the losses.

        Args:
            given: the class that each was given, `(B,)`.
            labels: the class that each has, `(B,)`; -1 where that is not among the classes.
            losses: mean losses of batches, `(batches,)`.
            weights: what each of these was divided by, `(batches,)`.
        """
        rows, columns = self.confusion.shape
        cells = labels.remainder(rows) * columns + given  # -1 becomes the last row
        # unlike bincount, index_add neither waits for a GPU nor makes a second matrix
        self.confusion.view(-1).index_add_(0, cells, torch.ones_like(cells))
        self.loss += losses.to(self.loss) @ weights.to(self.loss)
        self.weight += weights.sum()

    def compute(self) -> tuple[Tensor, Tensor, Tensor]:
        """The matrix `(C + 1, C)`, the sum of the losses and the sum of their weights."""
        return self.confusion, self.loss, self.weight
