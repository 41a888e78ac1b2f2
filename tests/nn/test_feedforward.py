import numpy as np
import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.feedforward import FeedForward

ACTIVATIONS = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "linear": lambda x: x}


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("hidden_dims", [[3], [5, 2]])
def test_it_is_the_formula(hidden_dims: list[int], activation: str) -> None:
    part = FeedForward(4, hidden_dims, activation).double().eval()
    x = torch.randn(6, 4, dtype=torch.float64)
    expected = x.numpy()
    for layer in part.layers:
        if isinstance(layer, torch.nn.Linear):
            expected = ACTIVATIONS[activation](expected @ layer.weight.detach().numpy().T + layer.bias.detach().numpy())
    np.testing.assert_allclose(part(x).detach().numpy(), expected, atol=1e-12)
    assert part(x).shape == (6, part.output_dim)
    assert part.output_dim == hidden_dims[-1]


def test_layer_norm_comes_before_the_activation() -> None:
    part = FeedForward(4, [16], "linear", layer_norm=True)
    out = part(torch.randn(5, 4))
    torch.testing.assert_close(out.mean(1), torch.zeros(5), rtol=0, atol=1e-5)


def test_any_number_of_dimensions_may_come_before_the_last() -> None:
    assert FeedForward(4, [3])(torch.randn(2, 5, 4)).shape == (2, 5, 3)


def test_dropout_acts_in_training_alone() -> None:
    part = FeedForward(4, [50], "linear", dropout=0.5)
    x = torch.randn(3, 4)
    assert (part.train()(x) == 0).any()
    assert not (part.eval()(x) == 0).any()


@pytest.mark.parametrize("wrong", [{"hidden_dims": []}, {"hidden_dims": [0]}, {"dropout": 1}, {"activation": "rely"}])
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        FeedForward(4, **wrong)
