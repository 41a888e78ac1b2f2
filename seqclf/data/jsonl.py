"""Files with one JSON object per line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from seqclf.data.file_table import FileTable
from seqclf.data.stream import text_lines
from seqclf.data.table import Row
from seqclf.errors import UserError
from seqclf.text.label_sets import is_list, list_cell, text_cell

WITH_SENTENCES = "(with tokens.segment=sentences a list of them)"
HEADER_RECORDS = 1000  # the columns are the keys of the first so many records
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonLinesTable(FileTable):
    """One flat JSON object per line; its columns are the keys of the first thousand.

    A key that an object lacks, and null, are the empty text; numbers, true and false are what the file says, to the
    letter; a list of texts is one cell where lists are allowed. Blank lines are skipped.

    Args:
        path: the file, packed if it ends in `.gz`.
        encoding: None for UTF-8.

    Raises:
        UserError: as `FileTable`.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.encoding = encoding
        super().__init__(path, (encoding or "",))

    def rows(self) -> Iterator[Row]:
        """All rows in order; a key that is no column is refused, since its values would be lost unseen."""
        known = set(self.columns)
        for line, record in self._records():
            if len(record) > len(known) or not known.issuperset(record):
                new = next(key for key in record if key not in known)
                message = f"the first {HEADER_RECORDS} records do not have this key."
                raise UserError(f"{self.at(line, new)}: {message} Name the columns to read: data.text=[...].")
            self._refuse_lists(line, record, self.columns)
            yield Row(line, tuple([record.get(name, "") for name in self.columns]))

    def select(self, names: Sequence[str]) -> Iterator[Row]:
        """The values of these columns; other keys may come and go."""
        for name in names:
            self.column(name)
        for line, record in self._records():
            self._refuse_lists(line, record, names)
            yield Row(line, tuple([record.get(name, "") for name in names]))

    def _is_empty(self) -> bool:
        return next(self._records(), None) is None

    def _refuse_lists(self, line: int, record: dict[str, str], names: Sequence[str]) -> None:
        for name in names:
            if name not in self.lists and is_list(record.get(name, "")):
                raise self._refused(
                    line, f", column {name!r}: the value is nested; a column holds one text {WITH_SENTENCES}."
                )

    def _header(self) -> tuple[str, ...]:
        keys: dict[str, None] = {}
        for _, record in islice(self._records(), HEADER_RECORDS):
            keys.update(dict.fromkeys(record))
        if not keys:
            raise UserError(f"{self.path} holds no record with a key in it. Give one JSON object per line.")
        return tuple(keys)

    def _records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """The line of each record and the record, flat and all text."""
        decoder = json.JSONDecoder(object_pairs_hook=_flat, parse_float=str, parse_int=str, parse_constant=str)
        for number, line in enumerate(text_lines(self.path, self.encoding), start=1):
            if not line.strip():
                continue
            try:
                record = decoder.decode(line)
            except json.JSONDecodeError as error:
                raise self._refused(number, f", character {error.pos + 1}: this is no JSON ({error.msg}).") from error
            except RecursionError as error:
                raise self._refused(number, ": objects and lists are nested without end.") from error
            except _BadKeyError as error:
                raise self._refused(number, f", column {error.key!r}: {error.fault}.") from error
            if not isinstance(record, dict):
                raise self._refused(number, f": {line.strip()[:40]!r} is no object.")
            if "\\u" in line:  # only an escape can make half a character
                record = {_whole(key): _whole(value) for key, value in record.items()}
            yield number, record

    def _refused(self, line: int, fault: str) -> UserError:
        advice = 'Write one object of texts per line: {"text": "...", "label": "..."}.'
        return UserError(f"{self.path}, line {line}{fault} {advice}")


class _BadKeyError(Exception):
    """A key that is given twice, or whose value is not one text."""

    def __init__(self, key: str, fault: str) -> None:
        super().__init__(key)
        self.key = key
        self.fault = fault


def _flat(pairs: list[tuple[str, Any]]) -> dict[str, str]:
    """An object as a dict of texts; runs for inner objects too, whose outer one is then refused."""
    record: dict[str, str] = {}
    for key, value in pairs:
        if key in record:
            raise _BadKeyError(key, "the key is given twice in one object")
        if isinstance(value, str):
            record[key] = text_cell(value)
        elif isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
            record[key] = list_cell(map(_text, value))
        elif isinstance(value, dict | list):
            raise _BadKeyError(key, "the value is nested; a column holds one text")
        else:
            record[key] = _text(value)
    return record


def _text(value: str | bool | None) -> str:
    return value if isinstance(value, str) else {None: "", True: "true", False: "false"}[value]


def _whole(text: str) -> str:
    """The text with every half of a character replaced by the mark for what cannot be shown."""
    return _LONE_SURROGATE.sub("\ufffd", text)
