import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclf.text.label_sets import (
    LIST,
    is_list,
    label_matrix,
    list_cell,
    list_texts,
    readable_cell,
    split_cell,
    text_cell,
)

NAMES = st.text(st.characters(exclude_characters=LIST, exclude_categories=("Cs",)), max_size=5)


@pytest.mark.parametrize(
    ("cell", "labels"),
    [("", []), ("a", ["a"]), ("a|b", ["a", "b"]), (" a | b|a|| ", ["a", "b"]), ("a;b", ["a;b"]), ("|", [])],
)
def test_text_is_split_at_the_separator(cell: str, labels: list[str]) -> None:
    assert split_cell(cell) == labels
    assert split_cell(cell.replace("|", "--"), "--") == labels


@given(st.lists(NAMES, max_size=4))
def test_a_list_is_what_it_was(names: list[str]) -> None:
    cell = list_cell(names)
    assert is_list(cell)
    assert split_cell(cell) == list(dict.fromkeys(name for name in names if name and not name.isspace()))
    assert readable_cell(cell, ";") == ";".join(names)


def test_a_text_with_the_mark_of_lists_stays_one_text() -> None:
    assert text_cell(LIST + "a") == "\ufffda"
    assert list_texts(list_cell([f"a{LIST}b", "c"])) == ["a\ufffdb", "c"]


@given(st.lists(st.lists(st.integers(-1, 3), unique=True), max_size=5))
def test_a_matrix_has_a_row_for_each_record(records: list[list[int]]) -> None:
    flat = np.array([label for labels in records for label in labels], dtype=np.int32)
    matrix = label_matrix(flat, [len(labels) for labels in records], 4)
    assert matrix.shape == (len(records), 4)
    for row, labels in zip(matrix, records, strict=True):
        assert (row.min() < 0) == (-1 in labels)
        assert [label for label in range(4) if row[label] % 2] == sorted(label for label in labels if label >= 0)
