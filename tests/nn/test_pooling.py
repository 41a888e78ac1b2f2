import pytest
import torch

from seqclf.nn.pooling import Pooling, below_all, first, last, maximum, mean, padding_mask

LENGTHS = torch.tensor([3, 1, 4])
REFERENCES = {
    first: lambda row: row[0],
    last: lambda row: row[-1],
    mean: lambda row: row.mean(0),
    maximum: lambda row: row.max(0).values,
}


@pytest.mark.parametrize("pool", list(REFERENCES), ids=lambda pool: pool.__name__)
def test_pooling_a_rectangle_is_pooling_each_row_alone(pool: Pooling) -> None:
    x = torch.randn(3, 6, 5, dtype=torch.float64)  # whatever stands at the padding
    expected = torch.stack([REFERENCES[pool](row[:length]) for row, length in zip(x, LENGTHS, strict=True)])
    torch.testing.assert_close(pool(x, LENGTHS), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pool", list(REFERENCES), ids=lambda pool: pool.__name__)
def test_no_gradient_goes_to_the_padding(pool: Pooling) -> None:
    x = torch.randn(3, 6, 5, requires_grad=True)
    pool(x, LENGTHS).sum().backward()
    assert x.grad is not None
    assert x.grad[padding_mask(x, LENGTHS)].abs().max() == 0


def test_a_penalty_is_minus_infinity_where_the_mask_is_and_zero_elsewhere() -> None:
    penalty = below_all(torch.tensor([[False, True]]), torch.zeros(1, dtype=torch.float64))
    assert penalty.tolist() == [[0.0, -torch.inf]]
    assert penalty.dtype == torch.float64
