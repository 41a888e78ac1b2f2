"""Where the records of a run come from: a training table, and perhaps a validation and a test table beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from seqclf.data.pairs import SIDES, pair_fields
from seqclf.data.table import Table
from seqclf.errors import UserError
from seqclf.text.columns import CATEGORICAL, NUMERIC


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
        kinds: the fields that are no text, the last ones, each `categorical` or `numeric`.
    """

    train: Table | None
    validation: Table | None
    test: Table | None
    text: tuple[str, ...]
    label: str | None
    fields: tuple[str, ...]
    kinds: dict[str, str] = field(default_factory=dict)


class Source(ABC):
    """A place that tables come from.

    Args:
        text: the text columns, in the order of the record's fields; None for every column but the label.
        label: the label column; None where there are no labels.
        left: the columns of the first record of a pair, in the order of its fields; None where there are no pairs.
        right: those of the second record, the same fields in the same order.
        label_separator: between the labels of a record that may have several; None for `|`.
        categorical: columns whose cells are categories, each a field of its own behind those of text.
        numeric: columns whose cells are numbers, likewise.
    """

    def __init__(
        self,
        text: list[str] | None,
        label: str | None,
        left: list[str] | None = None,
        right: list[str] | None = None,
        label_separator: str | None = None,
        categorical: list[str] | None = None,
        numeric: list[str] | None = None,
    ) -> None:
        self.text = text
        self.label = label
        self.left = left
        self.right = right
        self.label_separator = label_separator
        self.categorical = categorical
        self.numeric = numeric
        self._lists = False
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

    def allow_lists(self) -> None:
        """Let text columns hold lists of texts, for models that read each as a sequence of its own."""
        self._lists = True

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
        kinds = self._kinds()
        keys = self._text(next(iter(splits.values())), kinds)
        text = tuple(keys)
        for split, table in splits.items():
            table.allow_lists(*([self.label] if self.label is not None else []), *(text if self._lists else ()))
            for name, key in keys.items():
                table.column(name, key)
            if self.label is not None and split != "test":  # what is not known is not needed to predict
                table.column(self.label, "data.label")
        return Tables(
            splits.get("train"), splits.get("validation"), splits.get("test"), text, self.label, paired or text, kinds
        )

    def _kinds(self) -> dict[str, str]:
        """The columns that are no text, and what they are."""
        kinds: dict[str, str] = {}
        for kind, columns in ((CATEGORICAL, self.categorical), (NUMERIC, self.numeric)):
            if isinstance(columns, str):
                raise UserError(f"data.{kind} must be a list of columns: data.{kind}=[{columns}]")
            for name in columns or ():
                if name in kinds:
                    raise UserError(f"data.categorical and data.numeric name the column {name!r} twice.")
                kinds[name] = kind
        if kinds and self.num_inputs > 1:
            raise UserError(
                "data.categorical and data.numeric are for single records; name the columns of pairs as text."
            )
        return kinds

    def _text(self, table: Table, kinds: Mapping[str, str]) -> dict[str, str]:
        """The columns, each with the key that named it; if none did, all of the first table but the label are text."""
        if self.num_inputs > 1:
            named = [(name, f"data.{side}") for side in SIDES for name in getattr(self, side)]
            return self._once(named, "data.left and data.right name")
        if isinstance(self.text, str):
            raise UserError(f"data.text must be a list of columns: data.text=[{self.text}]")
        others = [name for name in table.columns if name != self.label and name not in kinds]
        text = others if self.text is None else list(self.text)
        if not text and not kinds:
            raise UserError(f"data.text names no column to read; {table.name} has: {', '.join(table.columns)}.")
        named = [(name, "data.text") for name in text] + [(name, f"data.{kind}") for name, kind in kinds.items()]
        return self._once(named, "data.text (or data.categorical, data.numeric) names")

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
