from collections.abc import Iterator

import pytest

from seqclf.data.source import Source
from seqclf.data.table import MemoryTable, Row, Table
from seqclf.errors import UserError


class Unread(MemoryTable):
    """A table whose rows must not be touched."""

    def rows(self) -> Iterator[Row]:
        raise AssertionError("a row was read before the columns were checked")


class Fixed(Source):
    def __init__(self, text: list[str] | None, label: str | None, **columns: str) -> None:
        super().__init__(text, label)
        self.columns = columns

    def splits(self) -> dict[str, Table]:
        return {split: Unread(f"{split}.csv", names.split(), []) for split, names in self.columns.items()}


def test_text_is_every_column_but_the_label() -> None:
    tables = Fixed(None, "label", train="a label b", test="b a").tables()
    assert tables.text == ("a", "b")
    assert tables.label == "label"
    assert tables.train is not None
    assert tables.test is not None
    assert tables.validation is None


def test_text_keeps_the_order_that_was_typed() -> None:
    assert Fixed(["b", "a"], "label", train="a label b").tables().text == ("b", "a")


def test_a_source_may_have_a_test_table_only_and_no_label() -> None:
    tables = Fixed(["a"], "label", test="a b").tables()
    assert tables.train is None
    assert tables.text == ("a",)


def test_without_a_label_every_column_is_text() -> None:
    assert Fixed(None, None, train="a label").tables().text == ("a", "label")


@pytest.mark.parametrize(
    ("text", "label", "columns", "message"),
    [
        (["titel"], "label", {"train": "title label"}, r"train\.csv has no column 'titel' \(data\.text\).*'title'\?"),
        (["a"], "lable", {"train": "a label"}, r"train\.csv has no column 'lable' \(data\.label\).*'label'\?"),
        (["a"], "label", {"train": "a label", "validation": "a"}, r"validation\.csv has no column 'label'"),
        (["a"], "label", {"train": "a label", "test": "b"}, r"test\.csv has no column 'a' \(data\.text\)"),
        (None, "label", {"train": "label"}, r"data\.text names no column"),
        ([], "label", {"train": "a label"}, r"data\.text names no column.*a, label"),
        (["a", "a"], "label", {"train": "a label"}, r"names the column 'a' twice"),
        (["a", "label"], "label", {"train": "a label"}, r"'label' is named both in data\.text and in data\.label"),
        ("a", "label", {"train": "a label"}, r"data\.text=\[a\]"),
    ],
)
def test_columns_that_make_no_sense_are_refused_before_any_row_is_read(
    text: list[str] | None, label: str, columns: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Fixed(text, label, **columns).tables()
