import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from seqclf.errors import UserError
from seqclf.nn.dpcnn import DpcnnEncoder
from seqclf.ragged import Ragged, Rows

LENGTHS = [9, 1, 3, 30, 2, 8, 17]
Array = npt.NDArray[np.float64]


def convolved(row: Array, convolution: nn.Conv2d) -> Array:
    """A convolution over one row `(L, D)`, zeros around it, window by window."""
    weight = convolution.weight.detach().numpy()[:, :, 0]  # (out, in, width)
    half = weight.shape[2] // 2
    around = np.pad(row, ((half, half), (0, 0)))
    windows = [around[place : place + weight.shape[2]] for place in range(len(row))]
    return np.stack([np.einsum("oiw,wi->o", weight, window) for window in windows]) + convolution.bias.detach().numpy()


@pytest.mark.parametrize("num_blocks", [1, 2, 5])
def test_it_is_the_paper_over_each_row_alone(num_blocks: int) -> None:
    encoder = DpcnnEncoder(4, 3, num_blocks, region_size=5).double()
    sequences = Ragged(torch.randn(sum(LENGTHS), 4, dtype=torch.float64), Rows.from_lengths(LENGTHS))
    expected = []
    for row in np.split(sequences.values.numpy(), np.cumsum(LENGTHS)[:-1]):
        x = convolved(row, encoder.region)
        for depth, (first, second) in enumerate(encoder.blocks):
            if depth > 0:
                x = np.stack([x[place : place + 3].max(axis=0) for place in range(0, len(x), 2)])
            x = x + convolved(np.maximum(convolved(np.maximum(x, 0), first), 0), second)
        expected.append(x.max(axis=0))
    torch.testing.assert_close(encoder(sequences), torch.from_numpy(np.stack(expected)), rtol=0, atol=1e-12)


def test_the_padding_has_no_gradient_that_is_not_a_number() -> None:
    encoder, x = DpcnnEncoder(4, 3, 4), torch.zeros(2, 20, 4, requires_grad=True)
    encoder.dense(x, torch.tensor([20, 1]), torch.arange(20).expand(2, 20)).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in encoder.parameters())


@pytest.mark.parametrize("wrong", [{"num_filters": 0}, {"num_blocks": 0}, {"region_size": 2}, {"region_size": -1}])
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        DpcnnEncoder(4, **wrong)
