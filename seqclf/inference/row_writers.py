"""Rows into a file, as csv, jsonl or parquet."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from seqclf.text.label_sets import is_list, list_texts

FORMATS = (".csv", ".jsonl", ".parquet")
STREAMED = (".csv", ".jsonl")  # what needs no file: it can go into a pipe
Write = Callable[[Sequence[Sequence[Any]]], None]


@contextmanager
def writing(
    path: Path, suffix: str, header: Sequence[str], numbers: Sequence[str], first: bool = True
) -> Iterator[Write]:
    """A file that takes rows, many at a time.

    Args:
        path: the file.
        suffix: one of `FORMATS`.
        header: the names of the columns.
        numbers: those that hold numbers; all others hold text.
        first: whether a csv file begins with the header.

    Yields:
        To be called with rows, one value per column each.
    """
    if suffix == ".parquet":
        with _parquet(path, header, numbers) as write:
            yield write
        return
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        yield streaming(file, suffix, header, first)


def streaming(file: IO[str], suffix: str, header: Sequence[str], first: bool = True) -> Write:
    """The same for an open text file, or a pipe; `suffix` is one of `STREAMED`."""
    if suffix == ".jsonl":
        return lambda rows: file.writelines(_json(dict(zip(header, map(_listed, row), strict=True))) for row in rows)
    writer = csv.writer(file, lineterminator="\n")
    if first:
        writer.writerow(header)
    return lambda rows: writer.writerows([_csv_cell(value) for value in row] for row in rows)


def join(pieces: Sequence[Path], suffix: str, whole: Path) -> None:
    """Files of rows, the first of them with the header, as one; memory does not grow with them."""
    if suffix != ".parquet":
        with whole.open("wb") as out:
            for piece in pieces:
                with piece.open("rb") as file:
                    shutil.copyfileobj(file, out)
        return
    from pyarrow import parquet

    with parquet.ParquetWriter(whole, parquet.read_schema(pieces[0])) as writer:
        for piece in pieces:
            writer.write_table(parquet.read_table(piece))


@contextmanager
def _parquet(path: Path, header: Sequence[str], numbers: Sequence[str]) -> Iterator[Write]:
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {name: pa.float64() if name in numbers else pa.string() for name in header}
    schema = pa.schema([(name, pa.int64() if name == "row" else kind) for name, kind in kinds.items()])
    with parquet.ParquetWriter(path, schema) as writer:

        def write(rows: Sequence[Sequence[Any]]) -> None:
            columns = zip(*[[_parquet_cell(value) for value in row] for row in rows], strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.table(arrays, schema=schema))

        yield write


def _parquet_cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    listed = _listed(value)
    text = json.dumps(listed, ensure_ascii=False) if isinstance(listed, list) else value
    return text if text.isascii() else text.encode("utf-8", "replace").decode()  # as other formats have it


def _csv_cell(value: Any) -> Any:
    if isinstance(value, float):
        return format(value, ".8g")
    listed = _listed(value)
    return json.dumps(listed, ensure_ascii=False) if isinstance(listed, list) else listed


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _listed(value: Any) -> Any:
    """A cell that is a list as the list that was read."""
    return list_texts(value) if isinstance(value, str) and is_list(value) else value
