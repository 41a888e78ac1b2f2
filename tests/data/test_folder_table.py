"""A folder of files as one table."""

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from seqclf.data.files import Files, open_table
from seqclf.data.row_view import RowView
from seqclf.data.store import build_store
from seqclf.data.table import Row
from seqclf.errors import UserError
from seqclf.text.tokenization import Tokenization

SHARDS = {"b": [("four", "x")], "a": [("one", "x"), ("two\ntwo", "y"), ("three", "x")], "c": [("five", "y")]}
ROWS = [values for name in sorted(SHARDS) for values in SHARDS[name]]


def write(path: Path, rows: list[tuple[str, str]], columns: tuple[str, str] = ("text", "label")) -> None:
    """A shard of any kind."""
    if path.suffix == ".parquet":
        parquet.write_table(pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))), path)
    elif path.suffix == ".jsonl":
        lines = [f'{{"{columns[0]}": "{a}", "{columns[1]}": "{b}"}}' for a, b in rows]
        path.write_text("\n".join(lines).replace("two\ntwo", "two\\ntwo"))
    else:
        data = "\n".join([",".join(columns), *(f'"{a}",{b}' for a, b in rows)]).encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture(params=[".csv", ".jsonl", ".parquet", ".csv.gz"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / "shards"
    made.mkdir()
    for name, rows in SHARDS.items():
        write(made / f"{name}{request.param}", rows)
    for other in ("_SUCCESS", "_metadata.parquet", ".hidden.csv", "notes.md"):
        (made / other).touch()
    (made / "_temporary").mkdir()
    return made


def test_the_files_of_a_folder_are_one_table_in_the_order_of_their_names(folder: Path) -> None:
    table = open_table(folder)
    assert [row.values for row in table.rows()] == ROWS
    assert [row.values for row in table.select(["label"])] == [(label,) for _, label in ROWS]
    assert len({row.line for row in table.rows()}) == len(ROWS)
    assert table.name == str(folder)


def test_a_place_is_that_in_the_shard(folder: Path) -> None:
    table = open_table(folder)
    ending = "".join(next(folder.glob("a*")).suffixes)
    lines = {".csv": (2, 3, 5), ".csv.gz": (2, 3, 5)}.get(ending, (1, 2, 3))
    expected = [("a", line) for line in lines] + [("b", lines[0]), ("c", lines[0])]
    places = [f"{folder / name}{ending}, {table.unit} {line}, column 'text'" for name, line in expected]
    for reader in (table, RowView(table, range(5), "some of it")):
        assert [reader.at(row.line, "text") for row in reader.rows()] == places


def test_all_splits_may_be_folders(folder: Path, tmp_path: Path) -> None:
    name = str(folder)
    source = Files(train=name, validation=name, test=name)
    store = build_store(source, Tokenization(), cache=tmp_path / "cache")
    assert store.report["records"] == {"train": 5, "validation": 5, "test": 5}
    single = tmp_path / "all.parquet"
    write(single, ROWS)
    other = build_store(Files(train=str(single), validation=str(single)), Tokenization(), cache=tmp_path / "other")
    assert store.train.ids.tolist() == other.train.ids.tolist()
    assert store.train.labels.tolist() == other.train.labels.tolist()


def test_every_change_of_a_shard_is_seen(folder: Path) -> None:
    seen, contents = {open_table(folder).stamp()}, {open_table(folder).fingerprint()}
    file = sorted(folder.glob("c.*"))[0]
    os.utime(file, ns=(1, 1))
    seen.add(open_table(folder).stamp())
    contents.add(open_table(folder).fingerprint())
    file.rename(folder / f"A{file.name[1:]}")  # another order
    seen.add(open_table(folder).stamp())
    contents.add(open_table(folder).fingerprint())
    (folder / f"A{file.name[1:]}").unlink()
    seen.add(open_table(folder).stamp())
    contents.add(open_table(folder).fingerprint())
    assert len(seen) == 4
    assert len(contents) == 3  # the time alone is not the content


def test_a_mistake_in_a_shard_is_said_with_its_place_there(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [("one", "x"), ("two", "y")])
    write(tmp_path / "b.csv", [("one", "x"), ("two", "")])
    with pytest.raises(UserError, match=r"b\.csv, line 3, column 'label': the label is empty"):
        build_store(Files(train=str(tmp_path)), Tokenization(), cache=tmp_path / ".cache")


def test_a_folder_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no file of records in it: they end in \.csv"):
        open_table(tmp_path)
    write(tmp_path / "a.csv", SHARDS["a"])
    (tmp_path / "b.csv").touch()
    with pytest.raises(UserError, match=r"b\.csv is empty"):
        open_table(tmp_path)
    write(tmp_path / "b.csv", SHARDS["b"], ("text", "lable"))
    with pytest.raises(UserError, match=r"b\.csv has no column 'label', but .*a\.csv has"):
        open_table(tmp_path)
    (tmp_path / "b.csv").write_text("label,text,more\nx,one,1\n")
    with pytest.raises(UserError, match=r"a\.csv has no column 'more', but .*b\.csv has"):
        open_table(tmp_path)
    (tmp_path / "b.csv").unlink()
    write(tmp_path / "b.jsonl", SHARDS["b"])
    with pytest.raises(UserError, match=r"several kinds, a\.csv and b\.jsonl"):
        open_table(tmp_path)
    (tmp_path / "b.jsonl").unlink()
    (tmp_path / "day=2").mkdir()
    with pytest.raises(UserError, match=r"day=2 is a folder in a folder"):
        open_table(tmp_path)


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [("one", "x")])
    (tmp_path / "b.csv").write_text("label,text\ny,two\n")
    assert list(open_table(tmp_path).rows()) == [Row(2, ("one", "x")), Row(4, ("two", "y"))]


def test_a_column_that_one_shard_has_lists_in_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", [("one", "x")])
    parquet.write_table(pa.table({"text": [["two"]], "label": ["y"]}), tmp_path / "b.parquet")
    with pytest.raises(UserError, match=r"b\.parquet, column 'text': it holds list"):
        Files(train=str(tmp_path)).tables()
    table = open_table(tmp_path)
    table.allow_lists("text")
    assert len(list(table.select(["text"]))) == 2
