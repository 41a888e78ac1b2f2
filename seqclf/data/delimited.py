"""Comma- and tab-separated files, as `csv.writer` writes them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from seqclf.data.file_table import FileTable
from seqclf.data.stream import LONGEST, text_lines
from seqclf.data.table import Row
from seqclf.errors import UserError

_NAMED_SEPARATORS = {r"\t": "\t", "tab": "\t"}  # what a command line can hardly say otherwise


class DelimitedTable(FileTable):
    """A file of separated cells with a header; a cell in double quotes may hold anything, a quote is then doubled.

    Blank lines between rows are skipped; every other line must have as many cells as the header.

    Args:
        path: the file, packed if it ends in `.gz`.
        separator: the one character between cells; also `tab`.
        encoding: None for UTF-8.

    Raises:
        UserError: as `FileTable`; for a header that was written with another separator.
    """

    def __init__(self, path: Path, separator: str, encoding: str | None = None) -> None:
        self.separator = _NAMED_SEPARATORS.get(separator, separator)
        if len(self.separator) != 1 or self.separator in '"\r\n':
            raise UserError(f"data.separator must be one character (or `tab`), not {separator!r}.")
        self.encoding = encoding
        super().__init__(path, (self.separator, encoding or ""))

    def rows(self) -> Iterator[Row]:
        """All rows in order, each with the line that it begins on."""
        width = len(self.columns)
        for row in islice(self._records(), 1, None):
            if len(row.values) != width:
                raise self._wrong_width(row)
            yield row

    def _records(self) -> Iterator[Row]:
        """The header and all rows, whatever their width."""
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST))
        reader = csv.reader(text_lines(self.path, self.encoding), delimiter=self.separator, strict=True)
        line = 1
        try:
            for values in reader:
                if values:
                    yield Row(line, tuple(values))
                line = reader.line_num + 1
        except csv.Error as error:
            raise self._broken_quote(line, reader.line_num) from error

    def _header(self) -> tuple[str, ...]:
        header = next(self._records(), Row(1, ())).values
        if not "".join(header).strip():
            raise UserError(f"{self.path}, line 1: there is no header. The first line must name the columns.")
        if "\0" in header[0]:
            raise UserError(f"{self.path}, line 1: the header holds NUL characters. Is it data.encoding=utf-16-le?")
        others = [other for other in ";\t|," if other in header[0]]
        if len(header) == 1 and others:
            typed = "tab" if others[0] == "\t" else f"'{others[0]}'"
            message = f"is one column, {header[0]!r}: its cells are not separated by {self.separator!r}."
            raise UserError(f"{self.path}, line 1: the header {message} Type data.separator={typed}.")
        return header

    def _wrong_width(self, row: Row) -> UserError:
        """What to say of a row with too few cells or too many."""
        wide = f"{len(row.values)} cells where the header has {len(self.columns)}"
        if len(row.values) < len(self.columns):
            missing = self.columns[len(row.values)]
            return UserError(f"{self.at(row.line, missing)}: the row ends before this column, with {wide}. Fill it up.")
        extra = row.values[len(self.columns)]
        message = f"the row goes on behind this column, with {wide}: {extra[:40]!r} has no column."
        advice = f"Quote a cell that holds {self.separator!r}."
        return UserError(f"{self.at(row.line, self.columns[-1])}: {message} {advice}")

    def _broken_quote(self, first: int, last: int) -> UserError:
        """What to say of a quote that is not closed, or closed in the middle of a cell, between these lines."""
        text = "".join(islice(text_lines(self.path, self.encoding), first - 1, last))
        separator = re.escape(self.separator)
        cell = re.compile(rf'(?:"[^"]*(?:""[^"]*)*"|[^"{separator}][^{separator}]*)?{separator}')
        place = start = 0
        while match := cell.match(text, start):
            place, start = place + 1, match.end()
        line = first + len(re.findall(r"\r\n|\r|\n", text[:start]))
        columns: tuple[str, ...] = getattr(self, "columns", ())
        column = repr(columns[place]) if place < len(columns) else str(place + 1)
        where = f"{self.path}, line {line}, column {column}"
        noticed = f" (noticed at line {last})" if last > line else ""
        advice = 'Close it; inside a quoted cell write a quote twice: "".'
        return UserError(f"{where}: a quote opens here and is not closed at the cell's end{noticed}. {advice}")
