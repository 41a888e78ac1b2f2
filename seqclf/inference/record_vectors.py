"""Record vectors: what the output layer of a classifier reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from seqclf.inference.classifier import Classifier
from seqclf.inference.predict import outputs

BLOCK = 1024  # records whose similarities are in memory at once


class Projecting(Classifier, Protocol):
    """A classifier with a linear output layer."""

    projection: nn.Linear


def record_vectors(model: Projecting, texts: Sequence[Sequence[str]]) -> npt.NDArray[np.float32]:
    """The vector of each record `(R, H)`, in their order; of pairs, that of both records together.

    Args:
        model: the classifier.
        texts: one text per column for each record.
    """
    found = np.zeros((len(texts), model.projection.in_features), dtype=np.float32)
    seen: list[Tensor] = []
    taken = model.projection.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        for rows, _ in outputs(model, texts):
            found[rows] = seen.pop().float().cpu().numpy()
    finally:
        taken.remove()
    return found


def nearest_vectors(
    vectors: npt.NDArray[np.float32], others: npt.NDArray[np.float32] | None, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The nearest vectors by cosine, nearest first.

    Args:
        vectors: whose neighbours are looked for `(R, H)`.
        others: where they are looked for `(S, H)`; None for the same vectors, each but itself.
        count: how many.

    Returns:
        Their numbers and cosines, each `(R, K)`, K `count` or less where there are not so many.
    """
    here = _unit(vectors)
    there = here if others is None else _unit(others)
    count = min(count, len(there) - (others is None))
    numbers, cosines = np.zeros((len(here), count), dtype=np.int64), np.zeros((len(here), count), dtype=np.float32)
    for first in range(0, len(here) if count > 0 else 0, BLOCK):
        alike = here[first : first + BLOCK] @ there.T
        rows = np.arange(len(alike))
        if others is None:
            alike[rows, rows + first] = -np.inf
        best = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        close = np.take_along_axis(alike, best, axis=1)
        order = np.argsort(-close, axis=1, kind="stable")
        numbers[first : first + BLOCK] = np.take_along_axis(best, order, axis=1)
        cosines[first : first + BLOCK] = np.take_along_axis(close, order, axis=1)
    return numbers, cosines


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: npt.NDArray[np.float32] = vectors / np.maximum(lengths, 1e-12)
    return scaled
