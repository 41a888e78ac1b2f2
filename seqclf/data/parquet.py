"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from seqclf.data.arrow import BATCH, ArrowTable
from seqclf.data.file_table import FileTable
from seqclf.errors import UserError


class ParquetTable(ArrowTable, FileTable):
    """A parquet file, batch by batch; categories are text, numbers and dates become text, columns of lists are refused.

    Args:
        path: the file.

    Raises:
        UserError: as `FileTable`; for a file that is truncated or no parquet at all.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """All rows in order, only these columns read."""
        number = 0
        try:
            with parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=BATCH, columns=list(names)):
                    yield batch
                    number += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{self.path}, after row {number}: {_damaged(error)}") from error

    def _header(self) -> list[str]:
        try:
            self.schema = parquet.read_schema(self.path)
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{self.path}: {_damaged(error)}") from error
        return list(self.schema.names)

    def _is_empty(self) -> bool:
        return int(parquet.read_metadata(self.path).num_rows) == 0


def _damaged(error: Exception) -> str:
    reason = str(error).splitlines()[0]
    return f"the parquet file is truncated or damaged ({reason}). Copy it again."
