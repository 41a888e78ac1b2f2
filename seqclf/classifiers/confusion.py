"""What a confusion matrix says of each class, and of all classes together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Figures = npt.NDArray[np.float64]


def by_class(confusion: Counts) -> tuple[Figures, Figures, Figures]:
    """Precision, recall and F1 of each class; 0 where there is nothing to divide by.

    Args:
        confusion: `(C, C)`, the count of records of each gold class (row) that were given each class (column).

    Returns:
        Precision, recall and F1, each `(C,)`.
    """
    right = np.diagonal(confusion)
    given, there = confusion.sum(axis=0), confusion.sum(axis=1)
    return _ratio(right, given), _ratio(right, there), _ratio(2 * right, given + there)


def averages(confusion: Counts) -> dict[str, float]:
    """Averages over all classes, those among them that do not occur: what scikit-learn gives for `labels=all`.

    Args:
        confusion: `(C, C)`, gold classes in rows.

    Returns:
        `f1_macro`, `f1_micro`, `f1_weighted` (by how often a class occurs), `precision_macro`, `recall_macro`.
    """
    precision, recall, f1 = by_class(confusion)
    there = confusion.sum(axis=1)
    total = max(int(there.sum()), 1)
    return {
        "f1_macro": float(f1.mean()),
        "f1_micro": float(np.trace(confusion) / total),
        "f1_weighted": float(f1 @ there / total),
        "precision_macro": float(precision.mean()),
        "recall_macro": float(recall.mean()),
    }


def named_by_class(confusion: Counts, labels: Sequence[str]) -> dict[str, float]:
    """`f1/LABEL`, `precision/LABEL`, `recall/LABEL` for every label; so a label called "accuracy" harms nothing.

    Args:
        confusion: `(C, C)`, gold classes in rows.
        labels: the names of the classes.
    """
    precision, recall, f1 = by_class(confusion)
    figures = {"f1": f1, "precision": precision, "recall": recall}
    return {
        f"{name}/{label}": float(value)
        for name, values in figures.items()
        for label, value in zip(labels, values, strict=True)
    }


def figures_of_counts(
    right: Counts, wrong: Counts, missed: Counts, labels: Sequence[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """The same figures where a record may have any number of labels; what scikit-learn gives for `zero_division=0`.

    Args:
        right: how many records were given each label and have it `(C,)`.
        wrong: how many were given it and have it not `(C,)`.
        missed: how many have it and were not given it `(C,)`.
        labels: the names of the classes.

    Returns:
        `f1_macro`, `f1_micro`, `f1_weighted`, `precision_macro`, `recall_macro`; and `f1/LABEL`, `precision/LABEL`,
        `recall/LABEL` for every label.
    """
    there = right + missed
    precision, recall = _ratio(right, right + wrong), _ratio(right, there)
    f1 = _ratio(2 * right, 2 * right + wrong + missed)
    total = 2 * int(right.sum()) + int(wrong.sum()) + int(missed.sum())
    averaged = {
        "f1_macro": float(f1.mean()),
        "f1_micro": 2 * int(right.sum()) / max(total, 1),
        "f1_weighted": float(f1 @ there / max(int(there.sum()), 1)),
        "precision_macro": float(precision.mean()),
        "recall_macro": float(recall.mean()),
    }
    figures = {"f1": f1, "precision": precision, "recall": recall}
    by_label = {
        f"{name}/{label}": float(value)
        for name, values in figures.items()
        for label, value in zip(labels, values, strict=True)
    }
    return averaged, by_label


def fbeta_of_counts(
    right: Counts, wrong: Counts, missed: Counts, labels: Sequence[str], beta: float
) -> dict[str, float]:
    """F-beta of each class and its averages; what scikit-learn gives for `labels=all` and `zero_division=0`.

    Args:
        right: how many records were given each label and have it `(C,)`.
        wrong: how many were given it and have it not `(C,)`.
        missed: how many have it and were not given it `(C,)`.
        labels: the names of the classes.
        beta: how many times as much recall counts as precision.

    Returns:
        `fbeta_macro`, `fbeta_micro`, `fbeta_weighted`, and `fbeta/LABEL` for every label.
    """
    part: Figures = (1 + beta**2) * right.astype(np.float64)
    whole: Figures = part + beta**2 * missed + wrong
    scores, there = _ratio(part, whole), right + missed
    return {
        "fbeta_macro": float(scores.mean()),
        "fbeta_micro": float(part.sum() / (whole.sum() or 1)),
        "fbeta_weighted": float(scores @ there / max(int(there.sum()), 1)),
        **{f"fbeta/{label}": float(score) for label, score in zip(labels, scores, strict=True)},
    }


def _ratio(part: Counts | Figures, whole: Counts | Figures) -> Figures:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
