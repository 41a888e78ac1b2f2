import pytest

from seqclf.data.pairs import pair_fields
from seqclf.data.source import Source
from seqclf.data.table import MemoryTable, Table
from seqclf.errors import UserError


class Fixed(Source):
    def __init__(self, left: list[str] | None, right: list[str] | None, text: list[str] | None = None) -> None:
        super().__init__(text, "label", left, right)

    def splits(self) -> dict[str, Table]:
        return {"train": MemoryTable("train.csv", ["left_a", "b", "right_a", "c", "label"], [])}


@pytest.mark.parametrize(
    ("left", "right", "fields"),
    [
        (["left_title", "left_price"], ["right_title", "right_price"], ("title", "price")),
        (["title_left"], ["title_right"], ("title",)),
        (["a", "left_b"], ["b", "right_c"], ("a", "left_b")),
        (["left_a", "a"], ["right_a", "b"], ("left_a", "a")),  # both would be called a
        (["left_"], ["right_"], ("left_",)),
    ],
)
def test_a_field_is_called_by_what_its_columns_have_in_common(
    left: list[str], right: list[str], fields: tuple[str, ...]
) -> None:
    assert pair_fields(left, right) == fields


def test_the_columns_are_those_of_the_left_and_then_those_of_the_right() -> None:
    tables = Fixed(["left_a", "b"], ["right_a", "c"]).tables()
    assert tables.text == ("left_a", "b", "right_a", "c")
    assert tables.fields == ("a", "b")


@pytest.mark.parametrize(
    ("left", "right", "text", "message"),
    [
        (["left_a", "b"], ["right_a"], None, r"data\.left has 2 columns and data\.right 1.*\[left_a, b\].*\[right_a\]"),
        (["left_a"], None, None, r"data\.right is missing.*\['left_a'\]"),
        (None, ["right_a"], None, r"data\.left is missing"),
        (["left_a"], [], None, r"data\.right names no column"),
        (["left_a"], ["right_a"], ["b"], r"data\.text is typed beside data\.left and data\.right"),
        ("left_a", ["right_a"], None, r"data\.left=\[left_a\]"),
        (["left_a"], ["rigth_a"], None, r"train\.csv has no column 'rigth_a' \(data\.right\).*'right_a'\?"),
        (["left_a", "b"], ["right_a", "b"], None, r"data\.left and data\.right name the column 'b' twice"),
        (["label"], ["b"], None, r"'label' is named both in data\.left and in data\.label"),
    ],
)
def test_sides_that_make_no_sense_are_refused(
    left: list[str] | None, right: list[str] | None, text: list[str] | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Fixed(left, right, text).tables()
