"""The records of one split on their way into the store."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

from seqclf.data.record_files import RecordsWriter
from seqclf.data.records import PIECE, index_records
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
        self.labels = None
        if found.labels is not None:  # the last entry serves the -1 of a missing label
            self.labels = np.append(vocabulary.label_indices(found.names), np.int32(MISSING_LABEL))[found.labels]
        self._table = WordTable(vocabulary) if vocabulary.word_indexers else None
        self.writer = RecordsWriter(folder, labelled=found.labels is not None, table=self._table)
        self._records: list[tuple[str, ...]] = []
        self._rows: list[int] = []
        self._characters = 0

    def add(self, row: int, texts: tuple[str, ...]) -> None:
        """Take the record that stood in this row of the table."""
        self._records.append(texts)
        self._rows.append(row)
        self._characters += sum(map(len, texts))
        if len(self._records) == PIECE or self._characters > CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        rows = np.array(self._rows, dtype=np.int64)
        labels = None if self.labels is None else self.labels[rows]
        self.writer.append(index_records(self.vocabulary, self._records, self._table), labels, rows)
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
