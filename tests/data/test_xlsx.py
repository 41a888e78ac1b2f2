import logging
import zipfile
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import pytest

from seqclf.data.table import Row
from seqclf.data.xlsx import XlsxTable
from seqclf.errors import UserError

SHEET = "xl/worksheets/sheet1.xml"


def saved(folder: Path, **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    path = folder / "a.xlsx"
    book.save(path)
    return path


def replaced(path: Path, part: str, old: str, new: str) -> Path:
    """The workbook with a change in the xml of one part, which openpyxl itself would not write."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts[part]
    parts[part] = parts[part].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def test_cells_become_text(tmp_path: Path) -> None:
    cells = ["NA", "01", 1, 1.0, 2.5, True, date(2020, 1, 2), datetime(2020, 1, 2, 3, 4, 5), time(3, 4), None, "é\nb"]
    path = saved(tmp_path, s=[[f"c{place}" for place in range(len(cells))], cells])
    texts = ("NA", "01", "1", "1", "2.5", "true", "2020-01-02", "2020-01-02T03:04:05", "03:04:00", "", "é\nb")
    assert list(XlsxTable(path).rows()) == [Row(2, texts)]


def test_a_formula_is_its_last_result(tmp_path: Path) -> None:
    path = saved(tmp_path, s=[["text", "label"], ["=1+1", "x"]])
    path = replaced(path, SHEET, "<f>1+1</f><v />", "<f>1+1</f><v>2</v>")
    assert list(XlsxTable(path).rows()) == [Row(2, ("2", "x"))]


def test_empty_rows_are_skipped_and_short_ones_filled_up(tmp_path: Path) -> None:
    path = saved(tmp_path, s=[["text", "label"], ["a"], [], [None, "b"], []])
    assert list(XlsxTable(path).rows()) == [Row(2, ("a", "")), Row(4, ("", "b"))]


def test_columns_under_a_merged_header_are_called_by_their_letters(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["text", None, "label", None], ["a", "b", "c", "d"], ["e", "f", "g", "h"]):
        book.active.append(row)
    book.active.merge_cells("A1:B1")
    book.active.merge_cells("C1:D1")
    book.save(tmp_path / "a.xlsx")
    table = XlsxTable(tmp_path / "a.xlsx")
    assert table.columns == ("text", "B", "label", "D")
    assert [row.values for row in table.rows()] == [("a", "b", "c", "d"), ("e", "f", "g", "h")]


def test_of_several_sheets_the_first_is_read_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(tmp_path, one=[["text"], ["a"]], two=[["text"], ["b"]])
    with caplog.at_level(logging.WARNING):
        table = XlsxTable(path)
        assert [row.values for row in table.rows()] == [("a",)]
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: the sheet 'one' is read; data.sheet=NAME chooses another ('two')."
    ]
    caplog.clear()
    second = XlsxTable(path, "two")
    assert [row.values for row in second.rows()] == [("b",)]
    assert not caplog.records
    assert second.fingerprint() != table.fingerprint()


def test_a_sheet_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.xlsx has no sheet 'Shet' \(data\.sheet\)\. Did you mean 'Sheet'"):
        XlsxTable(saved(tmp_path, Sheet=[["text"], ["a"]]), "Shet")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"a\.xlsx, row 1: there is no header"),
        ([[], ["text"], ["a"]], r"a\.xlsx, row 1: there is no header"),
        ([["text", "label"]], r"a\.xlsx has a header and no row below it"),
        ([["text", "text"], ["a", "b"]], r"a\.xlsx, row 1, column 'text': two columns have this name"),
        ([["text"], *[["a"]] * 150, ["b", "", "c"]], r"a\.xlsx, cell C152: 'c' stands beside the table"),
    ],
)
def test_a_sheet_that_is_no_table_is_refused(tmp_path: Path, rows: list[list[object]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        list(XlsxTable(saved(tmp_path, s=rows)).rows())


@pytest.mark.parametrize("keep", [1, 100, 0.5, -10])
def test_a_truncated_workbook_is_refused(tmp_path: Path, keep: float) -> None:
    path = saved(tmp_path, s=[["text"], *[[f"text {number}"] for number in range(500)]])
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(UserError, match=r"a\.xlsx, after row 0: the workbook is truncated or damaged"):
        XlsxTable(path)


def test_a_workbook_with_broken_xml_or_a_missing_part_is_refused(tmp_path: Path) -> None:
    path = replaced(saved(tmp_path, s=[["text"], ["a"]]), SHEET, "</row>", "")
    with pytest.raises(UserError, match="truncated or damaged"):
        XlsxTable(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("unrelated.txt", "x")
    with pytest.raises(UserError, match="truncated or damaged"):
        XlsxTable(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = saved(tmp_path, s=[["text"], ["a"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/media/zeros", bytes(2**27))
    with pytest.raises(UserError, match=r"a\.xlsx unpacks to \d+ times its size"):
        XlsxTable(path)


def test_entities_that_multiply_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, s=[["text"], ["a"]])
    lines = ['<!ENTITY e0 "aaaaaaaaaa">']
    lines += [f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 10)]
    path = replaced(path, SHEET, "<worksheet", f"<!DOCTYPE worksheet [{''.join(lines)}]><worksheet")
    path = replaced(path, SHEET, "<t>a</t>", "<t>&e9;</t>")
    with pytest.raises(UserError, match="truncated or damaged"):
        XlsxTable(path)
