"""Records in columns, all of them text, read as a stream: what every kind of file becomes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from seqclf.errors import UserError, nearest


@dataclass(frozen=True, slots=True)
class Row:
    """One record as it was read.

    Args:
        line: the physical line where it begins (the header of a file is line 1), or else the number of the row,
            counted from 1, where there are no lines.
        values: one text per column; a missing value is the empty text.
    """

    line: int
    values: tuple[str, ...]


class Table(ABC):
    """A stream of rows under named columns; every value is text, and nothing is read before it is asked for.

    Args:
        name: what messages call it: the path of a file.
        columns: the names of the columns, no two alike.
    """

    unit = "line"  # what `Row.line` counts, as messages call it

    def __init__(self, name: str, columns: Sequence[str]) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.lists: frozenset[str] = frozenset()

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """All rows in order, from the start at every call, in bounded memory.

        Raises:
            UserError: for a broken row, when it is reached; the message names the file, the line and the column.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of everything that `rows` would give."""

    def stamp(self) -> tuple[str, int, int] | None:
        """A cheap key of the same content: path, size and time of change in ns; None where there is no such thing."""
        return None

    def shards(self) -> Sequence[Table]:
        """The tables that can be read side by side, in order; together they hold the rows of this one."""
        return [self]

    def select(self, names: Sequence[str]) -> Iterator[Row]:
        """All rows in order, each with only the values of these columns, in this order."""
        places = [self.column(name) for name in names]
        for row in self.rows():
            yield Row(row.line, tuple([row.values[place] for place in places]))

    def column(self, name: str, key: str = "data.text") -> int:
        """The place of a column among `columns`.

        Args:
            name: the column.
            key: the configuration key that named it, for the message.

        Raises:
            UserError: for a column that does not exist.
        """
        if name not in self.columns:
            found = f"It has {len(self.columns)}: {', '.join(map(repr, self.columns))}."
            raise UserError(f"{self.name} has no column {name!r} ({key}). {nearest(name, self.columns)} {found}")
        return self.columns.index(name)

    def allow_lists(self, *names: str) -> None:
        """Let these columns hold lists of texts, each one cell (`list_cell`); a list in any other column is refused."""
        self.lists |= set(names)

    def at(self, line: int, column: str | None = None) -> str:
        """How a message names a place: `train.csv, line 3, column 'title'`."""
        return f"{self.name}, {self.unit} {line}" + ("" if column is None else f", column {column!r}")


class MemoryTable(Table):
    """Records that are in memory already.

    Args:
        name: what messages call it.
        columns: the names of the columns.
        records: one sequence of texts per record, as many as there are columns.
    """

    unit = "row"

    def __init__(self, name: str, columns: Sequence[str], records: Sequence[Sequence[str]]) -> None:
        super().__init__(name, columns)
        self._records = records

    def rows(self) -> Iterator[Row]:
        """All rows in order, numbered from 1."""
        for number, values in enumerate(self._records, start=1):
            yield Row(number, tuple(values))

    def fingerprint(self) -> str:
        """SHA-256 of the columns and of every record."""
        return hash_rows(self.columns, self.rows())


def hash_rows(columns: Sequence[str], rows: Iterator[Row]) -> str:
    """SHA-256 of the columns and of every value in order; lengths are hashed too, so that no two tables look alike."""
    digest = hashlib.sha256()
    for values in chain([columns], (row.values for row in rows)):
        texts = [value.encode("utf-8", "surrogatepass") for value in values]
        digest.update(b"%d:" % len(texts) + b"".join(b"%d:%b" % (len(text), text) for text in texts))
    return digest.hexdigest()
