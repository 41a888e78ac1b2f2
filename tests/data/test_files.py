import gzip
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from seqclf.data.files import ENDINGS, Files, open_table
from seqclf.errors import UserError

ROWS = [("NA", "01"), ("b c", "1.0")]


def save(path: Path, rows: list[tuple[str, str]] = ROWS) -> Path:
    """The same records in a file of any kind."""
    name = path.name.removesuffix(".gz").lower()
    if name.endswith(".parquet"):
        parquet.write_table(pa.table({"text": [a for a, _ in rows], "label": [b for _, b in rows]}), path)
    elif name.endswith(".xlsx"):
        book = openpyxl.Workbook()
        for row in [("text", "label"), *rows]:
            book.active.append(row)
        book.save(path)
    else:
        if name.endswith(".jsonl"):
            content = "".join(f'{{"text": "{a}", "label": "{b}"}}\n' for a, b in rows)
        else:
            separator = "\t" if name.endswith(".tsv") else ","
            content = "".join(f"{a}{separator}{b}\n" for a, b in [("text", "label"), *rows])
        data = content.encode()
        path.write_bytes(gzip.compress(data) if path.name.lower().endswith(".gz") else data)
    return path


@pytest.mark.parametrize("ending", [*ENDINGS, ".CSV", ".csv.GZ"])
def test_every_kind_of_file_gives_the_same_records(tmp_path: Path, ending: str) -> None:
    table = open_table(save(tmp_path / f"a.b{ending}"))
    assert table.columns == ("text", "label")
    assert [row.values for row in table.rows()] == ROWS
    assert [row.values for row in table.select(["label"])] == [("01",), ("1.0",)]
    assert [row.line for row in table.rows()] == ([1, 2] if ending in (".jsonl", ".jsonl.gz", ".parquet") else [2, 3])


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_mark_of_lists_in_a_file_makes_no_list(tmp_path: Path, ending: str) -> None:
    rows = open_table(save(tmp_path / f"a{ending}", [("\ufdd0a", "b\ufdd0")])).rows()
    assert [row.values for row in rows] == [("\ufffda", "b\ufffd")]


def test_encoding_and_separator_are_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text;label\né;b\n".encode("latin-1"))
    assert [row.values for row in open_table(path, "latin-1", ";").rows()] == [("é", "b")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trian.csv", r"trian\.csv does not exist\. Did you mean 'train\.csv'\?"),
        ("completely-other.csv", r"completely-other\.csv does not exist\. Choose from: train\.csv"),
        ("nowhere/train.csv", r"nowhere/train\.csv does not exist: there is no folder .*nowhere"),
        ("folder.csv", r"folder\.csv has no file of records in it"),
        ("train.xls", r"train\.xls is of an unknown kind, '\.xls'.* \.csv, .*\.xlsx"),
        ("train", r"train is of an unknown kind, 'without an ending'"),
        ("train.gz", r"train\.gz is of an unknown kind, '\.gz'"),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, name: str, message: str) -> None:
    save(tmp_path / "train.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=message):
        open_table(tmp_path / name)


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_empty_file_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.touch()
    with pytest.raises(UserError, match=rf"a{ending} is empty"):
        open_table(path)


def test_files_are_splits(tmp_path: Path) -> None:
    paths = {name: str(save(tmp_path / f"{name}.csv")) for name in ("train", "validation", "test")}
    tables = Files(**paths).tables()
    assert tables.text == ("text",)
    for split, table in (("train", tables.train), ("validation", tables.validation), ("test", tables.test)):
        assert table is not None
        assert table.name == paths[split]


def test_a_test_file_alone_may_lack_the_label(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("text,note\na,b\n")
    tables = Files(test=str(path), text=["text"]).tables()
    assert tables.train is None
    assert tables.test is not None


def test_no_file_at_all_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.train=FILE"):
        Files().tables()


def test_all_headers_are_checked_before_any_row(tmp_path: Path) -> None:
    save(tmp_path / "train.csv")
    (tmp_path / "test.csv").write_text("txt,label\na,b,c\n")
    with pytest.raises(UserError, match=r"test\.csv"):
        Files(train=str(tmp_path / "train.csv"), test=str(tmp_path / "test.csv")).tables()


def test_the_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "train.csv")
    assert open_table("~/train.csv").name == str(tmp_path / "train.csv")
