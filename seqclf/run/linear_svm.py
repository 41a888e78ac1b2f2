"""A linear SVM on sub-linear TF-IDF of words and word pairs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from seqclf.ragged import IntArray
from seqclf.text.label_sets import readable_cell

PIECE = 8192  # records that are predicted at once
WORDS = r"\w+|[^\w\s]"  # as the models read by default: runs of letters and digits, every other character alone


def linear_svm(texts: list[str], targets: IntArray, eval_texts: Iterator[str]) -> IntArray | None:
    """What a linear SVM gives (scikit-learn's `TfidfVectorizer` and `LinearSVC`).

    Args:
        texts: what it learns from, joined.
        targets: class indices `(R,)`; or 1 for each label that a record has, `(R, C)`: one against the rest then.
        eval_texts: what it is asked.

    Returns:
        Like `targets`, for the texts it is asked; None where there is nothing that it could learn.
    """
    from sklearn.exceptions import ConvergenceWarning  # half a second to import
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import LinearSVC

    if not len(targets) or (targets == targets[0]).all() or not any(text.strip() for text in texts):
        return None
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORDS)
    classifier = LinearSVC(dual="auto", random_state=0)
    if targets.ndim > 1:
        classifier = OneVsRestClassifier(classifier)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="Label .* is present in all training examples")
        classifier.fit(vectorizer.fit_transform(texts), targets)
    pieces = [np.zeros((0, *targets.shape[1:]), dtype=np.int64)]
    while piece := list(islice(eval_texts, PIECE)):
        pieces.append(classifier.predict(vectorizer.transform(piece)))
    return np.concatenate(pieces)


def pick(items: Iterable[Sequence[str]], places: IntArray) -> Iterator[Sequence[str]]:
    """The items at some places, which rise."""
    wanted = iter(places.tolist())
    place = next(wanted, None)
    for number, item in enumerate(items):
        if number == place:
            yield item
            place = next(wanted, None)


def joined(records: Iterable[Sequence[str]]) -> Iterator[str]:
    """The texts of each record, one after another."""
    return (" ".join(readable_cell(text, " ") for text in texts) for texts in records)
