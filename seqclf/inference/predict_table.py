"""Predictions for a whole table, streamed from file to file."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from seqclf.data.columns import checked
from seqclf.data.table import Row, Table
from seqclf.errors import UserError, nearest
from seqclf.inference.atomic import replacing
from seqclf.inference.classifier import Classifier
from seqclf.inference.decision import Decision
from seqclf.inference.pieces_folder import PiecesFolder
from seqclf.inference.predict import probabilities
from seqclf.inference.row_writers import FORMATS, writing
from seqclf.text.columns import NUMERIC
from seqclf.text.label_sets import SEPARATOR, readable_cell
from seqclf.text.vocabulary import Vocabulary

PIECE = 8192  # rows that are read, sorted by length and predicted together
OWN_COLUMNS = ("row", "label", "prediction", "probability")
Piece = list[tuple[int, tuple[str, ...]]]


class TablePredictions:
    """The predictions of a table, one row per record, in the order of the records; memory does not grow with the table.

    The columns are `row` (counted from 0), every text column as read, `label` where there is one, `prediction`,
    `probability` and `probability/LABEL` for each class; of the `top_k` likeliest classes alone `rank1`,
    `rank1/probability` and so on.

    Args:
        model: the classifier.
        table: where the records are read from; a text column that it lacks is a missing field.
        label: the column that holds the labels; None where there is none.
        rows: the rows to predict; None for all.
        decision: how labels are given.

    Raises:
        UserError: for a table without any of the model's text columns, or a threshold of an unknown label.
    """

    def __init__(
        self,
        model: Classifier,
        table: Table,
        label: str | None = None,
        rows: Container[int] | None = None,
        decision: Decision | None = None,
    ) -> None:
        vocab = model.vocab
        if vocab.reads_lists:
            table.allow_lists(*vocab.columns)
        label = label if label in table.columns else None
        self._model, self._rows, self._decision = model, rows, decision or Decision()
        self._decision.limits(vocab.labels)
        self._records = read_records(table, vocab, label)
        ranks = [f"rank{rank + 1}" for rank in range(min(self._decision.top_k or 0, vocab.num_labels))]
        told = [f"probability/{name}" for name in vocab.labels]
        if self._decision.top_k is not None:
            told = [name for rank in ranks for name in (rank, f"{rank}/probability")]
        own = {*OWN_COLUMNS, *told}
        gold = [] if label is None else ["label"]
        self.header = ["row", *(f"text/{name}" if name in own else name for name in vocab.columns), *gold]
        self.header += ["prediction", "probability", *told]
        self.numbers = [name for name in ("probability", *told) if name not in ranks]

    def pieces(self, skip: int = 0) -> Iterator[list[list[Any]]]:
        """The rows that are written, some thousands at a time.

        Args:
            skip: how many pieces are passed over: they were predicted before.

        Raises:
            UserError: for a cell that is wrong, when it is reached.
        """
        vocab = self._model.vocab
        width, separator = len(vocab.columns), vocab.label_separator or SEPARATOR
        for number, piece in enumerate(_pieces(self._records, self._rows)):
            if number < skip:
                continue
            texts = [values[:width] for _, values in piece]
            chances = probabilities(self._model, texts).tolist()
            given = self._decision.given(self._model, chances)
            yield [
                [
                    row,
                    *words,
                    *(readable_cell(cell, separator) for cell in values[width:]),
                    separator.join(labels or ()),
                    chance,
                    *self._told(each),
                ]
                for (row, values), words, (labels, chance), each in zip(piece, texts, given, chances, strict=True)
            ]

    def _told(self, chances: Sequence[float]) -> list[Any]:
        if self._decision.top_k is None:
            return list(chances)
        return list(chain(*self._decision.told(dict(zip(self._model.vocab.labels, chances, strict=True))).items()))


def write_predictions(
    model: Classifier,
    table: Table,
    output: Path,
    label: str | None = None,
    rows: Container[int] | None = None,
    progress: Callable[[str, int], None] | None = None,
    decision: Decision | None = None,
    resume: Mapping[str, Any] | None = None,
) -> int:
    """Predict a table into a file, as `TablePredictions` has its rows.

    Args:
        model: the classifier.
        table: where the records are read from.
        output: a .csv, .jsonl or .parquet file; it is there whole or not at all.
        label: the column that holds the labels; None where there is none.
        rows: the rows to predict; None for all.
        progress: called as `progress(what, rows)` with how many rows are done.
        decision: how labels are given; None for the model's own way.
        resume: what the predictions depend on besides, if they are to be kept piece by piece in a folder beside
            `output`, and taken from there by another call with the same; None writes them in one go.

    Returns:
        How many rows were written.

    Raises:
        UserError: for another file ending, and as `TablePredictions`.
    """
    if output.suffix not in FORMATS:
        raise UserError(f"{output}: predictions are written as {' or '.join(FORMATS)}, not {output.suffix!r}.")
    predictions = TablePredictions(model, table, label, rows, decision)
    form = (output.suffix, predictions.header, predictions.numbers)
    if resume is not None:
        return PiecesFolder(output, resume, *form).fill(predictions.pieces, progress)
    written = 0
    with replacing(output) as temporary, writing(temporary, *form) as write:
        for piece in predictions.pieces():
            write(piece)
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
    for side in range(vocab.num_sides):
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


def _pieces(records: Iterator[Row], rows: Container[int] | None) -> Iterator[Piece]:
    piece: Piece = []
    for number, row in enumerate(records):
        if rows is None or number in rows:
            piece.append((number, row.values))
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
