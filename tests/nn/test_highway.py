import numpy as np
import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.highway import Highway


def test_it_is_the_formula_of_the_paper() -> None:
    highway, x = Highway(4, 2).double(), torch.randn(3, 4, dtype=torch.float64)
    expected = x.numpy()
    for layer in highway.layers:
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        gate = 1 / (1 + np.exp(-(expected @ weight[4:].T + bias[4:])))
        expected = gate * expected + (1 - gate) * np.maximum(expected @ weight[:4].T + bias[:4], 0)
    torch.testing.assert_close(highway(x), torch.from_numpy(expected), rtol=0, atol=1e-12)


def test_the_gates_start_nearly_open() -> None:
    assert Highway(4).layers[0].bias[4:].tolist() == [2.0] * 4


def test_no_layer_is_refused() -> None:
    with pytest.raises(UserError, match="`num_layers`"):
        Highway(4, 0)
