"""Probabilities that mean what they say: one temperature for all logits."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

BINS = 15
WIDEST = 100.0  # temperatures lie between 1 / WIDEST and WIDEST
HALVINGS = 60
ENOUGH = 2**22  # logits that a temperature is fitted on; of more, evenly spaced records


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature `T` for which the softmax of `logits / T` fits the labels best (Guo et al. 2017).

    On Calibration of Modern Neural Networks, https://arxiv.org/abs/1706.04599. Where a record may have several labels
    it is the sigmoid of each logit, with one temperature for all labels: few of them have enough records for their own.
    It minimises the mean cross entropy, which has one minimum in `1 / T`. One record more is thought to be there, with
    a label by chance (after Platt 1999), or a few records that are all right would make every prediction certain.

    Args:
        logits: `(R, C)`, up to a number for each record where it has one label.
        labels: class indices `(R,)`; or, where a record may have several, 1 for each that it has, else 0 `(R, C)`.

    Returns:
        The temperature; 1 where there are no records.
    """
    if not logits.numel():
        return 1.0
    every = -(-logits.numel() // ENOUGH)
    logits, labels = logits[::every].double(), labels[::every]
    chance = 1 / (len(logits) + 1)
    if labels.dim() == 1:
        wanted = logits.gather(1, labels.unsqueeze(1)).squeeze(1) * (1 - chance) + logits.mean(dim=1) * chance
    else:
        wanted = logits * (labels * (1 - chance) + chance / 2)
    low, high = 1 / WIDEST, WIDEST  # of 1 / T; the slope of the cross entropy rises with it
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        slope = _expected(logits, middle, labels.dim() == 1).mean() - wanted.mean()
        if slope == 0:
            break
        low, high = (middle, high) if slope < 0 else (low, middle)
    return 1 / math.sqrt(low * high)


def calibration_error(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> float:
    """Expected calibration error in 15 bins: of the likeliest class, or of every label where a record may have several.

    Args:
        logits: `(R, C)`.
        labels: class indices `(R,)`, or `(R, C)` of 0 and 1.
        temperature: what the logits are divided by.
    """
    scaled = logits / temperature
    if labels.dim() == 1:
        classes = logits.shape[1]
        error = multiclass_calibration_error(scaled.softmax(dim=1), labels, classes, n_bins=BINS, validate_args=False)
    else:
        error = binary_calibration_error(scaled.sigmoid().flatten(), labels.flatten(), n_bins=BINS, validate_args=False)
    return float(error)


def _expected(logits: Tensor, inverse: float, one_label: bool) -> Tensor:
    """The slope of the log partition: each logit by the probability of its class."""
    scaled = logits * inverse
    if one_label:
        return (scaled.softmax(dim=1) * logits).sum(dim=1)
    return scaled.sigmoid() * logits


def logits_of(probabilities: Tensor) -> Tensor:
    """Logits `(R, C)` that have these probabilities `(R, C)`, of one label each."""
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()
