"""What a model has to beat: the majority class, and a linear model of words and word pairs."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from seqclf.classifiers.confusion import averages
from seqclf.data.source import Source
from seqclf.data.store import Store
from seqclf.data.table import Table
from seqclf.errors import UserError
from seqclf.inference.atomic import replacing
from seqclf.ragged import IntArray
from seqclf.run.linear_svm import WORDS, joined, linear_svm, pick
from seqclf.run.multilabel_baselines import multilabel_baselines
from seqclf.text.vocabulary import MISSING_LABEL

log = logging.getLogger("seqclf")

LIMIT = 50_000  # training records of the linear model

Figures = dict[str, dict[str, float]]


def run_baselines(source: Source, store: Store) -> dict[str, float]:
    """The baselines of a run on its test records, or else on its validation records; kept beside the store.

    Args:
        source: the tables of the run.
        store: its records.

    Returns:
        `baseline/majority/NAME` and `baseline/linear/NAME`, of the names that `baselines` gives; nothing where no
        record has a label to be scored by.
    """
    settings = {"scikit-learn": version("scikit-learn"), "limit": LIMIT, "words": WORDS}
    file = store.folder.with_name(f"{store.folder.name}-baselines.json")
    kept = _read(file)
    if kept.get("settings") != settings:
        kept = {"settings": settings, "figures": _of_run(source, store)}
        try:
            with replacing(file) as temporary:
                temporary.write_text(json.dumps(kept), encoding="utf-8")
        except UserError as error:  # they are only computed again next time
            log.debug("%s", error)
    return {f"baseline/{name}/{key}": value for name, own in kept["figures"].items() for key, value in own.items()}


def baselines(
    train_texts: Iterable[Sequence[str]],
    train_labels: Sequence[str],
    eval_texts: Iterable[Sequence[str]],
    eval_labels: Sequence[str | None],
    limit: int = LIMIT,
) -> Figures:
    """Two models that cost nothing, trained and scored.

    `majority` gives every record the commonest label; `linear` is a linear SVM on sub-linear TF-IDF of words and word
    pairs, all fields of a record joined (scikit-learn's `TfidfVectorizer` and `LinearSVC`).

    Args:
        train_texts: the texts of each training record, one per field; may be a stream.
        train_labels: the label of each.
        eval_texts: the texts of each record to score on; may be a stream.
        eval_labels: the label of each; one that is not among the training labels counts as wrong in `accuracy` and
            stays out of the rest.
        limit: how many training records the linear model learns from, chosen by chance; the majority is of all.

    Returns:
        For `majority` and `linear` each `accuracy`, `f1_macro`, `f1_micro`, `f1_weighted`, `precision_macro`,
        `recall_macro`, and `records`: how many training records it was learned from.
    """
    labels = sorted(set(train_labels))
    index = {label: number for number, label in enumerate(labels)}
    gold = np.array([index.get(label, -1) if label is not None else -1 for label in eval_labels], dtype=np.int64)
    commonest = index[Counter(train_labels).most_common(1)[0][0]]
    chosen = np.sort(np.random.default_rng(0).permutation(len(train_labels))[:limit])
    targets = np.array([index[train_labels[row]] for row in chosen])
    given = linear_svm(list(joined(pick(train_texts, chosen))), targets, joined(eval_texts))
    majority = np.full(len(gold), commonest)
    return {
        "majority": _score(majority, gold, len(labels), len(train_labels)),
        "linear": _score(majority if given is None else given, gold, len(labels), len(chosen)),
    }


def _score(given: IntArray, gold: IntArray, classes: int, records: int) -> dict[str, float]:
    confusion = np.zeros((classes, classes), dtype=np.int64)
    known = gold >= 0
    np.add.at(confusion, (gold[known], given[known]), 1)
    accuracy = float(np.trace(confusion) / max(len(gold), 1))
    return {"accuracy": accuracy, **averages(confusion), "records": float(records)}


def _of_run(source: Source, store: Store) -> Figures:
    tables, records = source.tables(), store.test
    table = tables.test
    if records is None or records.labels is None or (len(records.labels) and (records.labels == MISSING_LABEL).all()):
        records, table = store.validation, tables.validation or tables.train
    if tables.train is None or store.train.labels is None or table is None or records is None or records.labels is None:
        return {}
    if store.vocabulary.label_separator is not None:
        train_texts = _texts(tables.train, tables.text, store.train.rows)
        return multilabel_baselines(train_texts, store.train, _texts(table, tables.text, records.rows), records, LIMIT)
    names = dict(enumerate(store.vocabulary.labels))
    scored = records.labels != MISSING_LABEL
    return baselines(
        _texts(tables.train, tables.text, store.train.rows),
        [names[label] for label in store.train.labels.tolist()],
        _texts(table, tables.text, records.rows[scored]),
        [names.get(label) for label in records.labels[scored].tolist()],
    )


def _texts(table: Table, columns: Sequence[str], rows: IntArray) -> Iterator[Sequence[str]]:
    return pick((row.values for row in table.select(columns)), rows)


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
