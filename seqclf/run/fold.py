"""One fold of a cross-validation, as a source of data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seqclf.data.row_view import RowView
from seqclf.data.scan import Scan, scan
from seqclf.data.source import Source, Tables
from seqclf.data.subset import Subset
from seqclf.data.table import Table
from seqclf.errors import UserError
from seqclf.ragged import IntArray
from seqclf.run.fold_assignment import assign_folds
from seqclf.text.label_sets import SEPARATOR


class Fold(Subset):
    """The training table of a source, cut into folds: one of them is the test table, the others are learned from.

    The test table of the source is left alone. Its validation table, where it has one, chooses the epoch; else a part
    of the records that are learned from does, which is cut as always, and by whole groups where there are groups.

    Args:
        source: makes the source.
        fold: which fold this is, from 0.
        folds: how many there are.
        groups: a column whose equal values fall into the same fold; None for none. It is no field of a record, unless
            `data.text` names it.
        dealt_by: seed of dealing records out to folds.
        validation_share: share (or number) of the records that choose the epoch, where there are groups.
        multilabel: whether a record may have any number of labels.

    Raises:
        UserError: for a table without labels or without that column, or with too few records.
    """

    def __init__(
        self,
        source: Callable[[], Source],
        fold: int,
        folds: int,
        groups: str | None = None,
        dealt_by: int = 13,
        validation_share: float = 0.1,
        multilabel: bool = False,
    ) -> None:
        super().__init__(source())
        self.fold = fold
        self.folds = folds
        self.groups = groups
        self.dealt_by = dealt_by
        self.validation_share = validation_share
        self.multilabel = multilabel
        if groups is not None and self.text is None and self.num_inputs == 1:
            tables = self.source.tables()
            self.text = [name for name in tables.text if name != groups and name not in tables.kinds]

    def choose(self) -> dict[str, Table]:
        """The fold as `test`, the others as `train`, and perhaps `validation`."""
        tables = self.source.tables()
        table, found = _labelled(tables, self.label_separator or SEPARATOR if self.multilabel else None)
        assert found.labels is not None
        labels = (found.rarest() if self.multilabel else found.labels).astype(np.int64)
        groups = None if self.groups is None else _cells(table, self.groups)
        fold_of = assign_folds(labels, self.folds, self.dealt_by, groups)
        learned = np.flatnonzero(fold_of != self.fold)
        name = f"{table.name} (fold {self.fold + 1} of {self.folds})"
        parts: dict[str, Table] = {"test": RowView(table, np.flatnonzero(fold_of == self.fold), name)}
        if tables.validation is not None:
            parts["validation"] = tables.validation
        elif groups is not None:
            chosen = self._whole_groups(labels[learned], [groups[row] for row in learned])
            parts["validation"] = RowView(table, learned[chosen], f"{name}, validation")
            learned = learned[~chosen]
        return {"train": RowView(table, learned, f"{table.name} (all but fold {self.fold + 1})"), **parts}

    @property
    def rows(self) -> IntArray:
        """The rows of the fold in the training table `(R,)`, rising."""
        held_out = self.splits()["test"]
        assert isinstance(held_out, RowView)
        return held_out.chosen

    def _whole_groups(self, labels: IntArray, groups: list[str]) -> IntArray:
        """Which records choose the epoch `(R,)`: about the share, and no group on both sides."""
        share = self.validation_share if self.validation_share < 1 else self.validation_share / len(labels)
        if share <= 0:
            raise UserError("data.validation_size must be above 0: these records choose the epoch.")
        parts = min(max(2, round(1 / share)), len(set(groups)))
        return np.asarray(assign_folds(labels, parts, self.dealt_by, groups) == 0)


def _labelled(tables: Tables, label_separator: str | None) -> tuple[Table, Scan]:
    if tables.train is None or tables.label is None:
        raise UserError("There is nothing to cross-validate on: data.train must name a table, data.label its labels.")
    return tables.train, scan(tables.train, (), tables.label, True, lambda *_: None, label_separator)


def _cells(table: Table, column: str) -> list[str]:
    table.column(column, "cv_groups")
    return [row.values[0] for row in table.select([column])]
