"""What training makes small."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812  # as everyone calls it
from torch import Tensor, nn

from seqclf.classifiers.loss_weights import named_weights
from seqclf.nn.arguments import probability


class CrossEntropy(nn.Module):
    """Cross entropy, weighted by class: `sum(weight[y] * -log p[y]) / sum(weight[y])`.

    A label that is not among the classes (a negative one) adds nothing to either sum; the loss of none is 0.

    Args:
        labels: the names of the classes.
        weights: a weight for each label, by name; "balanced" (every class counts the same) or "effective" (one over the
            effective number of samples, Cui et al. 2019, https://arxiv.org/abs/1901.05555); a JSON object of weights or
            the path of a file of one; None for equal weights.
        label_smoothing: how much of the target is spread over all classes (Szegedy et al. 2016,
            https://arxiv.org/abs/1512.00567).
        beta: of "effective" weights: 0 is equal weights, near 1 is almost "balanced".
        counts: how many training records each class has; "balanced" and "effective" need it.

    Attributes:
        weights: weight of each label by name, ready to be written down; None for equal weights.

    Raises:
        UserError: for weights that do not fit the labels.
    """

    multilabel = False  # whether a record may have any number of labels
    weight: Tensor | None

    def __init__(
        self,
        labels: Sequence[str],
        weights: dict[str, float] | str | None = None,
        label_smoothing: float = 0.0,
        beta: float = 0.999,
        counts: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        probability(label_smoothing=label_smoothing)
        self.labels = list(labels)
        self.weights = named_weights(weights, self.labels, counts, beta)
        self.label_smoothing = label_smoothing
        weight = None if self.weights is None else torch.tensor(list(self.weights.values()))
        self.register_buffer("weight", weight, persistent=False)  # the configuration has it by name

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of a batch.

        Args:
            logits: `(B, C)`.
            labels: class indices `(B,)`.

        Returns:
            A scalar.
        """
        loss, weight = self.sums(logits, labels)
        return loss / weight.clamp(min=1e-30)  # where no label is known, both are 0

    def sums(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the losses and the sum of the weights: what several ranks or batches have to add up on their own.

        Args:
            logits: `(B, C)`.
            labels: class indices `(B,)`.

        Returns:
            Two scalars; the mean loss is the first divided by the second.
        """
        targets = labels.clamp(min=-1)  # (B,)
        loss = F.cross_entropy(
            logits, targets, self.weight, ignore_index=-1, reduction="sum", label_smoothing=self.label_smoothing
        )
        return loss, self.total_weight(targets).to(loss.dtype)

    def total_weight(self, labels: Tensor) -> Tensor:
        """The sum of the weights of records with these labels, a scalar: what the mean loss is divided by."""
        known = labels >= 0
        return known.sum() if self.weight is None else (self.weight[labels.clamp(min=0)] * known).sum()

    def divergence(self, logits: Tensor, others: Tensor) -> Tensor:
        """How far two predictions of the same records are from each other, on average.

        Args:
            logits: `(B, C)`.
            others: `(B, C)`.

        Returns:
            The mean over the records of the symmetric Kullback-Leibler divergence, half the sum of both directions.
        """
        p, q = logits.log_softmax(dim=-1), others.log_softmax(dim=-1)
        # (p - q) log(p / q), summed over the classes, is the sum of both directions
        return 0.5 * ((p.exp() - q.exp()) * (p - q)).sum(dim=-1).mean()

    def extend(self, labels: Sequence[str]) -> CrossEntropy:
        """The same loss for more classes; the new ones get weight 1.

        Args:
            labels: the names of all classes, the known ones first.
        """
        weights = None if self.weights is None else {label: self.weights.get(label, 1.0) for label in labels}
        extended = self._for_labels(labels, weights)
        return extended if self.weight is None else extended.to(self.weight)

    def _for_labels(self, labels: Sequence[str], weights: dict[str, float] | None) -> CrossEntropy:
        return CrossEntropy(labels, weights, self.label_smoothing)
