"""Where the records of a run come from: a training table, and perhaps a validation and a test table beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from seqclf.data.pairs import SIDES, pair_fields
from seqclf.data.table import Table
from seqclf.errors import UserError


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one run, checked: every one has the text columns, train and validation have the label.

    Args:
        train: what is learned from; None where a trained model is only evaluated.
        validation: what the epoch is chosen by; None where it is to be cut from `train`.
        test: what the result is measured on; None where there is none.
        text: the text columns, in the order of the record's fields; of pairs the left ones, then the right ones.
        label: the label column; None where there are no labels.
        fields: the names of a record's fields: `text` itself, or of pairs what left and right have in common.
    """

    train: Table | None
    validation: Table | None
    test: Table | None
    text: tuple[str, ...]
    label: str | None
    fields: tuple[str, ...]


class Source(ABC):
    """A place that tables come from.

    Args:
        text: the text columns, in the order of the record's fields; None for every column but the label.
        label: the label column; None where there are no labels.
        left: the columns of the first record of a pair, in the order of its fields; None where there are no pairs.
        right: those of the second record, the same fields in the same order.
        label_separator: between the labels of a record that may have several; None for `|`.
    """

    def __init__(
        self,
        text: list[str] | None,
        label: str | None,
        left: list[str] | None = None,
        right: list[str] | None = None,
        label_separator: str | None = None,
    ) -> None:
        self.text = text
        self.label = label
        self.left = left
        self.right = right
        self.label_separator = label_separator
        if label_separator is not None and not label_separator:
            raise UserError("data.label_separator is empty: give what stands between two labels, or null for '|'.")

    @property
    def num_inputs(self) -> int:
        """How many records one row of a table is, `I`: 2 where the columns of either side were named.

        Raises:
            UserError: where they were named of one side only, or beside `text`.
        """
        if self.left is None and self.right is None:
            return 1
        for side, other in (("left", self.right), ("right", self.left)):
            if getattr(self, side) is None:
                raise UserError(f"data.{side} is missing: a pair has two sides, and the other one is {other}.")
        if self.text is not None:
            raise UserError("data.text is typed beside data.left and data.right: pairs have no further text columns.")
        return 2

    @abstractmethod
    def splits(self) -> dict[str, Table]:
        """The tables that there are, by the name of their split: `train`, `validation`, `test`."""

    def tables(self) -> Tables:
        """The tables, after their columns were checked and before any row of them is used.

        Raises:
            UserError: for a table without one of the columns, or a choice of columns that makes no sense.
        """
        splits = self.splits()
        paired = pair_fields(self.left or (), self.right or ()) if self.num_inputs > 1 else None
        keys = self._text(next(iter(splits.values())))
        text = tuple(keys)
        for split, table in splits.items():
            for name, key in keys.items():
                table.column(name, key)
            if self.label is not None:
                table.allow_lists(self.label)
            if self.label is not None and split != "test":  # what is not known is not needed to predict
                table.column(self.label, "data.label")
        return Tables(
            splits.get("train"), splits.get("validation"), splits.get("test"), text, self.label, paired or text
        )

    def _text(self, table: Table) -> dict[str, str]:
        """The text columns, each with the key that named it; if none did, all of the first table but the label."""
        if self.num_inputs > 1:
            named = [(name, f"data.{side}") for side in SIDES for name in getattr(self, side)]
            return self._once(named, "data.left and data.right name")
        if isinstance(self.text, str):
            raise UserError(f"data.text must be a list of columns: data.text=[{self.text}]")
        text = [name for name in table.columns if name != self.label] if self.text is None else list(self.text)
        if not text:
            raise UserError(f"data.text names no column to read; {table.name} has: {', '.join(table.columns)}.")
        return self._once([(name, "data.text") for name in text], "data.text names")

    def _once(self, named: list[tuple[str, str]], naming: str) -> dict[str, str]:
        """The named columns with their keys, each there once and none the label."""
        names = [name for name, _ in named]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(f"{naming} the column {twice[0]!r} twice.")
        keys = dict(named)
        if self.label in keys:
            key = keys[self.label]
            raise UserError(f"{self.label!r} is named both in {key} and in data.label: a label cannot be read too.")
        return keys
