"""All that the content of a store depends on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seqclf.data.scan import TICK, Progress
from seqclf.data.source import Tables
from seqclf.data.table import Table
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Settings:
    """All that the content of a store depends on; the arguments of `build_store`."""

    tables: Tables
    tokenization: Tokenization
    validation_size: float
    split_seed: int
    join_fields: bool
    word_indexers: Mapping[str, Mapping[str, Any]]
    start: Vocabulary | None = None
    label_separator: str | None = None
    cross: bool = False

    @property
    def segment(self) -> str | None:
        """What each field is cut into; None where it is one sequence."""
        return self.tokenization.segment if self.start is None else self.start.segment

    def label_of(self, split: str) -> str | None:
        """The label column of a table; None where it has none."""
        label = self.tables.label
        return label if label in self.named_tables()[split].columns else None

    def without_tables(self) -> Settings:
        """The same for another process, which is handed the tables that it reads."""
        return replace(self, tables=replace(self.tables, train=None, validation=None, test=None))

    def named_tables(self) -> dict[str, Table]:
        """The tables that there are, by split."""
        tables = {"train": self.tables.train, "validation": self.tables.validation, "test": self.tables.test}
        return {split: table for split, table in tables.items() if table is not None}

    def stamps(self) -> list[tuple[str, int, int] | None]:
        """What changes when a file is written to, for every table."""
        return [table.stamp() for table in self.named_tables().values()]

    def records(self, split: str, doing: str, progress: Progress) -> Iterator[tuple[str, ...]]:
        """The texts of every record of a table; progress is told what is being done."""
        table, done = self.named_tables()[split], 0
        for done, row in enumerate(table.select(self.tables.text), start=1):
            if done % TICK == 0:
                progress(f"{doing} {table.name}", done)
            yield row.values
        progress(f"{doing} {table.name}", done)
