import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqclf.errors import UserError
from seqclf.nn.recurrent import RecurrentSeq2SeqEncoder, RecurrentSeq2VecEncoder, flip
from seqclf.ragged import Ragged, Rows

LENGTHS = [7, 1, 4, 12, 2]
SETTINGS = [("lstm", 1, True), ("lstm", 3, True), ("lstm", 2, False), ("gru", 1, True), ("gru", 2, True),
            ("rnn", 1, True), ("rnn", 2, False)]  # fmt: skip


def vectors() -> Ragged:
    return Ragged(torch.randn(sum(LENGTHS), 5, dtype=torch.float64), Rows.from_lengths(LENGTHS))


def torchs_own(encoder: RecurrentSeq2SeqEncoder, cell: str, num_layers: int, bidirectional: bool) -> nn.RNNBase:
    """torch's network, with the weights of ours."""
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[cell]
    reference = kind(5, 3, num_layers=num_layers, bidirectional=bidirectional, batch_first=True).double()
    for suffix, layers in (("", encoder.forward_layers), ("_reverse", encoder.backward_layers)):
        for depth, layer in enumerate(layers):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(reference, f"{name}_l{depth}{suffix}").data = getattr(layer, f"{name}_l0").data.clone()
    return reference


def pooled(states: Tensor, pooling: str) -> Tensor:
    """One row's states `(L, 2 * 3)`, each beside the vector that it read."""
    if pooling == "last":
        return torch.cat([states[-1, :3], states[0, 3:]])
    return states.mean(0) if pooling == "mean" else states.max(0).values


@pytest.mark.parametrize(("cell", "num_layers", "bidirectional"), SETTINGS)
def test_states_equal_torchs_own_network_over_each_row_alone(cell: str, num_layers: int, bidirectional: bool) -> None:
    encoder = RecurrentSeq2SeqEncoder(5, cell, 3, num_layers, bidirectional).double()
    reference, sequences = torchs_own(encoder, cell, num_layers, bidirectional), vectors()
    expected = torch.cat([reference(row.unsqueeze(0))[0][0] for row in sequences.values.split(LENGTHS)])
    torch.testing.assert_close(encoder(sequences).values, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("cell", "num_layers", "bidirectional"), SETTINGS)
def test_states_equal_torchs_own_network_over_packed_rows(cell: str, num_layers: int, bidirectional: bool) -> None:
    encoder = RecurrentSeq2SeqEncoder(5, cell, 3, num_layers, bidirectional).double()
    reference, sequences = torchs_own(encoder, cell, num_layers, bidirectional), vectors()
    packed = pack_padded_sequence(sequences.to_padded(), torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    states = pad_packed_sequence(reference(packed)[0], batch_first=True)[0]
    expected = torch.cat([row[:length] for row, length in zip(states, LENGTHS, strict=True)])
    torch.testing.assert_close(encoder(sequences).values, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_pooled_states_equal_torchs_own_over_each_row_alone(cell: str, pooling: str) -> None:
    encoder = RecurrentSeq2VecEncoder(5, cell, 3, num_layers=2, pooling=pooling).double()
    reference, sequences = torchs_own(encoder.recurrence, cell, 2, True), vectors()
    rows = [reference(row.unsqueeze(0))[0][0] for row in sequences.values.split(LENGTHS)]
    expected = torch.stack([pooled(row, pooling) for row in rows])
    torch.testing.assert_close(encoder(sequences), expected, rtol=0, atol=1e-12)


def test_gradients_equal_torchs_own_over_packed_rows() -> None:
    encoder = RecurrentSeq2SeqEncoder(5, "lstm", 3, num_layers=2).double()
    reference, sequences = torchs_own(encoder, "lstm", 2, True), vectors()
    weights = torch.randn(sum(LENGTHS), 6, dtype=torch.float64)
    (encoder(sequences).values * weights).sum().backward()
    packed = pack_padded_sequence(sequences.to_padded(), torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    states = pad_packed_sequence(reference(packed)[0], batch_first=True)[0]
    (torch.cat([row[:length] for row, length in zip(states, LENGTHS, strict=True)]) * weights).sum().backward()
    for suffix, layers in (("", encoder.forward_layers), ("_reverse", encoder.backward_layers)):
        for depth, layer in enumerate(layers):
            expected = getattr(reference, f"weight_ih_l{depth}{suffix}").grad
            torch.testing.assert_close(layer.weight_ih_l0.grad, expected, rtol=0, atol=1e-12)


def test_dropout_is_between_layers_and_in_training_alone() -> None:
    one, two = (RecurrentSeq2VecEncoder(5, num_layers=layers, dropout=0.5).double() for layers in (1, 2))
    sequences = vectors()
    assert torch.equal(one.train()(sequences), one(sequences))
    assert not torch.equal(two.train()(sequences), two(sequences))
    assert torch.equal(two.eval()(sequences), two(sequences))


def test_flipping_turns_each_row_within_its_own_length() -> None:
    x = torch.tensor([[1, 2, 3, 0], [4, 0, 0, 0], [5, 6, 7, 8]]).unsqueeze(2)
    flipped = flip(x, torch.tensor([3, 1, 4])).squeeze(2)
    assert flipped.tolist() == [[3, 2, 1, 0], [4, 0, 0, 0], [8, 7, 6, 5]]


@pytest.mark.parametrize(
    "wrong", [{"hidden_size": 0}, {"num_layers": 0}, {"dropout": 1.0}, {"cell": "lsmt"}, {"pooling": "first"}]
)
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        RecurrentSeq2VecEncoder(5, **wrong)
