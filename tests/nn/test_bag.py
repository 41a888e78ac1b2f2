import numpy as np
import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.ragged import Ragged, Rows

LENGTHS = [3, 1, 5]
REFERENCES = {
    "mean": lambda row: row.mean(axis=0),
    "sum": lambda row: row.sum(axis=0),
    "sqrtn": lambda row: row.sum(axis=0) / np.sqrt(len(row)),
    "max": lambda row: row.max(axis=0),
    "mean_max": lambda row: np.concatenate([row.mean(axis=0), row.max(axis=0)]),
}


@pytest.mark.parametrize("mode", sorted(REFERENCES))
def test_a_bag_is_what_numpy_computes_row_by_row(mode: str) -> None:
    vectors = torch.randn(sum(LENGTHS), 4, dtype=torch.float64)
    out = Bag(4, mode)(Ragged(vectors, Rows.from_lengths(LENGTHS)))
    rows = np.split(vectors.numpy(), np.cumsum(LENGTHS)[:-1])
    expected = torch.from_numpy(np.stack([REFERENCES[mode](row) for row in rows]))
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    assert out.shape[1] == Bag(4, mode).output_dim


def test_the_gradient_of_a_maximum_goes_to_its_place() -> None:
    vectors = torch.tensor([[1.0], [3.0], [2.0], [5.0]], requires_grad=True)
    Bag(1, "max")(Ragged(vectors, Rows.from_lengths([3, 1]))).sum().backward()
    assert vectors.grad is not None
    assert vectors.grad.tolist() == [[0.0], [1.0], [0.0], [1.0]]


def test_another_mode_is_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'mean'"):
        Bag(4, "men")
