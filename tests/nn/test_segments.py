from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqclf.nn.segments import row_first, row_last, row_max, row_mean, row_mean_max, row_softmax, row_sqrtn, row_sum
from seqclf.ragged import Ragged, Rows

some_lengths = st.lists(st.integers(1, 6), min_size=1, max_size=8)
REFERENCES = {
    row_sum: lambda row: row.sum(0),
    row_mean: lambda row: row.mean(0),
    row_sqrtn: lambda row: row.sum(0) / len(row) ** 0.5,
    row_max: lambda row: row.max(0).values,
    row_mean_max: lambda row: torch.cat([row.mean(0), row.max(0).values]),
    row_first: lambda row: row[0],
    row_last: lambda row: row[-1],
}


@pytest.mark.parametrize("reduce", sorted(REFERENCES, key=lambda reduce: reduce.__name__))
@given(lengths=some_lengths)
@settings(max_examples=20)
def test_a_reduction_over_rows_is_the_one_over_each_row(reduce: Callable[[Ragged], Tensor], lengths: list[int]) -> None:
    vectors = torch.randn(sum(lengths), 3, dtype=torch.float64)
    out = reduce(Ragged(vectors, Rows.from_lengths(lengths)))
    expected = torch.stack([REFERENCES[reduce](row) for row in vectors.split(lengths)])
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)


@given(lengths=some_lengths)
@settings(max_examples=20)
def test_a_softmax_over_rows_is_the_one_over_each_row(lengths: list[int]) -> None:
    scores = torch.randn(sum(lengths), dtype=torch.float64)
    weights = row_softmax(Ragged(scores, Rows.from_lengths(lengths)))
    expected = torch.cat([row.softmax(0) for row in scores.split(lengths)])
    torch.testing.assert_close(weights.values, expected, rtol=0, atol=1e-12)


def test_the_gradient_of_a_softmax_is_the_one_of_each_row() -> None:
    scores = torch.randn(6, dtype=torch.float64, requires_grad=True)
    rows = Rows.from_lengths([4, 2])
    assert torch.autograd.gradcheck(lambda scores: row_softmax(Ragged(scores, rows)).values, scores)


def test_large_scores_do_not_overflow() -> None:
    scores = torch.tensor([1000.0, 1001.0, -1000.0])
    weights = row_softmax(Ragged(scores, Rows.from_lengths([2, 1]))).values
    torch.testing.assert_close(weights, torch.tensor([0.26894143, 0.73105857, 1.0]))
