import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqclf.nn.combine import WIDTHS, combine_pair


def by_hand(left: np.ndarray, right: np.ndarray, combine: str) -> np.ndarray:
    return {
        "concat": np.concatenate([left, right]),
        "full": np.concatenate([left, right, np.abs(left - right), left * right]),
        "symmetric": np.concatenate([np.abs(left - right), left * right]),
    }[combine]


@pytest.mark.parametrize("combine", WIDTHS)
@given(pairs=st.integers(1, 4), width=st.integers(1, 5), seed=st.integers(0, 99))
def test_every_pair_is_joined_as_by_hand(combine: str, pairs: int, width: int, seed: int) -> None:
    vectors = torch.randn(pairs, 2, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    joined = combine_pair(vectors, combine)  # type: ignore[arg-type]
    assert joined.shape == (pairs, WIDTHS[combine] * width)
    for pair, row in zip(vectors.numpy(), joined.numpy(), strict=True):
        np.testing.assert_array_equal(row, by_hand(*pair, combine))


def test_equal_records_have_no_difference_and_symmetric_knows_no_order() -> None:
    vectors = torch.randn(3, 2, 4)
    assert torch.equal(combine_pair(vectors, "symmetric"), combine_pair(vectors.flip(1), "symmetric"))
    same = vectors[:, :1].expand(-1, 2, -1)
    assert torch.equal(combine_pair(same, "symmetric")[:, :4], torch.zeros(3, 4))
    assert torch.equal(combine_pair(same, "full")[:, 8:12], torch.zeros(3, 4))
