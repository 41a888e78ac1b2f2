"""A loss that looks away from what is already right."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F  # noqa: N812  # as everyone calls it
from torch import Tensor

from seqclf.classifiers.losses import CrossEntropy
from seqclf.errors import UserError


class FocalLoss(CrossEntropy):
    """Cross entropy that counts a record less the surer it already is (Lin et al. 2017, https://arxiv.org/abs/1708.02002).

    `sum(weight[y] * (1 - p[y]) ** gamma * -log p[y]) / sum(weight[y])`, over the softmax of all classes.

    Args:
        labels: the names of the classes.
        weights: a weight for each label, by name; "balanced" (every class counts the same) or "effective" (one over the
            effective number of samples, Cui et al. 2019, https://arxiv.org/abs/1901.05555); a JSON object of weights or
            the path of a file of one; None for equal weights.
        gamma: how quickly a record counts less; 0 is cross entropy.
        beta: of "effective" weights: 0 is equal weights, near 1 is almost "balanced".
        counts: how many training records each class has; "balanced" and "effective" need it.

    Raises:
        UserError: for weights that do not fit the labels, and for a negative gamma.
    """

    def __init__(
        self,
        labels: Sequence[str],
        weights: dict[str, float] | str | None = None,
        gamma: float = 2.0,
        beta: float = 0.999,
        counts: Sequence[int] | None = None,
    ) -> None:
        super().__init__(labels, weights, beta=beta, counts=counts)
        if gamma < 0:
            raise UserError(f"`gamma` must be at least 0, but is {gamma}.")
        self.gamma = gamma

    def sums(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the losses and the sum of the weights.

        Args:
            logits: `(B, C)`.
            labels: class indices `(B,)`.

        Returns:
            Two scalars; the mean loss is the first divided by the second.
        """
        known = labels >= 0
        targets = labels.clamp(min=0)  # (B,)
        surprise = F.nll_loss(logits.log_softmax(dim=-1), targets, reduction="none")  # (B,), -log p
        # the floor: the slope of a power below 1 has no end at 0
        missing = (-surprise.neg().expm1()).clamp(min=1e-12)  # (B,), 1 - p
        weight = known.to(logits.dtype) if self.weight is None else self.weight[targets] * known
        return (weight * missing**self.gamma * surprise).sum(), weight.sum()

    def _for_labels(self, labels: Sequence[str], weights: dict[str, float] | None) -> FocalLoss:
        return FocalLoss(labels, weights, self.gamma)
