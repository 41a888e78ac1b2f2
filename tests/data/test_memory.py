from datetime import datetime
from typing import Any

import numpy as np
import pytest

from seqclf.data.memory import Memory, given, table_in_memory
from seqclf.data.table import Row, Table
from seqclf.errors import UserError

pandas: Any = pytest.importorskip("pandas")
datasets: Any = pytest.importorskip("datasets")


def frame(**columns: Any) -> Any:
    return pandas.DataFrame(columns)


def table(data: Any) -> Table:
    found = table_in_memory("train", data)
    assert found is not None
    return found


def test_every_value_of_a_frame_is_text_as_in_a_file() -> None:
    data = frame(
        text=["NA", None, "é\n", float("nan")],
        number=[1, 2, 3, 4],
        share=[0.5, float("nan"), 2.0, -1.0],
        flag=[True, False, True, True],
        kind=pandas.Categorical(["a", "b", None, "a"]),
        day=pandas.to_datetime(["2026-01-02", None, "2026-01-04", "2026-01-05 06:00"], format="ISO8601"),
        mixed=["a", 1, np.int64(2), np.float32(0.5)],
    )
    rows = list(table(data.set_index(pandas.Index([9, 9, 9, 9]))).rows())
    assert [row.line for row in rows] == [1, 2, 3, 4]
    assert [row.values for row in rows] == [
        ("NA", "1", "0.5", "true", "a", datetime(2026, 1, 2).isoformat(), "a"),
        ("", "2", "", "false", "b", "", "1"),
        ("é\n", "3", "2.0", "true", "", datetime(2026, 1, 4).isoformat(), "2"),
        ("", "4", "-1.0", "true", "a", datetime(2026, 1, 5, 6).isoformat(), "0.5"),
    ]


def test_many_rows_come_in_order() -> None:
    data = frame(a=range(2500), b=[str(number) for number in range(2500)])
    assert list(table(data).select(["b"])) == [Row(number + 1, (str(number),)) for number in range(2500)]


def test_lists_are_read_where_they_are_allowed() -> None:
    tags = [["a", "b"], [], np.array(["c"])]
    data = frame(tags=tags)
    with pytest.raises(UserError, match=r"train \(DataFrame\), row 1, column 'tags': a list is not one text"):
        list(table(data).rows())
    allowed = table(data)
    allowed.allow_lists("tags")
    other = table(datasets.Dataset.from_dict({"tags": [["a", "b"], [], ["c"]]}))
    other.allow_lists("tags")
    assert [row.values for row in allowed.rows()] == [row.values for row in other.rows()]


def test_a_cell_that_is_no_text_is_named_by_row_and_column() -> None:
    with pytest.raises(UserError, match=r"train \(DataFrame\), row 2, column 'a': a dict is not one text"):
        list(table(frame(a=["fine", {"x": 1}])).rows())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (frame(a=[]), "no row"),
        (pandas.DataFrame(), "no column"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are named 'a'"),
        (datasets.Dataset.from_dict({"a": []}), "no row"),
    ],
)
def test_tables_that_hold_nothing_or_are_ambiguous_are_refused(data: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        table(data)


def test_the_hash_follows_the_content() -> None:
    data = frame(a=["x", "y"], b=[1, 2], c=[{"x": 1}, None])
    first = table(data).fingerprint()
    assert table(data.set_index(pandas.Index(["p", "q"]))).fingerprint() == first
    for other in (data.iloc[::-1], data.rename(columns={"a": "d"}), data.assign(b=[1, 3]), data.iloc[:1]):
        assert table(other).fingerprint() != first
    assert table(data).stamp() is None


def test_a_part_of_a_data_set_is_other_data_though_its_files_are_the_same(tmp_path: Any) -> None:
    datasets.Dataset.from_dict({"a": ["x", "y"]}).save_to_disk(tmp_path / "saved")
    whole = datasets.load_from_disk(tmp_path / "saved")
    part = whole.select([0])
    assert part.cache_files == whole.cache_files
    assert table(part).stamp() is None
    assert table(part).fingerprint() != table(whole).fingerprint()


def test_classes_of_a_data_set_have_names() -> None:
    features = datasets.Features({"a": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    data = datasets.Dataset.from_dict({"a": ["x", "y"], "label": [1, 0]}, features=features)
    assert [row.values for row in table(data).rows()] == [("x", "yes"), ("y", "no")]


def test_a_source_has_the_tables_that_are_given_for_as_long_as_they_are() -> None:
    source = Memory(text=["a"], label="b")
    with given({"train": frame(a=["x"], b=["y"]), "test": frame(a=["z"])}):
        tables = source.tables()
        assert tables.train is not None
        assert tables.test is not None
        assert [row.values for row in tables.test.rows()] == [("z",)]
    with pytest.raises(UserError, match="there are no tables in memory"):
        source.tables()


def test_a_column_that_is_not_there_is_said() -> None:
    with given({"train": frame(title=["x"], b=["y"])}), pytest.raises(UserError, match="Did you mean 'title'"):
        Memory(text=["titel"], label="b").tables()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("train.csv", "not a str: name files"),
        ([{"a": "b"}], "not a list"),
        (datasets.DatasetDict({"part": datasets.Dataset.from_dict({"a": ["x"]})}), r"train=data\['part'\]"),
    ],
)
def test_anything_else_is_refused(data: Any, message: str) -> None:
    with pytest.raises(UserError, match=message), given({"train": data}):
        pass
