"""Some of the training records of a source."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seqclf.data.row_view import RowView
from seqclf.data.scan import scan
from seqclf.data.source import Source
from seqclf.data.split import validation_mask
from seqclf.data.subset import Subset
from seqclf.data.table import Table
from seqclf.errors import UserError
from seqclf.ragged import IntArray
from seqclf.text.label_sets import SEPARATOR


class Sample(Subset):
    """A source with fewer training records: so many of every class as its share is, and of every class one at least.

    The validation and the test records stay as they are. A larger sample of the same seed holds the smaller one.

    Args:
        source: makes the source.
        records: how many records are learned from.
        drawn_by: seed of the sample.
        validation_share: share (or number) of the training records that choose the epoch, where the source has no
            validation table; they are cut off before, the same ones for every sample.
        cut_by: seed of that cut.
        multilabel: whether a record may have any number of labels.
    """

    def __init__(
        self,
        source: Callable[[], Source],
        records: int,
        drawn_by: int,
        validation_share: float = 0.1,
        cut_by: int = 13,
        multilabel: bool = False,
    ) -> None:
        super().__init__(source())
        self.records = records
        self.drawn_by = drawn_by
        self.validation_share = validation_share
        self.cut_by = cut_by
        self.multilabel = multilabel

    def choose(self) -> dict[str, Table]:
        """The sample as `train`, the rest as it was."""
        table, labels, parts, pool = self._pool()
        if not 1 <= self.records <= len(pool):
            raise UserError(
                f"A sample has at least 1 and at most all {len(pool)} training records, not {self.records}."
            )
        rows = pool[draw(labels[pool], self.records, self.drawn_by)]
        return {**parts, "train": RowView(table, rows, f"{table.name} ({self.records} records)")}

    def available(self) -> int:
        """How many training records a sample may have at most."""
        return len(self._pool()[-1])

    def _pool(self) -> tuple[Table, IntArray, dict[str, Table], IntArray]:
        """The training table, its labels, the other tables, and the rows that may be learned from."""
        tables = self.source.tables()
        if tables.train is None or tables.label is None:
            raise UserError("There is nothing to learn: data.train must name a table and data.label its label column.")
        separator = (self.label_separator or SEPARATOR) if self.multilabel else None
        found = scan(tables.train, (), tables.label, True, lambda *_: None, separator)
        assert found.labels is not None
        labels = found.rarest() if self.multilabel else found.labels
        others = {"validation": tables.validation, "test": tables.test}
        parts = {name: table for name, table in others.items() if table is not None}
        pool = np.arange(len(labels))
        if "validation" not in parts:
            mask = validation_mask(labels, self.validation_share, self.cut_by)
            parts["validation"] = RowView(tables.train, pool[mask], f"{tables.train.name} (validation)")
            pool = pool[~mask]
        return tables.train, labels.astype(np.int64), parts, pool


def draw(labels: IntArray, records: int, seed: int) -> IntArray:
    """Draw records so that every class has its share, and one at least as far as they go.

    Args:
        labels: the class of each record `(R,)`.
        records: how many.
        seed: the same seed and labels give the same records; more of them hold the fewer.

    Returns:
        The places of the records `(records,)`, rising.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    _, place, counts = np.unique(labels[shuffled], return_inverse=True, return_counts=True)
    order = np.argsort(place, kind="stable")
    rank = np.empty(len(labels), dtype=np.int64)  # of each record within its class
    rank[order] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    # The first of every class come first, those of frequent classes before; then by how far through its class each is.
    key = np.where(rank == 0, -counts[place] / len(labels), (rank + 0.5) / counts[place])
    return np.sort(shuffled[np.argsort(key, kind="stable")[:records]])
