import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from seqclf.data.records import IndexedRecords
from seqclf.run.linear_svm import WORDS
from seqclf.run.multilabel_baselines import multilabel_baselines


def records(sets: list[list[int]], classes: int = 3) -> IndexedRecords:
    count = len(sets)
    offsets = np.concatenate([[0], np.cumsum([len(labels) for labels in sets])]).astype(np.int64)
    labels = np.array([label for each in sets for label in each], dtype=np.int32)
    ids, rows = np.zeros(count, dtype=np.int32), np.arange(count + 1)
    return IndexedRecords(
        ids, rows, np.zeros(count, dtype=np.int16), rows, labels, label_offsets=offsets, num_labels=classes
    )


def test_majority_is_the_commonest_set_and_linear_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    matrix = (random.random((90, 3)) < 0.4).astype(np.int64)
    words = np.array([["red", "ball"], ["leaf", "tree"], ["sky", "sea"]])
    texts = [
        (" ".join([*(random.choice(words[label]) for label in np.nonzero(row)[0]), *random.choice(["a", "b"], 3)]),)
        for row in matrix
    ]
    sets = [np.nonzero(row)[0].tolist() for row in matrix]
    found = multilabel_baselines(texts[:60], records(sets[:60]), iter(texts[60:]), records(sets[60:]), 1000)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORDS)
    features = vectorizer.fit_transform([text for (text,) in texts[:60]])
    svm = OneVsRestClassifier(LinearSVC(random_state=0)).fit(features, matrix[:60])
    given = svm.predict(vectorizer.transform([text for (text,) in texts[60:]]))
    assert found["linear"]["accuracy"] == pytest.approx(accuracy_score(matrix[60:], given))
    assert found["linear"]["f1_macro"] == pytest.approx(f1_score(matrix[60:], given, average="macro", zero_division=0))
    rows, counts = np.unique(matrix[:60], axis=0, return_counts=True)
    shares = [accuracy_score(matrix[60:], np.tile(row, (30, 1))) for row in rows[counts == counts.max()]]
    assert found["majority"]["accuracy"] in [pytest.approx(share) for share in shares]
    assert found["majority"]["records"] == 60


def test_labels_besides_that_training_did_not_have_are_wrong() -> None:
    sets: list[list[int]] = [[0], [0], [1]]
    texts = [("a",), ("a",), ("b",)]
    found = multilabel_baselines(texts, records(sets), iter(texts), records([[0], [0, -1], [0]]), 10)
    assert found["majority"]["accuracy"] == pytest.approx(2 / 3)
    assert found["majority"]["f1_micro"] == 1.0
