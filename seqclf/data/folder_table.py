"""The files of a folder as one table."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqclf.data.file_table import FileTable
from seqclf.data.table import Row, Table
from seqclf.errors import UserError


class FolderTable(Table):
    """The shards of a folder, one after another; all have the same columns, in any order.

    Args:
        folder: where they lie.
        files: the shards, in the order that they are read in.

    Raises:
        UserError: for a shard with other columns than the first one has.
    """

    def __init__(self, folder: Path, files: Sequence[FileTable]) -> None:
        first = files[0]
        super().__init__(str(folder), first.columns)
        self.folder = folder
        self.files = tuple(files)
        self.unit = first.unit
        self._before = [0]  # lines before each shard, as far as they have been read
        for file in files:
            for one, other in ((first, file), (file, first)):
                for name in one.columns:
                    if name not in other.columns:
                        raise UserError(
                            f"{other.name} has no column {name!r}, but {one.name} has: the files of a folder are one "
                            "table and have the same columns."
                        )

    def rows(self) -> Iterator[Row]:
        """All rows in order; their lines are counted on from shard to shard."""
        return self.select(self.columns)

    def select(self, names: Sequence[str]) -> Iterator[Row]:
        """All rows in order with these columns."""
        for number, file in enumerate(self.files):
            before, line = self._before[number], 0
            for row in file.select(names):
                line = row.line
                yield Row(before + line, row.values)
            if len(self._before) == number + 1:
                self._before.append(before + line)

    def column(self, name: str, key: str = "data.text") -> int:
        """The place of a column, which no shard refuses."""
        for file in self.files:
            file.column(name, key)
        return super().column(name, key)

    def allow_lists(self, *names: str) -> None:
        """Let these columns hold lists, in every shard."""
        super().allow_lists(*names)
        for file in self.files:
            file.allow_lists(*names)

    def at(self, line: int, column: str | None = None) -> str:
        """The shard that a row which was read stands in, and its line there."""
        number = bisect_left(self._before, line) - 1
        return self.files[number].at(line - self._before[number], column)

    def shards(self) -> Sequence[Table]:
        """The files."""
        return self.files

    def fingerprint(self) -> str:
        """SHA-256 of those of the shards, in order."""
        return _hash(file.fingerprint() for file in self.files)

    def stamp(self) -> tuple[str, int, int]:
        """The folder with a hash of what the shards say, the sum of their sizes, and the time of the last change."""
        stamps = [file.stamp() for file in self.files]
        name = f"{self.folder.resolve()}|{_hash(map(repr, stamps))}"
        return name, sum(size for _, size, _ in stamps), max(changed for _, _, changed in stamps)


def _hash(texts: Iterator[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
