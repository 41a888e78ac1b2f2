import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclf.data.delimited import DelimitedTable
from seqclf.data.table import Row
from seqclf.errors import UserError
from seqclf.text.label_sets import LIST

CELLS = st.text(st.characters(codec="utf-8", exclude_characters=LIST), max_size=6) | st.text(
    st.sampled_from("a\"',;\t\r\n\0 \ufeff\u2028"), max_size=8
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6))
    return [f"column {place}" for place in range(width)], rows


def opened(folder: Path, content: str | bytes, separator: str = ",", encoding: str | None = None) -> DelimitedTable:
    path = folder / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return DelimitedTable(path, separator, encoding)


def values(table: DelimitedTable) -> list[tuple[str, ...]]:
    return [row.values for row in table.rows()]


def num_lines(text: str) -> int:
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")


@settings(deadline=None)
@given(table=tables(), separator=st.sampled_from(",\t;|"), end=st.sampled_from(["\r\n", "\n", "\r"]))
def test_what_csv_writes_is_read_verbatim_with_its_lines(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[list[str], list[list[str]]], separator: str, end: str
) -> None:
    columns, rows = table
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_MINIMAL if end == "\r\n" else csv.QUOTE_ALL  # Python 3.11 quotes no other ends of lines
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerow(columns)
    expected = []
    for row in rows:
        expected.append(Row(num_lines(text.getvalue()) + 1, tuple(row)))
        writer.writerow(row)
    read = opened(tmp_path_factory.mktemp("csv"), text.getvalue(), separator)
    assert read.columns == tuple(columns)
    assert list(read.rows()) == expected


@settings(deadline=None)
@given(data=st.data(), table=tables())
def test_a_row_of_another_width_is_refused_with_its_line_and_column(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, table: tuple[list[str], list[list[str]]]
) -> None:
    columns, rows = table
    broken = data.draw(st.integers(0, len(rows) - 1))
    is_long = data.draw(st.booleans())
    rows[broken] = [*rows[broken], "extra"] if is_long else rows[broken][:-1]
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([columns, *rows[:broken]])
    line = num_lines(text.getvalue()) + 1
    writer.writerows(rows[broken:])
    with pytest.raises(UserError, match=rf"a\.csv, line {line}, column '{columns[-1]}': the row (goes on|ends)"):
        list(opened(tmp_path_factory.mktemp("csv"), text.getvalue()).rows())


def test_text_that_looks_like_a_value_stays_text(tmp_path: Path) -> None:
    rows = [("NA", "01"), ("null", "1"), ("None", "1.0"), ("", " 1 "), ("nan", "true")]
    assert values(opened(tmp_path, "text,label\n" + "".join(f"{a},{b}\n" for a, b in rows))) == rows


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert opened(tmp_path, "\ufefftext,label\na,b\n").columns == ("text", "label")


def test_control_characters_are_text(tmp_path: Path) -> None:
    assert values(opened(tmp_path, "text,label\na\0b\x07\x1b,c\n")) == [("a\0b\x07\x1b", "c")]


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    assert list(opened(tmp_path, "\ntext,label\n\na,b\n\r\n\n").rows()) == [Row(4, ("a", "b"))]


def test_a_cell_of_ten_megabytes_is_read(tmp_path: Path) -> None:
    long = "word " * 2_000_000
    assert values(opened(tmp_path, f"text,label\na,b\n{long},c\n"))[1] == (long, "c")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    table = opened(tmp_path, "text,label\n" + "some words of a text,label\n" * 50_000)
    tracemalloc.start()
    assert sum(1 for _ in table.rows()) == 50_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000


def test_another_separator_and_encoding_are_read_when_typed(tmp_path: Path) -> None:
    assert values(opened(tmp_path, "text;label\né,;b\n".encode("utf-16"), ";", "utf-16")) == [("é,", "b")]
    for separator in ("tab", r"\t", "\t"):
        assert values(opened(tmp_path, "text\tlabel\na\tb\n", separator)) == [("a", "b")]


def test_one_column_is_enough(tmp_path: Path) -> None:
    assert values(opened(tmp_path, 'text\na\n""\n')) == [("a",), ("",)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"a\.csv is empty"),
        ("text,label\n", r"a\.csv has a header and no row below it"),
        ("\n\n", r"a\.csv, line 1: there is no header"),
        (",\na,b\n", r"a\.csv, line 1: there is no header"),
        ("text;label\na;b\n", r"a\.csv, line 1: the header is one column, 'text;label'.*data\.separator=';'"),
        ("text\tlabel\na\tb\n", r"line 1.*data\.separator=tab"),
        ("text|label\na|b\n", r"line 1.*data\.separator='\|'"),
        ("text,label,text\na,b,c\n", r"a\.csv, line 1, column 'text': two columns have this name"),
        ('text,label\na,b\n\n"c\nc",d,e\n', r"a\.csv, line 4, column 'label': .*3 cells.* has 2: 'e' has no column"),
        ("text,title,label\na,b,c\nd,e\n", r"a\.csv, line 3, column 'label': .*2 cells where the header has 3"),
        ('text,label\na,b\nc,"d\ne\n', r"a\.csv, line 3, column 'label': a quote opens here.*\(noticed at line 4\)"),
        ('text,label\n"a\na","b\nc,d\n', r"a\.csv, line 3, column 'label': a quote opens here"),
        ('text,label\n"a "b" c",d\n', r"a\.csv, line 2, column 'text': a quote opens here.*cell's end\. Close"),
        ('text,label\na,b,"c\n', r"a\.csv, line 2, column 3: a quote opens here"),
        ('text,"label\na,b\n', r"a\.csv, line 1, column 2: a quote opens here"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        list(opened(tmp_path, content).rows())


def test_utf16_without_its_mark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 1: the header holds NUL"):
        opened(tmp_path, "text,label\na,b\n".encode("utf-16-le"))


@pytest.mark.parametrize("separator", ["", ";;", '"', "\n"])
def test_a_separator_that_is_none_is_refused(tmp_path: Path, separator: str) -> None:
    with pytest.raises(UserError, match=r"data\.separator must be one character"):
        opened(tmp_path, "a,b\nc,d\n", separator)


def test_an_unclosed_quote_in_a_long_file_ends_with_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = csv.field_size_limit()
    csv.field_size_limit(1000)
    monkeypatch.setattr("seqclf.data.delimited.LONGEST", 1000)
    try:
        with pytest.raises(UserError, match=r"a\.csv, line 2, column 'text': a quote opens here"):
            opened(tmp_path, 'text,label\n"a,b\n' + "c,d\n" * 1000)
    finally:
        csv.field_size_limit(limit)


def test_the_fingerprint_depends_on_content_and_on_how_it_is_read(tmp_path: Path) -> None:
    first = opened(tmp_path, "text,label\na,b\n")
    fingerprint, stamp = first.fingerprint(), first.stamp()
    assert opened(tmp_path, "text,label\na,b\n").fingerprint() == fingerprint
    latin = opened(tmp_path, "text,label\na,b\n", encoding="latin-1")
    assert latin.fingerprint() != fingerprint
    assert latin.stamp()[0] != stamp[0]
    assert opened(tmp_path, "text,label\na,c\n").fingerprint() != fingerprint
    assert first.stamp()[1:] == (15, (tmp_path / "a.csv").stat().st_mtime_ns)
