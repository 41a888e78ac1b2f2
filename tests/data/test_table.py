import pytest

from seqclf.data.table import MemoryTable, Row
from seqclf.errors import UserError

RECORDS = [("NA", "01"), ("", "1.0")]


def test_a_memory_table_gives_its_records_again_and_again() -> None:
    table = MemoryTable("memory", ["text", "label"], RECORDS)
    expected = [Row(1, ("NA", "01")), Row(2, ("", "1.0"))]
    assert list(table.rows()) == expected
    assert list(table.rows()) == expected


def test_select_takes_columns_in_the_order_asked_for() -> None:
    table = MemoryTable("memory", ["text", "label"], RECORDS)
    assert [row.values for row in table.select(["label", "text"])] == [("01", "NA"), ("1.0", "")]


def test_a_mistyped_column_names_the_nearest_and_the_key() -> None:
    table = MemoryTable("memory", ["title", "label"], [])
    assert table.column("label") == 1
    with pytest.raises(UserError, match=r"memory has no column 'titel' \(data\.left\)\. Did you mean 'title'\?"):
        table.column("titel", "data.left")


def test_a_place_is_named_with_what_is_counted() -> None:
    assert MemoryTable("memory", ["a"], []).at(3, "a") == "memory, row 3, column 'a'"
    assert MemoryTable("memory", ["a"], []).at(3) == "memory, row 3"


@pytest.mark.parametrize(
    ("columns", "records"),
    [(("text", "b"), [("x", "y")]), (("a", "b"), [("xy", "")]), (("a", "b"), [("x", "y"), ("", "")])],
)
def test_tables_that_differ_have_different_fingerprints(columns: tuple[str], records: list[tuple[str]]) -> None:
    fingerprint = MemoryTable("memory", ("a", "b"), [("x", "y")]).fingerprint()
    assert fingerprint == MemoryTable("another", ("a", "b"), [["x", "y"]]).fingerprint()
    assert fingerprint != MemoryTable("memory", columns, records).fingerprint()
