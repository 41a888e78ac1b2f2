import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seqclf.batch import EMPTY, PADDING, SPECIAL_TOKENS, RecordBatch
from seqclf.ragged import Ragged, Rows

rectangles = hnp.arrays(
    np.int64,
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 5)),
    elements=st.sampled_from([0, 0, 4, 5, 6]),
)


def sequences(batch: RecordBatch) -> list[list[int]]:
    ids = batch.tokens["tokens"]
    return [row.tolist() for row in ids.values.split(ids.rows.lengths.tolist())]


def records(batch: RecordBatch) -> list[dict[int, list[int]]]:
    """For each record, field to ids."""
    offsets, found = batch.records.offsets, sequences(batch)
    fields = batch.records.position_of_value(torch.device("cpu")).tolist()
    spans = [range(offsets[record], offsets[record + 1]) for record in range(len(batch.records))]
    return [{fields[place]: found[place] for place in span} for span in spans]


@given(rectangles)
def test_a_rectangle_holds_the_fields_that_are_there(ids: np.ndarray) -> None:
    expected = []
    for record in ids.tolist():
        fields = {place: [number for number in field if number != PADDING] for place, field in enumerate(record)}
        there = {place: field for place, field in fields.items() if field}
        expected.append(there or {0: [EMPTY]})
    assert records(RecordBatch.from_padded({"tokens": torch.from_numpy(ids)})) == expected


@given(rectangles)
def test_the_rectangle_is_left_as_it_is(ids: np.ndarray) -> None:
    before = ids.copy()
    RecordBatch.from_padded({"tokens": torch.from_numpy(ids), "others": torch.from_numpy(ids)})
    np.testing.assert_array_equal(ids, before)


@given(rectangles, st.integers(0, 3), st.integers(0, 2))
def test_more_padding_and_an_extra_empty_field_change_nothing(ids: np.ndarray, tokens: int, fields: int) -> None:
    wider = np.pad(ids, ((0, 0), (0, fields), (0, tokens)))
    padded, plain = (RecordBatch.from_padded({"tokens": torch.from_numpy(array)}) for array in (wider, ids))
    assert records(padded) == records(plain)


@given(rectangles)
def test_two_records_that_change_places_take_their_fields_along(ids: np.ndarray) -> None:
    forth, back = (RecordBatch.from_padded({"tokens": torch.from_numpy(array.copy())}) for array in (ids, ids[::-1]))
    assert records(back) == records(forth)[::-1]


def test_records_of_one_field_need_no_dimension_for_it() -> None:
    ids = torch.tensor([[5, 0, 6], [0, 0, 0]])
    flat, deep = (RecordBatch.from_padded({"tokens": array}) for array in (ids, ids.unsqueeze(1)))
    assert records(flat) == records(deep) == [{0: [5, 6]}, {0: [EMPTY]}]
    assert len(flat) == 2
    assert flat.num_tokens == 3


def test_indexers_share_their_rows() -> None:
    ids = torch.tensor([[[5, 6], [0, 0]], [[0, 0], [0, 0]]])
    batch = RecordBatch.from_padded({"tokens": ids, "others": ids * 2})
    assert batch.tokens["tokens"].rows is batch.tokens["others"].rows
    assert batch.tokens["others"].values.tolist() == [10, 12, EMPTY]


@pytest.mark.parametrize(
    "tokens",
    [
        {"tokens": torch.ones(3)},
        {"tokens": torch.ones(1, 1, 1, 1)},
        {"tokens": torch.ones(2, 3), "others": torch.ones(2, 4)},
        {},
    ],
)
def test_other_shapes_are_refused(tokens: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match=r"must be \(batch, tokens\) or \(batch, fields, tokens\)"):
        RecordBatch.from_padded(tokens)


def test_the_length_counts_examples() -> None:
    ids = Ragged.from_sequences([[4], [5, 6], [7], [8]])
    batch = RecordBatch({"tokens": ids}, Rows.from_lengths([1, 1, 1, 1]), num_inputs=2)
    assert len(batch) == 2
    assert batch.num_tokens == 5


def test_moving_takes_ids_and_labels_along() -> None:
    ids = Ragged.from_sequences([[4], [5, 6]])
    batch = RecordBatch({"tokens": ids}, Rows.from_lengths([1, 1]), torch.tensor([0, 1]), num_inputs=2)
    moved = batch.to("meta")
    assert moved.device.type == "meta"
    assert moved.labels is not None
    assert moved.labels.device.type == "meta"
    assert moved.records is batch.records
    assert moved.num_inputs == 2
    assert RecordBatch({"tokens": ids}, Rows.from_lengths([1, 1])).to("meta").labels is None


def test_special_tokens_stand_at_their_ids() -> None:
    assert SPECIAL_TOKENS[PADDING] == "[PAD]"
    assert SPECIAL_TOKENS[EMPTY] == "[EMPTY]"
