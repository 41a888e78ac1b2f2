"""The first reading of a table: its labels and which records are alike, before any token is cut."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqclf.data.table import Row, Table
from seqclf.errors import UserError
from seqclf.text.label_sets import is_list, split_cell

Progress = Callable[[str, int], None]  # what is being done, and how many rows of it are
TICK = 4096  # rows between two calls of it

MISSING = -1
HASH = 8  # bytes


@dataclass(frozen=True)
class Scan:
    """What one reading tells about the `R` records of a table.

    Args:
        sets: what records have for labels, each once: one label, or several in order where that may be.
        labels: places in `sets` `(R,)`, -1 where the label is missing; None for a table without labels.
        hashes: 64 bits for the texts of each record `(R,)`.
    """

    sets: list[tuple[str, ...]]
    labels: npt.NDArray[np.int32] | None
    hashes: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        """How many records the table has, `R`."""
        return len(self.hashes)

    @property
    def names(self) -> list[str]:
        """The labels, each once, in order."""
        return sorted({name for labels in self.sets for name in labels})

    def missing(self) -> int:
        """How many records have no label in a table that has labels."""
        return 0 if self.labels is None else int((self.labels == MISSING).sum())

    def counts(self, chosen: npt.NDArray[np.bool_] | None = None) -> dict[str, int]:
        """How many records each label has, by name in order; only those chosen `(R,)`, if given."""
        if self.labels is None:
            return {}
        labels = self.labels if chosen is None else self.labels[chosen]
        totals: Counter[str] = Counter()
        found = np.bincount(labels[labels != MISSING], minlength=len(self.sets)).tolist()
        for names, count in zip(self.sets, found, strict=True):
            totals.update(dict.fromkeys(names, count))
        return {name: total for name, total in sorted(totals.items()) if total}

    def rarest(self) -> npt.NDArray[np.int32]:
        """The rarest label of each record `(R,)`, by its place in `names`; -1 for a record without any."""
        counts = self.counts()
        order = {name: place for place, name in enumerate(self.names)}
        rarest = [order[min(names, key=counts.__getitem__)] if names else MISSING for names in self.sets]
        return np.array([*rarest, MISSING], dtype=np.int32)[[] if self.labels is None else self.labels]


def scan(
    table: Table,
    text: Sequence[str],
    label: str | None,
    required: bool,
    progress: Progress,
    label_separator: str | None = None,
) -> Scan:
    """Read a table once, keeping 12 bytes a record.

    Args:
        table: what to read.
        text: the text columns.
        label: the label column; None where there are no labels.
        required: whether every record must have a label.
        progress: told now and then how many rows were read.
        label_separator: between the labels of a record that may have any number of them; None where each has one.

    Raises:
        UserError: for a table without records, or a label that is empty though it is required.
    """
    cells: dict[str, int] = {}
    sets: dict[tuple[str, ...], int] = {}
    labels, hashes, width = array("i"), bytearray(), len(text)
    for done, row in enumerate(table.select([*text, *([] if label is None else [label])]), start=1):
        if done % TICK == 0:
            progress(f"reading {table.name}", done)
        hashes += _hash(row.values[:width])
        if label is None:
            continue
        cell = row.values[width]
        if cell in cells:
            labels.append(cells[cell])
        elif label_separator is not None or (cell and not cell.isspace()):
            cells[cell] = sets.setdefault(_label_set(cell, label_separator, table, row, label), len(sets))
            labels.append(cells[cell])
        elif required:
            raise UserError(
                f"{table.at(row.line, label)}: the label is empty, but every record for training and validation needs "
                "one. Fill it in or take the record out."
            )
        else:
            labels.append(MISSING)
    if not hashes:
        raise UserError(f"{table.name} has no records.")
    progress(f"reading {table.name}", len(hashes) // HASH)
    found = None if label is None else np.frombuffer(labels, dtype=np.int32)
    return Scan(list(sets), found, np.frombuffer(hashes, dtype=np.uint64))


def _label_set(cell: str, separator: str | None, table: Table, row: Row, label: str) -> tuple[str, ...]:
    if separator is not None:
        return tuple(sorted(split_cell(cell, separator)))
    if is_list(cell):
        raise UserError(
            f"{table.at(row.line, label)}: the label is a list. For records that may have several labels type "
            "task=multilabel."
        )
    return (cell,)


def _hash(values: tuple[str, ...]) -> bytes:
    return hashlib.blake2b("\x1f".join(values).encode("utf-8", "surrogatepass"), digest_size=HASH).digest()


def repeated(hashes: npt.NDArray[np.uint64]) -> int:
    """How many records have the texts of an earlier one."""
    return len(hashes) - len(np.unique(hashes))


def contradictory(hashes: npt.NDArray[np.uint64], labels: npt.NDArray[np.int32]) -> int:
    """How many different texts have records of more than one label."""
    order = np.lexsort((labels, hashes))
    hashes, labels = hashes[order], labels[order]
    differ = (hashes[1:] == hashes[:-1]) & (labels[1:] != labels[:-1])
    return len(np.unique(hashes[1:][differ]))


def shared(hashes: npt.NDArray[np.uint64], train: npt.NDArray[np.uint64]) -> int:
    """How many records have the texts of a training record."""
    return int(np.isin(hashes, train).sum())
