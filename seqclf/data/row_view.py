"""Some of the rows of a table, as a table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from seqclf.data.table import Row, Table
from seqclf.ragged import IntArray


class RowView(Table):
    """Some of the rows of a table, in their order there.

    Args:
        table: where they are read from.
        rows: which rows, counted from 0, rising.
        name: what messages call it; None for the name of the table.
    """

    def __init__(self, table: Table, rows: IntArray, name: str | None = None) -> None:
        super().__init__(name or table.name, table.columns)
        self.table = table
        self.chosen = np.asarray(rows, dtype=np.int64)
        self.unit = table.unit

    def rows(self) -> Iterator[Row]:
        """The rows, each with the number that it has in the table."""
        return self._pick(self.table.rows())

    def select(self, names: Sequence[str]) -> Iterator[Row]:
        """The rows with these columns."""
        return self._pick(self.table.select(names))

    def column(self, name: str, key: str = "data.text") -> int:
        """The place of a column, as in the table."""
        return self.table.column(name, key)

    def allow_lists(self, *names: str) -> None:
        """Let these columns hold lists, in the table too."""
        super().allow_lists(*names)
        self.table.allow_lists(*names)

    def at(self, line: int, column: str | None = None) -> str:
        """The place in the table."""
        return self.table.at(line, column)

    def fingerprint(self) -> str:
        """A hash of the table's and of which rows these are."""
        return hashlib.sha256(f"{self.table.fingerprint()} {self._which()}".encode()).hexdigest()

    def stamp(self) -> tuple[str, int, int] | None:
        """That of the table, with which rows these are."""
        stamp = self.table.stamp()
        return None if stamp is None else (f"{stamp[0]} rows {self._which()}", *stamp[1:])

    def _which(self) -> str:
        return hashlib.sha256(self.chosen.tobytes()).hexdigest()

    def _pick(self, rows: Iterator[Row]) -> Iterator[Row]:
        wanted = iter(self.chosen.tolist())
        place = next(wanted, None)
        for number, row in enumerate(rows):
            if number == place:
                yield row
                place = next(wanted, None)
