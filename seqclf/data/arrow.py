"""Arrow's columns as rows of text: what parquet files and data sets of the hub have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import pyarrow as pa

from seqclf.data.table import Row, Table
from seqclf.data.typed import as_text
from seqclf.errors import UserError
from seqclf.text.label_sets import list_cell

BATCH = 1024  # rows that are text at once


class ArrowTable(Table):
    """A table over arrow batches; only the columns that are asked for are read.

    A subclass gives the `schema` and the `batches`.
    """

    unit = "row"
    schema: pa.Schema

    @abstractmethod
    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """All rows in order, in small batches that hold at least these columns."""

    def rows(self) -> Iterator[Row]:
        """All rows in order, numbered from 1; refuses the table if any column is not of texts."""
        return self.select(self.columns)

    def select(self, names: Sequence[str]) -> Iterator[Row]:
        """All rows in order with these columns."""
        for name in names:
            self.column(name)
        number = 0
        for batch in self.batches(names):
            texts = [self._texts(batch.column(name), name, number) for name in names]
            for values in zip(*texts, strict=True):
                number += 1
                yield Row(number, values)

    def column(self, name: str, key: str = "data.text") -> int:
        """The place of a column; one that holds lists, structs or bytes is refused."""
        place = super().column(name, key)
        kind = self.schema.field(place).type
        if _is_list(kind) and name in self.lists:
            kind = kind.value_type
        if not _is_text(kind):
            message = f"holds {kind}, not one text per record ({key})."
            raise UserError(f"{self.name}, column {name!r}: it {message} Name columns of text: data.text=[...].")
        return place

    def _texts(self, column: pa.Array, name: str, before: int) -> list[str]:
        if pa.types.is_timestamp(column.type):  # Python's own dates end at microseconds
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        try:
            return [_cell(value) for value in column.to_pylist()]
        except (UnicodeDecodeError, ValueError, OverflowError) as error:
            place = f"{self.name}, rows {before + 1} to {before + len(column)}, column {name!r}"
            raise UserError(f"{place}: a value cannot be made text ({error}).") from error


def _cell(value: object) -> str:
    return list_cell(map(as_text, value)) if isinstance(value, list) else as_text(value)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    """Whether each value of an arrow type can be one text."""
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    nested = pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    return not nested and not pa.types.is_fixed_size_binary(kind) and not isinstance(kind, pa.BaseExtensionType)
