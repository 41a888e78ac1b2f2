"""Figures of a trained classifier on labelled records, read as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from seqclf.classifiers.label_space import LabelSpace
from seqclf.errors import UserError
from seqclf.inference.predict import outputs


def evaluate(model: LabelSpace, pieces: Iterable[tuple[Sequence[Sequence[str]], Sequence[Any]]]) -> dict[str, float]:
    """Evaluate a classifier.

    Args:
        model: the classifier.
        pieces: records as one text per column, and their labels (a list of labels each, where a record may have
            several); a piece at a time is in memory.

    Returns:
        Every figure by name, as the model's metrics give them; labels that the model does not know count as wrong.

    Raises:
        UserError: where there are not as many labels as records.
    """
    metrics = model.new_metrics(scores=True).to(model.device)
    with model.recording(metrics):
        for texts, labels in pieces:
            if len(texts) != len(labels):
                raise UserError(f"There are {len(texts)} records, but {len(labels)} labels: each record needs its own.")
            for _ in outputs(model, texts, model.gold(labels)):
                pass
    return metrics.compute() | model.calibration_figures(metrics)
