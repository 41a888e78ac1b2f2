"""Data frames of pandas as tables of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqclf.data.table import Row, Table, hash_rows
from seqclf.data.typed import as_text
from seqclf.errors import UserError
from seqclf.text.label_sets import list_cell

PIECE = 1024  # rows that are text at once
LISTS = (list, tuple, set, frozenset, np.ndarray)


class FrameTable(Table):
    """A `pandas.DataFrame`: what is missing (None, NaN, NaT) is the empty text, and the index is left out.

    Args:
        name: what messages call it.
        frame: the data frame; the names of its columns become text.

    Raises:
        UserError: for a frame without rows or columns, or with two columns of one name.
    """

    unit = "row"

    def __init__(self, name: str, frame: Any) -> None:
        super().__init__(name, [str(column) for column in frame.columns])
        self._frame = frame
        twice = [column for place, column in enumerate(self.columns) if column in self.columns[:place]]
        if twice:
            raise UserError(f"{name}: two columns are named {twice[0]!r}. Rename one of them.")
        if not self.columns or not len(frame):
            missing = "no row" if self.columns else "no column"
            raise UserError(f"{name} has {missing}. Give a data frame that holds records.")

    def rows(self) -> Iterator[Row]:
        """All rows in order, numbered from 1."""
        return self.select(self.columns)

    def select(self, names: Sequence[str]) -> Iterator[Row]:
        """All rows in order with these columns."""
        places = [self.column(name) for name in names]
        for start in range(0, len(self._frame), PIECE):
            columns = [self._cells(place, start) for place in places]
            for at in range(min(PIECE, len(self._frame) - start)):
                line = start + at + 1
                yield Row(
                    line, tuple(self._text(cells[at], line, name) for cells, name in zip(columns, names, strict=True))
                )

    def fingerprint(self) -> str:
        """SHA-256 of the columns and of every cell; of one that is not text only what it is."""
        places = range(len(self.columns))
        pieces = (
            zip(*(self._cells(place, start) for place in places), strict=True)
            for start in range(0, len(self._frame), PIECE)
        )
        rows = (Row(0, tuple(map(_any_text, cells))) for piece in pieces for cells in piece)
        return hash_rows(self.columns, rows)

    def _cells(self, place: int, start: int) -> list[Any]:
        """Some cells of a column as Python has them, None for what is missing."""
        piece = self._frame.iloc[start : start + PIECE, place]
        pairs = zip(piece.tolist(), piece.isna().tolist(), strict=True)
        return [None if missing else _pythons(value) for value, missing in pairs]

    def _text(self, value: Any, line: int, name: str) -> str:
        if isinstance(value, LISTS) and name in self.lists:
            return self._text_of(list_cell, map(as_text, map(_pythons, _in_order(value))), line, name)
        return self._text_of(as_text, value, line, name)

    def _text_of(self, make: Any, value: Any, line: int, name: str) -> str:
        try:
            return str(make(value))
        except (TypeError, ValueError, OverflowError) as error:
            place = self.at(line, name)
            raise UserError(f"{place}: {error}. Name columns of text: data.text=[...].") from error


def _pythons(value: Any) -> Any:
    """A number of numpy as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def _in_order(value: Any) -> list[Any]:
    """The items of a list; a set has no order of its own."""
    return sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)


def _any_text(value: Any) -> str:
    try:
        return list_cell(map(_any_text, _in_order(value))) if isinstance(value, LISTS) else as_text(_pythons(value))
    except (TypeError, ValueError, OverflowError):
        return type(value).__qualname__
