"""Data frames and data sets in memory, where records may be given one by one too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqclf.data.memory import InMemory as InMemory
from seqclf.data.memory import table_in_memory
from seqclf.data.table import Table
from seqclf.data.typed import as_text
from seqclf.errors import UserError
from seqclf.inference.predict import Example, texts_of
from seqclf.inference.predict_table import read_records
from seqclf.inference.predictions import Predictions
from seqclf.text.label_sets import SEPARATOR, split_cell
from seqclf.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pandas import DataFrame


def texts_in(vocab: Vocabulary, records: Sequence[Example] | InMemory) -> list[list[str]]:
    """One text per column for each record, "" where it is missing.

    Args:
        vocab: of the model.
        records: one by one, or a table in memory.

    Raises:
        UserError: as `texts_of`, or as `read_records` for a table.
    """
    table = _table(records)
    if table is None:
        return texts_of(vocab, records)
    if vocab.reads_lists:
        table.allow_lists(*vocab.columns)
    return [list(row.values) for row in read_records(table, vocab)]


def labels_in(vocab: Vocabulary, records: Sequence[Example] | InMemory, labels: Sequence[Any] | str) -> Sequence[Any]:
    """The labels of records, as a file would have them.

    Args:
        vocab: of the model.
        records: what they are the labels of.
        labels: the labels themselves, or of a table in memory their column.

    Raises:
        UserError: for a column that there is not.
    """
    if not isinstance(labels, str):
        return [[*label] if isinstance(label, list | tuple) else _text(label) for label in labels]
    table = _table(records)
    if table is None:
        raise UserError(f"`labels` must be a list of labels, one per record, not the text {labels!r}.")
    table.allow_lists(labels)
    table.column(labels, "labels")
    cells = [row.values[0] for row in table.select([labels])]
    if vocab.label_separator is None:
        return cells
    return [split_cell(cell, vocab.label_separator or SEPARATOR) for cell in cells]


def like(records: Sequence[Example] | InMemory, predictions: Predictions) -> Predictions | DataFrame:
    """Predictions as their records were given: a DataFrame for a DataFrame."""
    if hasattr(records, "iloc"):
        return predictions.to_pandas().set_index(records.index)
    return predictions


def _text(label: Any) -> str:
    try:
        return as_text(label.item() if isinstance(label, np.generic) else label)
    except TypeError as error:
        raise UserError(f"`labels` must be texts, but there is {label!r}: {error}.") from None


def _table(records: Any) -> Table | None:
    return table_in_memory("records", records)
