from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, fbeta_score, precision_recall_fscore_support

from seqclf.classifiers.confusion import averages, by_class, fbeta_of_counts, named_by_class

CLASSES = 5
PAIRS = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=40)


def confusion_of(pairs: list[tuple[int, int]]) -> np.ndarray:
    confusion = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    for gold, given_class in pairs:
        confusion[gold, given_class] += 1
    return confusion


@given(PAIRS)
def test_every_figure_is_scikit_learns_for_all_labels(pairs: list[tuple[int, int]]) -> None:
    gold, given_class = zip(*pairs, strict=True)
    labels = range(CLASSES)
    precision, recall, f1, _ = precision_recall_fscore_support(gold, given_class, labels=labels, zero_division=0)
    ours = by_class(confusion_of(pairs))
    for mine, theirs in zip(ours, (precision, recall, f1), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    found = averages(confusion_of(pairs))
    assert found["precision_macro"] == pytest.approx(precision.mean())
    assert found["recall_macro"] == pytest.approx(recall.mean())
    for average in ("macro", "micro", "weighted"):
        theirs = f1_score(gold, given_class, labels=labels, average=average, zero_division=0)
        assert found[f"f1_{average}"] == pytest.approx(theirs)


@given(PAIRS, st.sampled_from([0.1, 0.5, 1.0, 2.0]))
def test_fbeta_is_scikit_learns_for_all_labels(pairs: list[tuple[int, int]], beta: float) -> None:
    gold, given_class = zip(*pairs, strict=True)
    confusion, names = confusion_of(pairs), list("abcde")
    right = np.diagonal(confusion)
    found = fbeta_of_counts(right, confusion.sum(axis=0) - right, confusion.sum(axis=1) - right, names, beta)

    def expected(average: str | None) -> Any:
        return fbeta_score(gold, given_class, beta=beta, labels=range(CLASSES), average=average, zero_division=0)

    assert [found[f"fbeta/{name}"] for name in names] == pytest.approx(expected(None).tolist())
    for average in ("macro", "micro", "weighted"):
        assert found[f"fbeta_{average}"] == pytest.approx(expected(average))


def test_a_label_named_like_a_figure_hides_nothing() -> None:
    found = named_by_class(np.array([[2, 1], [0, 3]]), ["accuracy", "average"])
    assert found["recall/accuracy"] == pytest.approx(2 / 3)
    assert set(found) == {
        f"{name}/{label}" for name in ("f1", "precision", "recall") for label in ("accuracy", "average")
    }


def test_no_record_gives_zeros() -> None:
    assert set(averages(np.zeros((3, 3), dtype=np.int64)).values()) == {0.0}
