"""The baselines of a run, on the very records that its model learned from and is judged by; kept beside the store."""

from __future__ import annotations

import json
from collections.abc import Container

from seqclf.data.source import Tables
from seqclf.data.store import Store
from seqclf.data.table import Table
from seqclf.inference.atomic import replacing

MOST = 50_000  # training records that the baselines learn from


def baseline_figures(tables: Tables, store: Store) -> dict[str, float]:
    """Figures of the majority class and of a linear SVM, `baseline/linear/accuracy` and so on.

    Args:
        tables: the tables of the run.
        store: their numbered records, which say which rows are for training.

    Returns:
        Figures on the test records, or on the validation records where there is no labelled test table.
    """
    file = store.folder / "baselines.json"
    if not file.exists():
        figures = _compute(tables, store)
        with replacing(file) as temporary:
            temporary.write_text(json.dumps(figures), encoding="utf-8")
    kept: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
    return kept


def _compute(tables: Tables, store: Store) -> dict[str, float]:
    from seqclf.run.baselines import baselines  # scikit-learn takes a second to import, and is mostly not needed

    assert tables.train is not None and tables.label is not None and store.validation is not None
    chosen = store.train.rows
    learned = _read(tables.train, tables, set(chosen[:: max(1, len(chosen) // MOST)][:MOST].tolist()))
    if store.test is not None and store.test.labels is not None and tables.test is not None:
        judged = _read(tables.test, tables, None)
    elif tables.validation is not None:
        judged = _read(tables.validation, tables, None)
    else:
        judged = _read(tables.train, tables, set(store.validation.rows.tolist()))
    found = baselines(*learned, *judged)
    return {f"baseline/{name}/{figure}": value for name, row in found.items() for figure, value in row.items()}


def _read(table: Table, tables: Tables, rows: Container[int] | None) -> tuple[list[str], list[str]]:
    """The texts, fields joined by a space, and the labels of some rows; None for all."""
    texts, labels = [], []
    for number, row in enumerate(table.select([*tables.text, str(tables.label)])):
        if rows is None or number in rows:
            texts.append(" ".join(row.values[:-1]))
            labels.append(row.values[-1])
    return texts, labels
