"""Records between records."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.errors import UserError


class Mixup:
    """Mixup (Zhang et al. 2018, https://arxiv.org/abs/1710.09412) of record vectors.

    As in Guo et al. 2019 (https://arxiv.org/abs/1905.08941). Each record's vector is mixed with that of another record
    of the batch; the share, the same in all of the batch, is drawn from Beta(alpha, alpha). The loss is that of the
    mixture's prediction for the one label and for the other, in these shares. The metrics count the records as they
    are.

    Args:
        alpha: of the Beta distribution: small ones give shares near 0 or 1, 1 all shares alike.

    Raises:
        UserError: for an alpha that is not above 0.
    """

    def __init__(self, alpha: float = 0.2) -> None:
        if not 0 < alpha < math.inf:
            raise UserError(f"`alpha` must be above 0, but is {alpha}.")
        self.alpha = alpha

    def __call__(self, model: Any, batch: RecordBatch) -> Tensor:
        """The loss of a batch in training, a scalar."""
        labels = batch.labels
        assert labels is not None
        vectors = model.forward_tokens(batch)  # (B, H)
        margins = None if model.wide is None else model.wide(batch)  # (B, C), linear in the features as the mixture is
        with torch.no_grad():
            model.output_layer(vectors, labels, margins)
        share = float(torch.distributions.Beta(self.alpha, self.alpha).sample())
        partners = torch.randperm(len(labels), device=labels.device)
        mixed = share * vectors + (1.0 - share) * vectors[partners]
        if margins is not None:
            margins = share * margins + (1.0 - share) * margins[partners]
        with model.unrecorded():
            own, other = (model.output_layer(mixed, gold, margins)["loss"] for gold in (labels, labels[partners]))
        loss: Tensor = share * own + (1.0 - share) * other
        return loss
