import numpy as np
import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.attention import AttentionPooling
from seqclf.ragged import Ragged, Rows

LENGTHS = [3, 1, 5]


def drawn() -> tuple[AttentionPooling, Ragged]:
    rows = Ragged(torch.randn(sum(LENGTHS), 4, dtype=torch.float64), Rows.from_lengths(LENGTHS))
    return AttentionPooling(4, hidden_size=7).double(), rows


def test_it_is_the_formula_of_the_paper_row_by_row() -> None:
    attention, sequences = drawn()
    matrix, bias = attention.projection.weight.detach().numpy(), attention.projection.bias.detach().numpy()
    question = attention.context.weight.detach().numpy()[0]
    expected = []
    for h in np.split(sequences.values.numpy(), np.cumsum(LENGTHS)[:-1]):
        u = np.tanh(h @ matrix.T + bias)
        alpha = np.exp(u @ question) / np.exp(u @ question).sum()
        expected.append(alpha @ h)
    torch.testing.assert_close(attention(sequences), torch.from_numpy(np.stack(expected)), rtol=0, atol=1e-12)


def test_the_weights_of_a_row_add_up_to_one_and_explain_its_vector() -> None:
    attention, sequences = drawn()
    weights = attention.weights(sequences)
    assert weights.rows is sequences.rows
    for weight, vectors, out in zip(
        weights.values.split(LENGTHS), sequences.values.split(LENGTHS), attention(sequences), strict=True
    ):
        assert (weight > 0).all()
        assert weight.sum().item() == pytest.approx(1, abs=1e-12)
        torch.testing.assert_close(weight.squeeze(1) @ vectors, out, rtol=0, atol=1e-12)


def test_several_heads_are_the_matrix_of_lin_et_al_row_by_row() -> None:
    attention = AttentionPooling(4, hidden_size=7, num_heads=3).double()
    attention.projection.bias.data.zero_()  # the paper has none
    sequences = Ragged(torch.randn(sum(LENGTHS), 4, dtype=torch.float64), Rows.from_lengths(LENGTHS))
    expected = []
    for h in sequences.values.split(LENGTHS):
        a = (attention.context.weight @ torch.tanh(attention.projection.weight @ h.T)).softmax(dim=1)  # (3, length)
        expected.append((a @ h).flatten())
    torch.testing.assert_close(attention(sequences), torch.stack(expected), rtol=0, atol=1e-12)
    assert attention.output_dim == 12


@pytest.mark.parametrize("name", ["hidden_size", "num_heads"])
def test_a_size_below_one_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"`{name}`"):
        AttentionPooling(4, **{name: 0})
