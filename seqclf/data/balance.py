"""An epoch in which every class has its turn equally often."""

from __future__ import annotations

import numpy as np

from seqclf.ragged import IntArray


def balanced_order(classes: IntArray, rng: np.random.Generator) -> IntArray:
    """As many draws as there are records, shuffled, equally many of each class.

    Inside its class every record is drawn equally often but for one; which records and classes have the one more,
    where the numbers do not divide, is random. A record without a known class (a negative one) is never drawn.

    Args:
        classes: the class of each record `(R,)`.
        rng: where the draws come from.

    Returns:
        Indices of records `(R,)`; some more than once, others perhaps not at all.
    """
    there = np.unique(classes[classes >= 0])
    quotas = np.full(len(there), len(classes) // len(there))
    quotas[rng.permutation(len(there))[: len(classes) % len(there)]] += 1
    by_class = np.argsort(classes, kind="stable")
    starts, ends = (np.searchsorted(classes[by_class], there, side=side) for side in ("left", "right"))
    drawn = []
    for start, end, quota in zip(starts, ends, quotas, strict=True):
        members = by_class[start:end]
        whole, rest = divmod(int(quota), len(members))
        drawn += [np.tile(members, whole), rng.permutation(members)[:rest]]
    return rng.permutation(np.concatenate(drawn))
