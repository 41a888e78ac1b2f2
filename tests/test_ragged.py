import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seqclf.ragged import Ragged, Rows

some_lengths = st.lists(st.integers(1, 7), max_size=8)
some_rows = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=6), min_size=1, max_size=6)
CPU = torch.device("cpu")


@given(some_lengths)
def test_rows_lie_one_after_another(lengths: list[int]) -> None:
    rows = Rows.from_lengths(lengths)
    assert len(rows) == len(lengths)
    assert rows.lengths.tolist() == lengths
    assert rows.offsets.tolist() == [sum(lengths[:row]) for row in range(len(lengths) + 1)]
    assert rows.num_values == sum(lengths)
    assert rows.row_of_value(CPU).tolist() == [row for row, length in enumerate(lengths) for _ in range(length)]
    assert rows.lengths_on(CPU).tolist() == lengths


@given(some_lengths)
def test_places_count_within_each_row(lengths: list[int]) -> None:
    rows = Rows.from_lengths(lengths)
    assert rows.places().tolist() == [place for length in lengths for place in range(length)]
    assert rows.position_of_value(CPU).tolist() == rows.places().tolist()


def test_positions_stand_for_places_where_they_are_given() -> None:
    rows = Rows.from_lengths([2, 1], positions=np.array([0, 3, 2]))
    assert rows.position_of_value(CPU).tolist() == [0, 3, 2]
    assert rows.places().tolist() == [0, 1, 0]


def test_index_tensors_are_made_once() -> None:
    rows = Rows.from_lengths([2, 1])
    assert rows.row_of_value(CPU) is rows.row_of_value(CPU)
    assert rows.position_of_value(CPU) is rows.position_of_value(CPU)


def test_index_tensors_made_for_inference_serve_training_too() -> None:
    rows, values = Rows.from_lengths([2, 1]), torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        rows.row_of_value(CPU)
    values[rows.row_of_value(CPU)].sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([1, 2], "start at 0"),
        ([], "start at 0"),
        ([[0, 1]], r"shape \(1, 2\)"),
        ([0, 2, 2, 3], "row 1 has 0 values"),
        ([0, 2, 1], "row 1 has -1 values"),
    ],
)
def test_impossible_rows_are_refused(offsets: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Rows(np.array(offsets, dtype=np.int64))


def test_positions_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one entry per value \(3\), but has 2"):
        Rows.from_lengths([2, 1], positions=np.array([0, 1]))


def test_values_that_do_not_fill_the_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="must have 3 entries to fill the rows, but has 4"):
        Ragged(torch.zeros(4), Rows.from_lengths([2, 1]))


@given(some_rows)
def test_sequences_become_rows_and_padding_comes_and_goes(sequences: list[list[int]]) -> None:
    ragged = Ragged.from_sequences(sequences)
    assert [row.tolist() for row in ragged.values.split(ragged.rows.lengths.tolist())] == sequences
    padded = ragged.to_padded()
    longest = max(map(len, sequences))
    assert padded.tolist() == [row + [0] * (longest - len(row)) for row in sequences]
    back = Ragged.from_padded(padded)
    assert torch.equal(back.values, ragged.values)
    assert back.rows.offsets.tolist() == ragged.rows.offsets.tolist()


def test_sequences_of_vectors_become_rows_of_vectors() -> None:
    ragged = Ragged.from_sequences([torch.zeros(2, 3), torch.ones(1, 3)])
    assert ragged.values.shape == (3, 3)
    assert ragged.to_padded(padding=-1)[1].tolist() == [[1] * 3, [-1] * 3]


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=st.integers(0, 3)))
def test_padding_is_dropped_wherever_it_stands(ids: np.ndarray) -> None:
    ids[:, 0] = 5  # no row is empty
    ragged = Ragged.from_padded(torch.from_numpy(ids))
    expected = [[int(number) for number in row if number != 0] for row in ids]
    assert [row.tolist() for row in ragged.values.split(ragged.rows.lengths.tolist())] == expected


def test_a_row_of_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="row 1 has 0 values"):
        Ragged.from_padded(torch.tensor([[1, 2], [0, 0]]))


def test_other_values_share_the_rows() -> None:
    ragged = Ragged.from_sequences([[1, 2], [3]])
    other = ragged.with_values(torch.zeros(3, 5))
    assert other.rows is ragged.rows
    assert len(other) == 2
    with pytest.raises(ValueError, match="3 entries"):
        ragged.with_values(torch.zeros(4))


def test_values_that_are_kept_keep_their_row_and_position() -> None:
    ragged = Ragged(torch.tensor([5, 6, 7, 8, 9]), Rows.from_lengths([3, 2], np.array([0, 2, 5, 1, 3])))
    kept = ragged.keep(np.array([True, False, True, False, True]))
    assert kept.values.tolist() == [5, 7, 9]
    assert kept.rows.offsets.tolist() == [0, 2, 3]
    assert kept.rows.positions is not None
    assert kept.rows.positions.tolist() == [0, 5, 3]
    with pytest.raises(ValueError, match="row 1 has 0 values"):
        ragged.keep(np.array([True, True, True, False, False]))


def test_counted_positions_stay_where_they_were() -> None:
    kept = Ragged.from_sequences([[5, 6, 7]]).keep(np.array([False, True, True]))
    assert kept.rows.positions is not None
    assert kept.rows.positions.tolist() == [1, 2]


def test_moving_keeps_the_rows() -> None:
    ragged = Ragged.from_sequences([[1, 2], [3]])
    moved = ragged.to("meta")
    assert moved.device.type == "meta"
    assert moved.rows is ragged.rows
