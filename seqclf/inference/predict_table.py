"""Predictions for a whole table, streamed from file to file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import IO, Any

from seqclf.data.columns import checked
from seqclf.data.table import Row, Table
from seqclf.errors import UserError, nearest
from seqclf.inference.atomic import replacing
from seqclf.inference.classifier import Classifier
from seqclf.inference.predict import probabilities
from seqclf.text.columns import NUMERIC
from seqclf.text.label_sets import SEPARATOR, is_list, list_texts, readable_cell
from seqclf.text.vocabulary import Vocabulary

PIECE = 8192  # rows that are read, sorted by length and predicted together
FORMATS = (".csv", ".jsonl")
OWN_COLUMNS = ("row", "label", "prediction", "probability")


def write_predictions(
    model: Classifier,
    table: Table,
    output: Path,
    label: str | None = None,
    rows: Container[int] | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> int:
    """Predict a table and write one line per row, in the order of the rows; memory does not grow with the table.

    The columns are `row` (counted from 0), every text column as read, `label` where there is one, `prediction`,
    `probability` and `probability/LABEL` for each class.

    Args:
        model: the classifier.
        table: where the records are read from; a text column that it lacks is a missing field.
        output: a .csv or .jsonl file; it is there whole or not at all.
        label: the column that holds the labels; None where there is none.
        rows: the rows to predict; None for all.
        progress: called as `progress(what, rows)` with how many rows are done.

    Returns:
        How many rows were written.

    Raises:
        UserError: for another file ending, or a table without any of the model's text columns.
    """
    if output.suffix not in FORMATS:
        raise UserError(f"{output}: predictions are written as {' or '.join(FORMATS)}, not {output.suffix!r}.")
    fields = model.vocab.columns
    if model.vocab.segment is not None:
        table.allow_lists(*fields)
    label = label if label in table.columns else None
    records = read_records(table, model.vocab, label)
    header = ["row", *(f"text/{name}" if name in OWN_COLUMNS else name for name in fields)]
    header += [] if label is None else ["label"]
    header += ["prediction", "probability", *(f"probability/{name}" for name in model.vocab.labels)]
    separator = model.vocab.label_separator or SEPARATOR
    written = 0
    with replacing(output) as temporary, temporary.open("w", encoding="utf-8", errors="replace", newline="") as file:
        write = _writer(file, header, output.suffix)
        for piece in _pieces(records, rows):
            texts = [values[: len(fields)] for _, values in piece]
            chances = probabilities(model, texts).tolist()
            given = model.given_labels(chances)
            for (row, values), words, (labels, chance), each in zip(piece, texts, given, chances, strict=True):
                gold = [readable_cell(cell, separator) for cell in values[len(fields) :]]
                write([row, *words, *gold, separator.join(labels), chance, *each])
            written += len(piece)
            if progress is not None:
                progress("predicting", written)
    return written


def read_records(table: Table, vocab: Vocabulary, label: str | None = None) -> Iterator[Row]:
    """The rows of a table as a model reads them; what stands in other columns is of no concern.

    Args:
        table: where the records are read from.
        vocab: of the model.
        label: the label column; None for none.

    Returns:
        Rows of one text per column of the model, "" for a column that the table lacks, and then the label.

    Raises:
        UserError: for a table that has none of the model's columns, or for pairs none of either side; for a cell that
            is wrong, when it is reached.
    """
    width = len(vocab.fields)
    for side in range(vocab.num_inputs):
        names = vocab.columns[side * width : (side + 1) * width]
        if not set(names) & set(table.columns):
            wanted = ", ".join(map(repr, names))
            hint = nearest(names[0], table.columns)
            raise UserError(f"{table.name} has none of the model's columns ({wanted}). {hint}")
    named = [*vocab.columns, *([] if label is None else [label])]
    read = [name for name in named if name in table.columns]
    places = [read.index(name) if name in read else None for name in named]
    kinds = {name: column.kind for name, column in vocab.kinds.items() if name in read}
    numeric = {name: read.index(name) for name, kind in kinds.items() if kind == NUMERIC}
    rows = checked(table, table.select(read), numeric)
    return (Row(row.line, tuple(["" if at is None else row.values[at] for at in places])) for row in rows)


def _writer(file: IO[str], header: list[str], suffix: str) -> Callable[[list[Any]], None]:
    if suffix == ".jsonl":
        return lambda row: print(_json(dict(zip(header, map(_listed, row), strict=True))), file=file)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    return lambda row: _write_row(writer, row)


def _write_row(writer: Any, row: list[Any]) -> None:
    values = [format(value, ".8g") if isinstance(value, float) else _listed(value) for value in row]
    writer.writerow([_json(value) if isinstance(value, list) else value for value in values])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _listed(value: Any) -> Any:
    """A cell that is a list as the list that was read."""
    return list_texts(value) if isinstance(value, str) and is_list(value) else value


def _pieces(records: Iterator[Row], rows: Container[int] | None) -> Iterator[list[tuple[int, tuple[str, ...]]]]:
    piece: list[tuple[int, tuple[str, ...]]] = []
    for number, row in enumerate(records):
        if rows is None or number in rows:
            piece.append((number, row.values))
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
