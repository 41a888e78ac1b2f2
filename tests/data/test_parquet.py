from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from seqclf.data.arrow import BATCH
from seqclf.data.parquet import ParquetTable
from seqclf.data.table import Row
from seqclf.errors import UserError


def opened(folder: Path, columns: dict[str, object]) -> ParquetTable:
    path = folder / "a.parquet"
    parquet.write_table(pa.table(columns), path)
    return ParquetTable(path)


def test_texts_are_read_verbatim(tmp_path: Path) -> None:
    table = opened(tmp_path, {"text": ["NA", "", None, "a\nb"], "label": ["01", "1", "1.0", " 1 "]})
    assert table.columns == ("text", "label")
    expected = [("NA", "01"), ("", "1"), ("", "1.0"), ("a\nb", " 1 ")]
    assert list(table.rows()) == [Row(number, values) for number, values in enumerate(expected, start=1)]


def test_types_become_text(tmp_path: Path) -> None:
    table = opened(
        tmp_path,
        {
            "category": pa.array(["x", "y", None]).dictionary_encode(),
            "large": pa.array(["x", "y", "z"], pa.large_string()),
            "whole": [1, 2, None],
            "real": [1.0, 2.5, None],
            "truth": [True, False, None],
            "day": [date(2020, 1, 2), date(2020, 1, 3), None],
            "moment": pa.array([datetime(2020, 1, 2, 3, 4, 5, 678901), None, None], pa.timestamp("ns")),
            "nothing": pa.nulls(3),
        },
    )
    assert [row.values for row in table.rows()] == [
        ("x", "x", "1", "1.0", "true", "2020-01-02", "2020-01-02T03:04:05.678901", ""),
        ("y", "y", "2", "2.5", "false", "2020-01-03", "", ""),
        ("", "z", "", "", "", "", "", ""),
    ]


def test_rows_are_numbered_over_all_batches_and_columns_come_as_asked(tmp_path: Path) -> None:
    count = 2 * BATCH + 3
    table = opened(tmp_path, {"a": list(range(count)), "b": ["x"] * count})
    rows = list(table.select(["b", "a"]))
    assert rows == [Row(number + 1, ("x", str(number))) for number in range(count)]


@pytest.mark.parametrize("values", [[["x"], ["y"]], [{"b": "x"}, {"b": "y"}], [b"x", b"y"]])
def test_a_column_of_something_else_is_refused_when_it_is_asked_for(tmp_path: Path, values: list[object]) -> None:
    table = opened(tmp_path, {"text": ["x", "y"], "tags": values})
    assert [row.values for row in table.select(["text"])] == [("x",), ("y",)]
    for read in (lambda: table.column("tags"), lambda: list(table.rows())):
        with pytest.raises(UserError, match=r"a\.parquet, column 'tags': it holds .*, not one text per record"):
            read()


def test_a_mistyped_column_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.parquet has no column 'txt'.*Did you mean 'text'"):
        opened(tmp_path, {"text": ["x"]}).column("txt")


def test_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.parquet has a header and no row below it"):
        opened(tmp_path, {"text": pa.array([], pa.string())})


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], ["a", "a"]), path)
    with pytest.raises(UserError, match=r"a\.parquet, .*column 'a': two columns have this name"):
        ParquetTable(path)


@pytest.mark.parametrize("keep", [3, 200, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = opened(tmp_path, {"text": [str(number) for number in range(1000)]}).path
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"a\.parquet: the parquet file is truncated or damaged"):
        ParquetTable(path)


def test_a_file_that_is_damaged_inside_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = opened(tmp_path, {"text": [str(number) for number in range(1000)]}).path
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.parquet, after row 0: the parquet file is truncated or damaged"):
        list(ParquetTable(path).rows())


def test_a_text_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xe9")])
    with pytest.raises(UserError, match=r"a\.parquet, rows 1 to 1, column 'text': a value cannot be made text"):
        list(opened(tmp_path, {"text": broken}).rows())
