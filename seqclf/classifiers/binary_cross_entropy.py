"""The loss of records that may have any number of labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812  # as everyone calls it
from torch import Tensor

from seqclf.classifiers.losses import CrossEntropy


class BinaryCrossEntropy(CrossEntropy):
    """Binary cross entropy: the mean over records and classes of `-weight[c] * y * log p - (1 - y) * log(1 - p)`.

    The arguments are those of `CrossEntropy`. The weight of a label is that of having it against not having it (torch's
    `pos_weight`); "balanced": the rarer a label, the more it weighs, a label of every record on average 1.
    `label_smoothing` moves the targets towards 0.5: 0.1 makes 0.05 and 0.95 of them. Of a record that has labels
    besides which are not among the classes, those that are count.
    """

    multilabel = True

    def sums(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the records' losses and their number: what several ranks or batches have to add up on their own.

        Args:
            logits: `(B, C)`.
            labels: `(B, C)`, as in a `RecordBatch`.

        Returns:
            Two scalars; the mean loss is the first divided by the second.
        """
        targets = labels.remainder(2).to(logits.dtype)
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        losses = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=self.weight, reduction="none")
        return losses.mean(dim=1).sum(), self.total_weight(labels).to(logits.dtype)

    def total_weight(self, labels: Tensor) -> Tensor:
        """The number of records with these labels `(B, C)`, a scalar: what the mean loss is divided by."""
        return torch.tensor(len(labels), device=labels.device)

    def divergence(self, logits: Tensor, others: Tensor) -> Tensor:
        """How far two predictions for the same records are from each other: symmetric Kullback-Leibler divergence.

        Args:
            logits: `(B, C)`; each class is a prediction for itself.
            others: `(B, C)`.

        Returns:
            A scalar, the mean of both directions over records and classes.
        """
        return ((logits.sigmoid() - others.sigmoid()) * (logits - others)).mean() / 2

    def _for_labels(self, labels: Sequence[str], weights: dict[str, float] | None) -> BinaryCrossEntropy:
        return BinaryCrossEntropy(labels, weights, self.label_smoothing)
