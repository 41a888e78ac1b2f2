"""Which record falls into which fold of a cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from seqclf.errors import UserError
from seqclf.ragged import IntArray


def assign_folds(labels: IntArray, folds: int, seed: int, groups: Sequence[str] | None = None) -> IntArray:
    """Deal records out to folds so that every fold has its share of every class.

    scikit-learn's `StratifiedKFold`, and with groups its `StratifiedGroupKFold`.

    Args:
        labels: the class of each record `(R,)`; of several labels the rarest.
        folds: how many folds, 2 or more.
        seed: the same seed and labels give the same folds.
        groups: records of equal group fall into the same fold; None where each stands alone.

    Returns:
        The fold of each record `(R,)`, from 0.

    Raises:
        UserError: for fewer than 2 folds, or fewer records (or groups) than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # half a second to import

    there = len(labels) if groups is None else len(set(groups))
    if not 2 <= folds <= there:
        what = "records" if groups is None else "groups"
        raise UserError(f"cv must be at least 2 and at most the number of {what}, {there}, but is {folds}.")
    if groups is None:
        # A class may have fewer records than there are folds, as long as one class has enough.
        labels = labels if np.bincount(labels - labels.min()).max() >= folds else np.zeros_like(labels)
        splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    else:
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold_of = np.zeros(len(labels), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        for fold, (_, held_out) in enumerate(splitter.split(labels, labels, groups)):
            fold_of[held_out] = fold
    return fold_of
