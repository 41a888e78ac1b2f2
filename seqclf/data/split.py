"""Cutting a validation part out of the training records."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqclf.errors import UserError
from seqclf.ragged import IntArray


def validation_mask(labels: npt.NDArray[np.int32], size: float, seed: int) -> npt.NDArray[np.bool_]:
    """Choose the records of the validation part: a part of every class, by chance, every class keeping one record.

    The shares of the classes are met as nearly as whole records allow (largest remainders).

    Args:
        labels: class indices `(R,)`.
        size: below 1 a share of the records, else how many there shall be; 0 for none.
        seed: the same seed and labels give the same part.

    Returns:
        True for the records of the validation part `(R,)`.

    Raises:
        UserError: for a size below 0 or one that leaves nothing to train on.
    """
    wanted = int(size) if size >= 1 else round(size * len(labels))
    if size < 0 or (wanted and wanted >= len(labels)):
        raise UserError(
            f"data.validation_size is {size}, but there are {len(labels)} records to cut the validation part from: "
            "give a share between 0 and 1, or a smaller count."
        )
    mask = np.zeros(len(labels), dtype=np.bool_)
    if wanted == 0:
        return mask
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    place = np.arange(len(labels)) - np.repeat(starts, counts)
    mask[by_class[place < np.repeat(_quotas(counts, wanted), counts)]] = True
    return mask


def _quotas(counts: IntArray, wanted: int) -> IntArray:
    """How many records each class gives, `(C,)`; never its last one."""
    exact = counts * wanted / counts.sum()
    quotas: IntArray = np.minimum(exact.astype(np.int64), counts - 1)
    rest = np.where(quotas < counts - 1, exact - quotas, -1.0)
    # Those that can give one more, by the largest remainder; the first class where two are equal.
    giving = np.argsort(-rest, kind="stable")[: max(wanted - int(quotas.sum()), 0)]
    quotas[giving[rest[giving] >= 0]] += 1
    return quotas
