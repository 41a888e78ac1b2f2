"""What a model of several labels has to beat: the commonest set of labels, and a linear model for each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from seqclf.classifiers.confusion import figures_of_counts
from seqclf.data.records import IndexedRecords
from seqclf.ragged import IntArray
from seqclf.run.linear_svm import joined, linear_svm, pick


def multilabel_baselines(
    train_texts: Iterable[Sequence[str]],
    train: IndexedRecords,
    eval_texts: Iterator[Sequence[str]],
    scored: IndexedRecords,
    limit: int,
) -> dict[str, dict[str, float]]:
    """Two models that cost nothing, trained and scored.

    `majority` gives every record the commonest set of labels; `linear` is a linear SVM for each label against the rest.

    Args:
        train_texts: the texts of each training record, one per column; may be a stream.
        train: the same records, for their labels.
        eval_texts: the texts of each record to score on; may be a stream.
        scored: the same records, for their labels; one that has labels besides which no training record has counts as
            wrong in `accuracy`.
        limit: how many training records the linear model learns from, chosen by chance; the majority is of all.

    Returns:
        For `majority` and `linear` each `accuracy` (exactly the right labels), `f1_macro`, `f1_micro`, `f1_weighted`,
        `precision_macro`, `recall_macro`, and `records`: how many training records it was learned from.
    """
    gold = _labels(scored, np.arange(len(scored)))
    chosen = np.sort(np.random.default_rng(0).permutation(len(train))[:limit])
    given = linear_svm(list(joined(pick(train_texts, chosen))), _labels(train, chosen), joined(eval_texts))
    majority = np.zeros_like(gold)
    majority[:, list(_commonest(train))] = 1
    return {
        "majority": _score(majority, gold, len(train)),
        "linear": _score(majority if given is None else given, gold, len(chosen)),
    }


def _commonest(records: IndexedRecords) -> tuple[int, ...]:
    assert records.labels is not None
    assert records.label_offsets is not None
    sets = np.split(records.labels, records.label_offsets[1:-1])
    return Counter(tuple(sorted(labels.tolist())) for labels in sets).most_common(1)[0][0]


def _labels(records: IndexedRecords, rows: IntArray) -> IntArray:
    labels = records.labels_of(rows)
    assert labels is not None
    return labels


def _score(given: IntArray, gold: IntArray, records: int) -> dict[str, float]:
    known, labels = gold.min(axis=1) >= 0, gold % 2
    right = (given == labels).all(axis=1) & known
    hit, wrong, missed = (((given == one) & (labels == there)).sum(axis=0) for one, there in ((1, 1), (1, 0), (0, 1)))
    averaged, _ = figures_of_counts(hit, wrong, missed, [str(label) for label in range(gold.shape[1])])
    return {"accuracy": float(right.mean()), **averaged, "records": float(records)}
