"""Columns of categories and of numbers: read once before words are counted, and checked wherever they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from seqclf.data.table import Row, Table
from seqclf.errors import UserError
from seqclf.text.columns import NUMERIC, Column, number


def fit_columns(
    tables: Mapping[str, Table],
    kinds: Mapping[str, str],
    chosen: npt.NDArray[np.bool_],
    start: Mapping[str, Column] | None = None,
) -> tuple[dict[str, Column], list[str]]:
    """Read the columns of every table, and learn bins and categories from the training records alone.

    Args:
        tables: the tables by split.
        kinds: field to `categorical` or `numeric`.
        chosen: the training records among those of the training table `(R,)`.
        start: the columns of a model to start from; their bins stay.

    Returns:
        The columns by field, and the tokens that they need, in order.

    Raises:
        UserError: for a cell of a numeric column that is no number, with its place, and for other columns than those
            of the model to start from.
    """
    if start is not None and {name: column.kind for name, column in start.items()} != dict(kinds):
        named = ", ".join(f"{column.kind} {name}" for name, column in start.items()) or "none"
        raise UserError(f"data.categorical and data.numeric must be the columns of the model to start from: {named}.")
    if not kinds:
        return {}, []
    cells: dict[str, dict[str, int]] = {name: {} for name in kinds}
    numeric = {name: place for place, name in enumerate(kinds) if kinds[name] == NUMERIC}
    for split, table in tables.items():
        for at, row in enumerate(checked(table, table.select(list(kinds)), numeric)):
            if split == "train" and chosen[at]:
                for found, cell in zip(cells.values(), row.values, strict=True):
                    found[cell.strip()] = found.get(cell.strip(), 0) + 1
    columns = {name: (start or {}).get(name) or _fit(name, name in numeric, cells[name]) for name in kinds}
    tokens = [token for column in columns.values() for token in column.bins()]
    tokens += sorted({columns[name].token(cell) or "" for name, found in cells.items() for cell in found} - {""})
    return columns, list(dict.fromkeys(tokens))


def _fit(name: str, numeric: bool, cells: Mapping[str, int]) -> Column:
    if not numeric:
        return Column(name)
    values = [number(cell) for cell in cells if cell]
    return Column.of_numbers(name, np.repeat(values, [count for cell, count in cells.items() if cell]))


def checked(table: Table, rows: Iterator[Row], numeric: Mapping[str, int]) -> Iterator[Row]:
    """The rows, whose cells in numeric columns are numbers or empty.

    Args:
        table: where they are from, for the message.
        rows: its rows.
        numeric: column to its place in a row.

    Raises:
        UserError: for the first cell that is no number, when it is reached.
    """
    for row in rows:
        for name, place in numeric.items():
            cell = row.values[place].strip()
            try:
                if cell:
                    number(cell)
            except ValueError:
                raise UserError(
                    f"{table.at(row.line, name)}: {cell!r} is no number, but the column is numeric (data.numeric). "
                    "Write it like 1234.5, or leave the cell empty."
                ) from None
        yield row
