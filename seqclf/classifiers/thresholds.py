"""From what probability on a record is given a label."""

from __future__ import annotations

import torch
from torch import Tensor

HALF = 0.5
EDGE = 1e-6  # thresholds keep this far from 0 and 1
ENOUGH = 10  # records with a label, for it to have a threshold of its own


def best_thresholds(probabilities: Tensor, labels: Tensor) -> Tensor:
    """For each class the threshold with the best F1 (Lipton et al. 2014, https://arxiv.org/abs/1402.1892).

    A threshold lies half way between two neighbouring probabilities; it is 0.5 where that is as good. A class of few
    records would be fitted to these, often by a threshold near 0 that gives its label to all: such classes have the one
    threshold that is best for all labels of all records taken together.

    Args:
        probabilities: `(R, C)`.
        labels: 1 for each label that a record has, else 0 `(R, C)`.

    Returns:
        `(C,)`.
    """
    probabilities = probabilities.double()
    common = _best(probabilities.flatten(), labels.flatten())
    columns = zip(probabilities.T, labels.T, strict=True)
    return torch.stack([_best(*column) if column[1].sum() >= ENOUGH else common for column in columns])


def _best(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The same for one class, `(R,)` each; 0.5 where no record has the label."""
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
