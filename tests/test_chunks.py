import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seqclf.chunks import Overhead, cut, plan, to_ragged, to_vectors
from seqclf.ragged import Ragged, Rows

CPU = torch.device("cpu")
some_lengths = st.lists(st.integers(1, 12), min_size=1, max_size=20)
some_overheads = st.builds(Overhead, cells=st.integers(0, 40), rows=st.integers(0, 4))
somewhat_short = st.integers(1, 5)


def drawn(lengths: list[int], gaps: bool = False) -> Ragged:
    """Rows of whole numbers in float64: whatever is computed from them is exact."""
    size = sum(lengths)
    rows = Rows.from_lengths(lengths, np.arange(size) % 11 if gaps else None)
    return Ragged(torch.randint(-9, 10, (size, 3)).double().requires_grad_(), rows)


def pooled(x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
    """A kernel that sees lengths, positions and the order of a row, and checks what it gets."""
    places = torch.arange(x.shape[1])
    padding = places >= lengths.unsqueeze(1)
    assert positions.shape == x.shape[:2]
    assert (x[padding] == 0).all()
    assert (positions[padding] == 0).all()
    assert (lengths >= 1).all()
    return ((x * (positions * 7 + places + 1).unsqueeze(2)).sum(1)) * lengths.unsqueeze(1)


def summed_so_far(x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
    """A kernel of vectors in context, with rubbish at the padding."""
    out = (x * (positions + 1).unsqueeze(2)).cumsum(1) + lengths[:, None, None]
    return out.masked_fill((torch.arange(x.shape[1]) >= lengths.unsqueeze(1)).unsqueeze(2), torch.nan)


def each_row(sequences: Ragged) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The arguments of a kernel for each row alone."""
    lengths = sequences.rows.lengths.tolist()
    positions = sequences.rows.position_of_value(CPU).split(lengths)
    return [
        (values.unsqueeze(0), torch.tensor([len(values)]), place.unsqueeze(0))
        for values, place in zip(sequences.values.split(lengths), positions, strict=True)
    ]


@given(some_lengths, some_overheads, somewhat_short, st.booleans())
def test_vectors_are_those_of_each_row_alone(lengths: list[int], overhead: Overhead, shortest: int, gaps: bool) -> None:
    sequences = drawn(lengths, gaps)
    expected = torch.cat([pooled(*row) for row in each_row(sequences)])
    out = to_vectors(pooled, sequences, overhead, shortest)
    assert torch.equal(out, expected)
    weights = torch.randint(-9, 10, out.shape).double()
    (gradient,) = torch.autograd.grad((out * weights).sum(), sequences.values)
    (expected_gradient,) = torch.autograd.grad((expected * weights).sum(), sequences.values)
    assert torch.equal(gradient, expected_gradient)


@given(some_lengths, some_overheads, somewhat_short, st.booleans())
def test_sequences_are_those_of_each_row_alone(
    lengths: list[int], overhead: Overhead, shortest: int, gaps: bool
) -> None:
    sequences = drawn(lengths, gaps)
    expected = torch.cat([summed_so_far(*row)[0] for row in each_row(sequences)])
    out = to_ragged(summed_so_far, sequences, overhead, shortest)
    assert out.rows is sequences.rows
    assert torch.equal(out.values, expected)
    weights = torch.randint(-9, 10, expected.shape).double()
    (gradient,) = torch.autograd.grad((out.values * weights).sum(), sequences.values)
    (expected_gradient,) = torch.autograd.grad((expected * weights).sum(), sequences.values)
    assert torch.equal(gradient, expected_gradient)


@given(some_lengths, some_overheads, st.randoms(use_true_random=False))
def test_permuting_rows_permutes_vectors(lengths: list[int], overhead: Overhead, random) -> None:  # noqa: ANN001
    sequences = drawn(lengths)
    order = random.sample(range(len(lengths)), len(lengths))
    values = sequences.values.split(lengths)
    permuted = Ragged(torch.cat([values[row] for row in order]), Rows.from_lengths([lengths[row] for row in order]))
    expected = to_vectors(pooled, sequences, overhead)[order]
    assert torch.equal(to_vectors(pooled, permuted, overhead), expected)


def cost(lengths: list[int], ends: tuple[int, ...], overhead: Overhead) -> int:
    spans = list(itertools.pairwise((0, *ends)))
    return sum(overhead.cells + (stop - start + overhead.rows) * lengths[stop - 1] for start, stop in spans)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=7).map(sorted), some_overheads)
def test_no_other_cut_costs_less(lengths: list[int], overhead: Overhead) -> None:
    pieces = cut(np.array(lengths), overhead)
    assert [start for start, _ in pieces] == [0, *(stop for _, stop in pieces[:-1])]
    ways = [
        (*inner, len(lengths))
        for count in range(len(lengths))
        for inner in itertools.combinations(range(1, len(lengths)), count)
    ]
    ends = tuple(stop for _, stop in pieces)
    assert cost(lengths, ends, overhead) == min(cost(lengths, way, overhead) for way in ways)


def shapes(lengths: list[int], overhead: Overhead, shortest: int = 1) -> list[tuple[int, int]]:
    chosen = plan(Rows.from_lengths(lengths), CPU, overhead, shortest)
    return [(chunk.rows, chunk.longest) for chunk in chosen.chunks]


def test_rows_of_like_length_go_together() -> None:
    assert shapes([2, 50, 3, 48, 2], Overhead(cells=10)) == [(3, 3), (2, 50)]
    assert shapes([2, 50, 3, 48, 2], Overhead(cells=10_000)) == [(5, 50)]
    assert shapes([2, 50, 3, 48, 2], Overhead(cells=0)) == [(2, 2), (1, 3), (1, 48), (1, 50)]


def test_the_cost_of_steps_keeps_long_rows_together() -> None:
    lengths = [60] * 4 + [100] * 4
    assert shapes(lengths, Overhead(cells=10)) == [(4, 60), (4, 100)]
    assert shapes(lengths, Overhead(cells=10, rows=5)) == [(8, 100)]


def test_short_rows_are_padded_to_the_shortest_length() -> None:
    assert shapes([1, 2, 3], Overhead(cells=0), shortest=5) == [(3, 5)]


def test_a_full_rectangle_is_taken_as_it_lies() -> None:
    sequences = drawn([4, 4, 4])
    chosen = plan(sequences.rows, CPU, Overhead(cells=10))
    assert chosen.cells is None
    assert chosen.row_place is None
    seen = []
    to_vectors(lambda x, lengths, positions: seen.append(x) or x.sum(1), sequences, Overhead(cells=10))
    assert seen[0].data_ptr() == sequences.values.data_ptr()


def test_rows_of_one_chunk_keep_their_order() -> None:
    chosen = plan(Rows.from_lengths([2, 5, 3]), CPU, Overhead(cells=1000))
    assert chosen.row_place is None
    assert chosen.chunks[0].lengths.tolist() == [2, 5, 3]


def test_a_plan_is_made_once_for_each_need() -> None:
    rows = Rows.from_lengths([2, 5, 3])
    first = plan(rows, CPU, Overhead(cells=10))
    assert plan(rows, CPU, Overhead(cells=10)) is first
    assert plan(rows, CPU, Overhead(cells=11)) is not first
    assert plan(rows, CPU, Overhead(cells=10), shortest=4) is not first


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_values_of_any_shape_are_laid_out(shape: tuple[int, ...]) -> None:
    lengths = [3, 1, 12]
    values = torch.randn(16, *shape, dtype=torch.float64)
    out = to_vectors(lambda x, lengths, positions: x.sum(1), Ragged(values, Rows.from_lengths(lengths)), Overhead(1))
    expected = torch.stack([row.sum(0) for row in values.split(lengths)])
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
