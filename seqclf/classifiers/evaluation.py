"""Figures of a trained classifier on labelled records, read as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torchmetrics.classification import MulticlassAccuracy

from seqclf.classifiers.losses import CrossEntropy
from seqclf.classifiers.metrics import StageMetrics
from seqclf.inference.classifier import Classifier
from seqclf.inference.predict import outputs


class Scored(Classifier, Protocol):
    """A classifier with a loss."""

    loss: CrossEntropy


def evaluate(model: Scored, pieces: Iterable[tuple[Sequence[Sequence[str]], Sequence[str]]]) -> dict[str, float]:
    """Evaluate a classifier.

    Args:
        model: the classifier.
        pieces: records as one text per field, and their labels; a piece at a time is in memory.

    Returns:
        Every figure by name, as `StageMetrics.compute` gives them; labels that the model does not know count as wrong.
    """
    accuracy = MulticlassAccuracy(model.vocab.num_labels, average="micro")
    metrics = StageMetrics(model.vocab.labels, accuracy, scores=True).to(model.device)
    for texts, labels in pieces:
        indices = torch.from_numpy(model.vocab.label_indices(labels)).long().to(model.device)
        for rows, output in outputs(model, texts):
            gold = indices[torch.from_numpy(rows).to(model.device)]
            loss, weight = model.loss.sums(output["logits"], gold)
            metrics.update(output["logits"], gold, loss / weight.clamp(min=1e-30), weight)
    return metrics.compute()
