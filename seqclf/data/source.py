"""Where the records of a run come from: a training table, and perhaps a validation and a test table beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from seqclf.data.table import Table
from seqclf.errors import UserError


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one run, checked: every one has the text columns, train and validation have the label.

    Args:
        train: what is learned from; None where a trained model is only evaluated.
        validation: what the epoch is chosen by; None where it is to be cut from `train`.
        test: what the result is measured on; None where there is none.
        text: the text columns, in the order of the record's fields.
        label: the label column; None where there are no labels.
    """

    train: Table | None
    validation: Table | None
    test: Table | None
    text: tuple[str, ...]
    label: str | None


class Source(ABC):
    """A place that tables come from.

    Args:
        text: the text columns, in the order of the record's fields; None for every column but the label.
        label: the label column; None where there are no labels.
    """

    def __init__(self, text: list[str] | None, label: str | None) -> None:
        self.text = text
        self.label = label

    @abstractmethod
    def splits(self) -> dict[str, Table]:
        """The tables that there are, by the name of their split: `train`, `validation`, `test`."""

    def tables(self) -> Tables:
        """The tables, after their columns were checked and before any row of them is used.

        Raises:
            UserError: for a table without one of the columns, or a choice of columns that makes no sense.
        """
        splits = self.splits()
        text = self._text(next(iter(splits.values())))
        for split, table in splits.items():
            for name in text:
                table.column(name, "data.text")
            if self.label is not None and split != "test":  # what is not known is not needed to predict
                table.column(self.label, "data.label")
        return Tables(splits.get("train"), splits.get("validation"), splits.get("test"), text, self.label)

    def _text(self, table: Table) -> tuple[str, ...]:
        """The text columns: those that were typed, or else every column of the first table but the label."""
        if isinstance(self.text, str):
            raise UserError(f"data.text must be a list of columns: data.text=[{self.text}]")
        text = [name for name in table.columns if name != self.label] if self.text is None else list(self.text)
        if not text:
            raise UserError(f"data.text names no column to read; {table.name} has: {', '.join(table.columns)}.")
        twice = sorted({name for name in text if text.count(name) > 1})
        if twice:
            raise UserError(f"data.text names the column {twice[0]!r} twice.")
        if self.label in text:
            raise UserError(f"{self.label!r} is named both in data.text and in data.label: a label cannot be read too.")
        return tuple(text)
