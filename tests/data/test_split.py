import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclf.data.split import validation_mask
from seqclf.errors import UserError

LABELS = st.lists(st.integers(0, 5), min_size=2, max_size=200).map(lambda labels: np.array(labels, dtype=np.int32))


@given(LABELS, st.floats(0, 0.99), st.integers(0, 100))
def test_every_class_keeps_a_training_record_and_gives_its_share(
    labels: npt.NDArray[np.int32], size: float, seed: int
) -> None:
    wanted = round(size * len(labels))
    if wanted == len(labels):
        return
    mask = validation_mask(labels, size, seed)
    assert mask.sum() <= wanted
    for label in np.unique(labels):
        chosen, total = mask[labels == label].sum(), (labels == label).sum()
        assert chosen < total
        assert chosen <= np.floor(total * wanted / len(labels)) + 1
        assert chosen >= min(np.floor(total * wanted / len(labels)), total - 1)


@given(LABELS, st.integers(0, 100))
def test_the_same_seed_gives_the_same_part(labels: npt.NDArray[np.int32], seed: int) -> None:
    np.testing.assert_array_equal(validation_mask(labels, 0.3, seed), validation_mask(labels, 0.3, seed))


def test_another_seed_gives_another_part_of_the_same_size() -> None:
    labels = np.arange(1000, dtype=np.int32) % 4
    one, two = validation_mask(labels, 0.1, 1), validation_mask(labels, 0.1, 2)
    assert one.sum() == two.sum() == 100
    assert np.bincount(labels[one]).tolist() == [25] * 4
    assert (one != two).any()


def test_records_grouped_by_class_are_chosen_all_over_the_table() -> None:
    labels = np.repeat(np.arange(2, dtype=np.int32), 500)
    places = np.flatnonzero(validation_mask(labels, 0.1, 13)) % 500
    assert 150 < places.mean() < 350


def test_a_count_is_met_where_classes_can_give_it() -> None:
    labels = np.array([0] * 60 + [1] * 39 + [2], dtype=np.int32)
    mask = validation_mask(labels, 20, 13)
    assert mask.sum() == 20
    assert not mask[-1]


def test_single_records_stay_in_training() -> None:
    assert not validation_mask(np.arange(20, dtype=np.int32), 0.5, 13).any()


def test_nothing_is_cut_where_nothing_is_asked_for() -> None:
    assert not validation_mask(np.zeros(10, dtype=np.int32), 0, 13).any()


@pytest.mark.parametrize("size", [-0.1, 10, 11])
def test_sizes_that_leave_nothing_to_train_on_are_refused(size: float) -> None:
    with pytest.raises(UserError, match=f"data.validation_size is {size}, but there are 10 records"):
        validation_mask(np.zeros(10, dtype=np.int32), size, 13)
