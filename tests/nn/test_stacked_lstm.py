import pytest
import torch
from torch import Tensor, nn

from seqclf.errors import UserError
from seqclf.nn.augmented_lstm import AugmentedLstm, read_together
from seqclf.nn.stacked_lstm import StackedLstmSeq2SeqEncoder, StackedLstmSeq2VecEncoder
from seqclf.ragged import Ragged, Rows

LENGTHS = [7, 1, 4, 12, 2]
# Which layers of three read backwards, by direction.
READING = {
    "bidirectional": [(False, True)] * 3,
    "alternating": [(False,), (True,), (False,)],
    "forward": [(False,)] * 3,
    "backward": [(True,)] * 3,
}


def vectors() -> Ragged:
    return Ragged(torch.randn(sum(LENGTHS), 5, dtype=torch.float64), Rows.from_lengths(LENGTHS))


def alone(layer: AugmentedLstm, row: Tensor, backwards: bool) -> Tensor:
    """The states of one layer over one row `(L, D)`, each beside the vector that it read."""
    turned = row.flip(0) if backwards else row
    states = read_together([layer], [turned.unsqueeze(0)])[0]
    return states.flip(0) if backwards else states


def states_of(stack: StackedLstmSeq2SeqEncoder, row: Tensor, direction: str) -> Tensor:
    for layers, reading in zip(stack.layers, READING[direction], strict=False):
        row = torch.cat([alone(layer, row, back) for layer, back in zip(layers, reading, strict=True)], dim=1)
    return row


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("direction", sorted(READING))
def test_states_are_those_of_layer_over_layer_for_each_row_alone(direction: str, num_layers: int) -> None:
    encoder = StackedLstmSeq2SeqEncoder(5, 3, num_layers, direction).double()
    sequences = vectors()
    expected = torch.cat([states_of(encoder, row, direction) for row in sequences.values.split(LENGTHS)])
    torch.testing.assert_close(encoder(sequences).values, expected, rtol=0, atol=1e-12)
    assert encoder.output_dim == expected.shape[1]


def test_without_highway_it_is_torchs_bidirectional_lstm() -> None:
    encoder = StackedLstmSeq2SeqEncoder(5, 3, 2, "bidirectional", highway=False)
    reference = nn.LSTM(5, 3, num_layers=2, bidirectional=True, batch_first=True)
    for depth, layers in enumerate(encoder.layers):
        for layer, suffix in zip(layers, ("", "_reverse"), strict=True):
            getattr(reference, f"weight_ih_l{depth}{suffix}").data = layer.input.weight.data.clone()
            getattr(reference, f"weight_hh_l{depth}{suffix}").data = layer.state.weight.data.clone()
            getattr(reference, f"bias_ih_l{depth}{suffix}").data.zero_()
            getattr(reference, f"bias_hh_l{depth}{suffix}").data = layer.state.bias.data.clone()
    sequences = vectors()
    rows = [reference.double()(row.unsqueeze(0))[0][0] for row in sequences.values.split(LENGTHS)]
    torch.testing.assert_close(encoder.double()(sequences).values, torch.cat(rows), rtol=0, atol=1e-12)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("direction", ["bidirectional", "alternating"])
def test_pooled_states_are_those_of_each_row_alone(direction: str, pooling: str) -> None:
    encoder = StackedLstmSeq2VecEncoder(5, 3, 2, direction, pooling=pooling).double()
    sequences, expected = vectors(), []
    for row in sequences.values.split(LENGTHS):
        states = states_of(encoder.stack, row, direction)
        # The last layer of two, alternating, reads backwards.
        ends = torch.cat([states[-1, :3], states[0, 3:]]) if direction == "bidirectional" else states[0]
        expected.append({"last": ends, "mean": states.mean(0), "max": states.max(0).values}[pooling])
    torch.testing.assert_close(encoder(sequences), torch.stack(expected), rtol=0, atol=1e-12)


def test_dropout_between_layers_leaves_out_the_same_entries_all_along_a_row() -> None:
    encoder = StackedLstmSeq2SeqEncoder(5, 8, 2, "forward", dropout=0.5)
    below, above = encoder.layers[0][0], encoder.layers[1][0]
    handed: list[Tensor] = []
    above.input.register_forward_hook(lambda module, read, out: handed.append(read[0]))
    x = torch.randn(3, 6, 5)
    encoder.dense(x, torch.tensor([6, 6, 6]), torch.arange(6).expand(3, 6))
    ratio = handed[0] / read_together([below], [x])
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
    assert sorted(set(ratio.flatten().round(decimals=4).tolist())) == [0.0, 2.0]
    assert not torch.equal(ratio[0], ratio[1])


def test_dropout_is_in_training_alone() -> None:
    encoder, sequences = StackedLstmSeq2VecEncoder(5, recurrent_dropout=0.5, dropout=0.5).double(), vectors()
    assert not torch.equal(encoder.train()(sequences), encoder(sequences))
    assert torch.equal(encoder.eval()(sequences), encoder(sequences))


@pytest.mark.parametrize(
    "wrong",
    [{"hidden_size": 0}, {"num_layers": 0}, {"dropout": 1.0}, {"recurrent_dropout": -0.1}, {"direction": "forwards"},
     {"pooling": "first"}],
)  # fmt: skip
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        StackedLstmSeq2VecEncoder(5, **wrong)
