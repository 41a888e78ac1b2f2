"""The records of one split on their way into the store."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

from seqclf.data.indexing import index_records
from seqclf.data.record_files import RecordsWriter
from seqclf.data.records import PIECE
from seqclf.data.scan import Scan
from seqclf.data.word_table import WordTable
from seqclf.text.vocabulary import MISSING_LABEL, Vocabulary

CHARACTERS = 2_000_000  # that are numbered at once, so that long texts do not add up in memory


class Part:
    """Records that are numbered and written a piece at a time; whole when the `with` block is left.

    Args:
        folder: where the arrays shall lie.
        vocabulary: numbers words and labels.
        found: the first reading of the table that the records are from.
    """

    def __init__(self, folder: Path, vocabulary: Vocabulary, found: Scan) -> None:
        self.vocabulary = vocabulary
        self.places = found.labels  # of the labels of each row, in the list of what rows have
        missing = np.array([MISSING_LABEL], dtype=np.int32)  # the last entry serves the -1 of a missing label
        self.sets = [*map(vocabulary.label_indices, found.sets), missing]
        self._table = WordTable(vocabulary) if vocabulary.word_indexers else None
        multilabel = vocabulary.label_separator is not None
        self.writer = RecordsWriter(folder, found.labels is not None, self._table, multilabel)
        self._records: list[tuple[str, ...]] = []
        self._rows: list[int] = []
        self._characters = 0

    @property
    def words(self) -> list[str]:
        """The distinct words so far, where something looks inside of words."""
        return [] if self._table is None else self._table.words

    def add(self, row: int, texts: tuple[str, ...]) -> None:
        """Take the record that stood in this row of the table."""
        self._records.append(texts)
        self._rows.append(row)
        self._characters += sum(map(len, texts))
        if len(self._records) == PIECE or self._characters > CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        rows = np.array(self._rows, dtype=np.int64)
        labels, counts = None, None
        if self.places is not None and len(rows):
            sets = [self.sets[place] for place in self.places[rows].tolist()]
            labels = np.concatenate(sets)
            counts = None if self.vocabulary.label_separator is None else np.array([len(each) for each in sets])
        self.writer.append(index_records(self.vocabulary, self._records, self._table), labels, rows, counts)
        self._records, self._rows, self._characters = [], [], 0

    def __enter__(self) -> Part:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Write the last piece and have the files whole, unless something went wrong."""
        try:
            if kind is None:
                self._flush()
                self.writer.finish()
        finally:
            self.writer.close()
