"""From what probability on a record is given a label."""

from __future__ import annotations

import torch
from torch import Tensor

HALF = 0.5
EDGE = 1e-6  # thresholds keep this far from 0 and 1


def best_thresholds(probabilities: Tensor, labels: Tensor) -> Tensor:
    """For each class the threshold with the best F1 (Lipton et al. 2014, https://arxiv.org/abs/1402.1892).

    A threshold lies half way between two neighbouring probabilities; it is 0.5 where that is as good, and where no
    record has the label.

    Args:
        probabilities: `(R, C)`.
        labels: 1 for each label that a record has, else 0 `(R, C)`.

    Returns:
        `(C,)`.
    """
    return torch.stack([_best(*column) for column in zip(probabilities.T.double(), labels.T, strict=True)])


def _best(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The same for one class, `(R,)` each."""
    half = torch.tensor(HALF, dtype=torch.float64)
    if not labels.any():
        return half.float()
    values, order = probabilities.sort(descending=True)
    right = labels[order].double().cumsum(0)
    given = torch.arange(1, len(values) + 1, dtype=torch.float64)
    f1 = 2 * right / (given + labels.sum())
    below = torch.cat([values[1:], values.new_zeros(1)])
    f1[values == below] = -1.0  # no threshold lies between equals
    best = int(f1.argmax())
    above = probabilities > half
    of_half = 2 * labels[above].sum().double() / (above.sum() + labels.sum())
    threshold = half if of_half >= f1[best] else (values[best] + below[best]) / 2
    return threshold.clamp(EDGE, 1 - EDGE).float()
