import time
import tracemalloc
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclf.data.balance import balanced_order
from seqclf.data.sampler import BatchSampler
from seqclf.errors import UserError
from seqclf.ragged import IntArray

LENGTHS = st.lists(st.integers(1, 40), max_size=400).map(lambda lengths: np.array(lengths, dtype=np.int64))
BOUNDS = st.tuples(st.integers(1, 5), st.none() | st.integers(1, 90))


def batches_of(sampler: BatchSampler, epoch: int = 0) -> list[list[int]]:
    sampler.set_epoch(epoch)
    return [batch.tolist() for batch in sampler]


def within_bounds(batches: list[list[int]], lengths: IntArray, batch_size: int, max_tokens: int | None) -> None:
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        assert max_tokens is None or lengths[batch].sum() <= max_tokens or len(batch) == 1


@given(LENGTHS, BOUNDS, st.integers(0, 3), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_training_has_every_record_once_in_every_epoch(
    lengths: IntArray, bounds: tuple[int, int | None], seed: int, epoch: int
) -> None:
    batches = batches_of(BatchSampler(lengths, *bounds, seed=seed), epoch)
    assert sorted(chain.from_iterable(batches)) == list(range(len(lengths)))
    within_bounds(batches, lengths, *bounds)
    for batch in batches:
        assert (np.diff(lengths[batch]) >= 0).all()


@given(LENGTHS, BOUNDS, st.integers(2, 4), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_ranks_train_on_disjoint_records_in_equal_numbers(
    lengths: IntArray, bounds: tuple[int, int | None], world: int, epoch: int
) -> None:
    ranks = [batches_of(BatchSampler(lengths, *bounds, rank=rank, world_size=world), epoch) for rank in range(world)]
    seen = [record for batches in ranks for batch in batches for record in batch]
    assert len(seen) == len(set(seen)) == len(lengths) // world * world
    assert len({tuple(map(len, batches)) for batches in ranks}) == 1
    for batches in ranks:
        within_bounds(batches, lengths, *bounds)


def test_two_ranks_see_together_what_one_process_sees_in_a_batch_of_twice_the_size() -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 2000)
    alone = batches_of(BatchSampler(lengths, 16, seed=3), 2)
    ranks = [batches_of(BatchSampler(lengths, 8, seed=3, rank=rank, world_size=2), 2) for rank in (0, 1)]
    assert [set(a) | set(b) for a, b in zip(*ranks, strict=True)] == list(map(set, alone))


@given(LENGTHS, BOUNDS, st.integers(1, 4))
@settings(max_examples=80, deadline=None)
def test_evaluation_has_every_record_once_over_all_ranks(
    lengths: IntArray, bounds: tuple[int, int | None], world: int
) -> None:
    samplers = [BatchSampler(lengths, *bounds, shuffle=False, rank=rank, world_size=world) for rank in range(world)]
    batches = [batch for sampler in samplers for batch in batches_of(sampler)]
    assert sorted(chain.from_iterable(batches)) == list(range(len(lengths)))
    within_bounds(batches, lengths, *bounds)


def test_evaluation_begins_with_the_longest_and_is_the_same_in_every_epoch() -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 300)
    sampler = BatchSampler(lengths, 7, max_tokens=200, shuffle=False)
    first = batches_of(sampler, 0)
    assert (np.diff(lengths[list(chain.from_iterable(first))]) <= 0).all()
    assert batches_of(sampler, 4) == first


def test_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 500)
    used = BatchSampler(lengths, 8, seed=1)
    batches_of(used, 0)
    batches_of(used, 5)
    np.random.default_rng().random()
    assert batches_of(used, 3) == batches_of(BatchSampler(lengths, 8, seed=1), 3)
    assert batches_of(used, 3) != batches_of(used, 4)
    assert batches_of(used, 3) != batches_of(BatchSampler(lengths, 8, seed=2), 3)


def test_batches_hold_records_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 20_000)
    spans = [np.ptp(lengths[batch]) for batch in BatchSampler(lengths, 32)]
    assert np.median(spans) < 30


def test_batches_do_not_come_by_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 3200)
    means = [lengths[batch].mean() for batch in BatchSampler(lengths, 32)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.4


@given(LENGTHS, BOUNDS, st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_every_epoch_has_the_same_number_of_batches(
    lengths: IntArray, bounds: tuple[int, int | None], world: int
) -> None:
    sampler = BatchSampler(lengths, *bounds, world_size=world)
    numbers = set()
    for epoch in (2, 0, 1, 7):
        sampler.set_epoch(epoch)
        numbers.add(len(sampler))
        assert len(list(sampler)) == len(sampler)
    assert len(numbers) == 1


def test_batches_cut_by_tokens_are_as_many_in_every_epoch() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 3000)
    sampler = BatchSampler(lengths, 4, max_tokens=300)
    epochs = [batches_of(sampler, epoch) for epoch in range(6)]
    assert len(set(map(len, epochs))) == 1
    assert all(sorted(chain.from_iterable(batches)) == list(range(3000)) for batches in epochs)


def test_a_skip_leaves_out_the_first_batches_until_the_epoch_changes() -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 100)
    whole = batches_of(BatchSampler(lengths, 8), 2)
    sampler = BatchSampler(lengths, 8)
    sampler.set_epoch(2, skip=5)
    for _ in range(2):  # a loader with persistent workers asks twice
        sampler.set_epoch(2)
        assert [batch.tolist() for batch in sampler] == whole[5:]
    assert len(sampler) == len(whole)
    assert batches_of(sampler, 3) == batches_of(BatchSampler(lengths, 8), 3)
    assert batches_of(sampler, 2) == whole


def test_a_record_longer_than_the_bound_is_a_batch_of_its_own() -> None:
    batches = batches_of(BatchSampler(np.array([3, 100, 3]), 8, max_tokens=10, shuffle=False))
    assert batches == [[1], [0, 2]]


@pytest.mark.parametrize("bounds", [(0, None), (4, 0)])
def test_batches_that_hold_nothing_are_refused(bounds: tuple[int, int | None]) -> None:
    with pytest.raises(UserError, match="at least 1"):
        BatchSampler(np.ones(3, dtype=np.int64), *bounds)


def test_planning_takes_one_more_array_of_the_records() -> None:
    """A billion records on 64 ranks are 4 GB for their lengths and 4 GB for their order, on each rank."""
    lengths = np.arange(2_000_000, dtype=np.int32) % 50 + 1
    tracemalloc.start()
    len(BatchSampler(lengths, batch_size=8, world_size=64, rank=3))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.25 * lengths.nbytes


def test_a_million_records_are_planned_in_a_second() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 1_000_000)
    began = time.process_time()
    assert len(BatchSampler(lengths, 64)) == 15_625
    assert time.process_time() - began < 1


CLASSES = (
    st.lists(st.integers(-2, 4), min_size=1, max_size=200).map(np.array).filter(lambda classes: classes.max() >= 0)
)


@given(CLASSES, st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_balanced_draws_every_class_and_inside_it_every_record_equally_often(classes: IntArray, seed: int) -> None:
    order = balanced_order(classes, np.random.default_rng(seed))
    assert len(order) == len(classes)
    times = np.bincount(order, minlength=len(classes))
    assert times[classes < 0].sum() == 0
    draws = [int(times[classes == name].sum()) for name in set(classes[classes >= 0].tolist())]
    assert max(draws) - min(draws) <= 1
    for name in set(classes[classes >= 0].tolist()):
        assert np.ptp(times[classes == name]) <= 1


def balanced(seed: int = 1, world: int = 1, rank: int = 0, max_tokens: int | None = None) -> BatchSampler:
    rng = np.random.default_rng(0)
    classes = (rng.random(600) < 0.1).astype(np.int32)
    lengths = rng.integers(1, 50, 600)
    return BatchSampler(lengths, 8, max_tokens, seed=seed, rank=rank, world_size=world, classes=classes)


@pytest.mark.parametrize("max_tokens", [None, 150])
def test_balanced_batches_hold_every_class_equally_often_and_records_of_like_length(max_tokens: int | None) -> None:
    sampler = balanced(max_tokens=max_tokens)
    assert sampler.classes is not None
    for epoch in (0, 3):
        batches = batches_of(sampler, epoch)
        drawn = np.bincount(sampler.classes[list(chain.from_iterable(batches))])
        assert drawn.tolist() == [300, 300] if max_tokens is None else abs(drawn[0] - drawn[1]) < 30
        within_bounds(batches, sampler.lengths, 8, max_tokens)
        assert np.median([np.ptp(sampler.lengths[batch]) for batch in batches]) < 10


def test_balanced_order_depends_on_seed_and_epoch_alone_and_can_be_skipped_into() -> None:
    whole = batches_of(balanced(), 3)
    used = balanced()
    batches_of(used, 5)
    assert batches_of(used, 3) == whole
    assert batches_of(used, 4) != whole
    assert batches_of(balanced(seed=2), 3) != whole
    used.set_epoch(3, skip=7)
    assert [batch.tolist() for batch in used] == whole[7:]


def test_two_balanced_ranks_see_together_what_one_process_sees() -> None:
    ranks = [batches_of(balanced(world=2, rank=rank), 2) for rank in (0, 1)]
    alone = balanced()
    alone.batch_size = 16
    together = [sorted(a + b) for a, b in zip(*ranks, strict=True)]
    assert together == [sorted(batch) for batch in batches_of(alone, 2)]
