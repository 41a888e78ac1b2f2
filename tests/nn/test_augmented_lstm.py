import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn
from torch.nn.functional import dropout

from seqclf.errors import UserError
from seqclf.nn.augmented_lstm import AugmentedLstm, read_together

Array = npt.NDArray[np.float64]


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def states_of(layer: AugmentedLstm, row: Array, mask: Array | float = 1.0) -> Array:
    """AllenNLP's cell, one row, one step after another."""
    size = layer.state.in_features
    of_input = layer.input.weight.detach().numpy()
    of_state, bias = layer.state.weight.detach().numpy(), layer.state.bias.detach().numpy()
    memory, hidden, states = np.zeros(size), np.zeros(size), []
    for x in row:
        read, kept = of_input @ x, of_state @ (hidden * mask) + bias
        let_in, keep, new, let_out = (
            read[i * size : (i + 1) * size] + kept[i * size : (i + 1) * size] for i in range(4)
        )
        memory = sigmoid(let_in) * np.tanh(new) + sigmoid(keep) * memory
        hidden = sigmoid(let_out) * np.tanh(memory)
        if layer.gates == 5:
            highway = sigmoid(read[4 * size : 5 * size] + kept[4 * size :])
            hidden = highway * hidden + (1 - highway) * read[5 * size :]
        states.append(hidden)
    return np.stack(states)


@pytest.mark.parametrize("highway", [True, False])
def test_it_is_allennlps_cell_step_by_step(highway: bool) -> None:
    layers = [AugmentedLstm(4, 3, highway, 0.5).double().eval() for _ in range(2)]
    rows = [torch.randn(2, 6, 4, dtype=torch.float64) for _ in layers]
    expected = [np.stack([states_of(layer, row) for row in x.numpy()]) for layer, x in zip(layers, rows, strict=True)]
    out = read_together(layers, rows)
    torch.testing.assert_close(out, torch.from_numpy(np.concatenate(expected, axis=2)), rtol=0, atol=1e-12)


def test_without_highway_it_is_torchs_lstm() -> None:
    layer, reference = AugmentedLstm(4, 3, highway=False, recurrent_dropout=0.0), nn.LSTM(4, 3, batch_first=True)
    reference.weight_ih_l0.data, reference.weight_hh_l0.data = layer.input.weight.data, layer.state.weight.data
    reference.bias_ih_l0.data, reference.bias_hh_l0.data = torch.zeros(12), layer.state.bias.data
    x = torch.randn(2, 6, 4, dtype=torch.float64)
    torch.testing.assert_close(read_together([layer.double()], [x]), reference.double()(x)[0], rtol=0, atol=1e-12)


def test_recurrent_dropout_leaves_out_the_same_entries_at_every_step() -> None:
    layer, x = AugmentedLstm(4, 3, highway=True, recurrent_dropout=0.5).double(), torch.randn(2, 6, 4).double()
    torch.manual_seed(3)
    out = read_together([layer], [x])
    torch.manual_seed(3)
    masks = dropout(torch.ones(1, 2, 3, dtype=torch.float64), 0.5)[0].numpy()
    expected = np.stack([states_of(layer, row, mask) for row, mask in zip(x.numpy(), masks, strict=True)])
    torch.testing.assert_close(out, torch.from_numpy(expected), rtol=0, atol=1e-12)
    layer.eval()
    assert torch.equal(read_together([layer], [x]), read_together([layer], [x]))


def test_the_forget_gates_start_open_and_each_block_orthogonal() -> None:
    layer = AugmentedLstm(3, 3, highway=True, recurrent_dropout=0.0)
    assert layer.state.bias.tolist() == [0.0] * 3 + [1.0] * 3 + [0.0] * 9
    for block in layer.input.weight.split(3):
        torch.testing.assert_close(block @ block.T, torch.eye(3))


@pytest.mark.parametrize("wrong", [{"hidden_size": 0}, {"recurrent_dropout": 1.0}])
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        AugmentedLstm(4, **{"hidden_size": 3, "highway": True, "recurrent_dropout": 0.0, **wrong})
