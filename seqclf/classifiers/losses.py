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
        weights: a weight for each label, by name; "balanced" (every class counts the same); a JSON object of weights
            or the path of a file of one; None for equal weights.
        label_smoothing: how much of the target is spread over all classes (Szegedy et al. 2016,
            https://arxiv.org/abs/1512.00567).
        counts: how many training records each class has; "balanced" needs it.

    Attributes:
        weights: weight of each label by name, ready to be written down; None for equal weights.

    Raises:
        UserError: for weights that do not fit the labels.
    """

    weight: Tensor | None

    def __init__(
        self,
        labels: Sequence[str],
        weights: dict[str, float] | str | None = None,
        label_smoothing: float = 0.0,
        counts: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        probability(label_smoothing=label_smoothing)
        self.labels = list(labels)
        self.weights = named_weights(weights, self.labels, counts)
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
        known = targets >= 0
        if self.weight is None:
            return loss, known.sum().to(loss.dtype)
        return loss, (self.weight[targets] * known).sum()

    def extend(self, labels: Sequence[str]) -> CrossEntropy:
        """The same loss for more classes; the new ones get weight 1.

        Args:
            labels: the names of all classes, the known ones first.
        """
        weights = None if self.weights is None else {label: self.weights.get(label, 1.0) for label in labels}
        extended = CrossEntropy(labels, weights, self.label_smoothing)
        return extended if self.weight is None else extended.to(self.weight)
