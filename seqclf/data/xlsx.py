"""Sheets of Excel workbooks."""

from __future__ import annotations

import logging
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from seqclf.data.file_table import FileTable
from seqclf.data.stream import refuse_burst
from seqclf.data.table import Row
from seqclf.data.typed import as_text
from seqclf.errors import UserError, nearest

LAST_ROW = 1_048_576  # Excel's own bound; a file may claim more
PIECE = 256  # rows that are taken from openpyxl at once
HEADER_ROWS = 100  # as many rows show how wide a sheet is


class XlsxTable(FileTable):
    """One sheet of a workbook as text: dates as ISO 8601, whole numbers without `.0`, the last results of formulas.

    The first row names the columns; a column without a name (under a merged header) is called by its letter. Empty
    rows are skipped, short ones filled up.

    Args:
        path: the workbook.
        sheet: the sheet's name; None for the first one.

    Raises:
        UserError: as `FileTable`; for a sheet that does not exist, or a file that is truncated or no workbook.
    """

    unit = "row"

    def __init__(self, path: Path, sheet: str | None = None) -> None:
        self.sheet = sheet
        super().__init__(path, (sheet or "",))

    def rows(self) -> Iterator[Row]:
        """All rows in order, each with its number in the sheet."""
        width = len(self.columns)
        for row in self._records():
            if row.line == 1:
                continue
            for place, value in enumerate(row.values[width:], start=width + 1):
                if value:
                    cell = f"{self.path}, cell {get_column_letter(place)}{row.line}"
                    raise UserError(f"{cell}: {value[:40]!r} stands beside the table. Name its column in row 1.")
            yield Row(row.line, (*row.values[:width], *[""] * (width - len(row.values))))

    def _header(self) -> list[str]:
        first = list(islice(self._records(), HEADER_ROWS))
        if not first or first[0].line != 1:
            raise UserError(f"{self.path}, row 1: there is no header. Name the columns in the sheet's first row.")
        width = max(len(row.values) for row in first)
        names = [*first[0].values, *[""] * (width - len(first[0].values))]
        return [name or get_column_letter(place) for place, name in enumerate(names, start=1)]

    def _records(self) -> Iterator[Row]:
        """All rows that are not empty, the header too, without the empty cells at their ends."""
        number = 0
        with self._rows_of_sheet() as rows:
            while True:
                with self._explained(number):
                    piece = list(islice(rows, PIECE))
                if not piece:
                    return
                for cells in piece:
                    number += 1
                    texts = [_cell_text(cell) for cell in cells]
                    while texts and not texts[-1]:
                        texts.pop()
                    if texts:
                        yield Row(number, tuple(texts))

    @contextmanager
    def _rows_of_sheet(self) -> Iterator[Iterator[tuple[Any, ...]]]:
        """The rows of the sheet as openpyxl streams them; the file is open as long as they are read."""
        with open(self.path, "rb") as file:
            with self._explained(0):
                with zipfile.ZipFile(file) as archive:
                    unpacked = sum(entry.file_size for entry in archive.infolist())
                refuse_burst(self.path, unpacked, self.path.stat().st_size)
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            sheet = self._choose(book)
            sheet.reset_dimensions()  # a sheet may claim to be as large as sheets can be: its cells say how large it is
            yield sheet.iter_rows(max_row=LAST_ROW, values_only=True)

    @contextmanager
    def _explained(self, number: int) -> Iterator[None]:
        """A parser of a damaged file may trip over anything: whatever it is, the file is at fault."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # styles and validation rules that openpyxl leaves out
                yield
        except (UserError, MemoryError):
            raise
        except Exception as error:
            reason = str(error) or type(error).__name__
            message = (
                f"{self.path}, after row {number}: the workbook is truncated or damaged ({reason}). Copy it again."
            )
            raise UserError(message) from error

    def _choose(self, book: Workbook) -> Any:
        """The sheet that was typed, or else the first one; others are said."""
        names = [sheet.title for sheet in book.worksheets]
        if self.sheet is not None and self.sheet not in names:
            raise UserError(f"{self.path} has no sheet {self.sheet!r} (data.sheet). {nearest(self.sheet, names)}")
        if not names:
            raise UserError(f"{self.path} has no sheet with cells.")
        if self.sheet is None and len(names) > 1 and not hasattr(self, "columns"):  # once, when it is opened
            others = ", ".join(map(repr, names[1:]))
            message = "%s: the sheet %r is read; data.sheet=NAME chooses another (%s)."
            logging.getLogger(__name__).warning(message, self.path, names[0], others)
        return book.worksheets[0 if self.sheet is None else names.index(self.sheet)]


def _cell_text(value: object) -> str:
    """A cell as Excel shows it by default: 1.0 is 1, and a date without a time of day is a date."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return as_text(value)
