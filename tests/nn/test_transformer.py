import math

import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.transformer import TransformerSeq2SeqEncoder, TransformerSeq2VecEncoder
from seqclf.ragged import Ragged, Rows

LENGTHS = [7, 1, 4, 12, 2]


def vectors(width: int) -> Ragged:
    return Ragged(torch.randn(sum(LENGTHS), width, dtype=torch.float64), Rows.from_lengths(LENGTHS))


@pytest.mark.parametrize("input_dim", [8, 5])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "none"])
def test_it_is_its_layers_over_each_row_alone(positions: str, input_dim: int) -> None:
    encoder = TransformerSeq2SeqEncoder(input_dim, 8, 2, 2, 16, positions=positions).double().eval()
    sequences = vectors(input_dim)
    expected = []
    for row in sequences.values.split(LENGTHS):
        x = (row if input_dim == 8 else encoder.projection(row)).unsqueeze(0) * math.sqrt(8)
        x = encoder.positions(x, torch.arange(len(row)).unsqueeze(0))
        for layer in encoder.layers:
            x = layer(x, torch.zeros(1, 1, 1, len(row)))
        expected.append(encoder.norm(x)[0])
    torch.testing.assert_close(encoder(sequences).values, torch.cat(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("pooling", ["mean", "max", "first"])
def test_pooling_is_over_real_vectors_alone(pooling: str) -> None:
    encoder = TransformerSeq2VecEncoder(8, 8, 1, 2, 16, pooling=pooling).double().eval()
    sequences = vectors(8)
    references = {"mean": lambda x: x.mean(0), "max": lambda x: x.max(0).values, "first": lambda x: x[0]}
    rows = encoder.transformer(sequences).values.split(LENGTHS)
    expected = torch.stack([references[pooling](row) for row in rows])
    torch.testing.assert_close(encoder(sequences), expected, rtol=0, atol=1e-12)


def test_a_row_is_a_set_without_positions() -> None:
    encoder = TransformerSeq2VecEncoder(8, 8, 1, 2, 16, positions="none").double().eval()
    row = torch.randn(5, 8, dtype=torch.float64)
    rows = Rows.from_lengths([5])
    torch.testing.assert_close(encoder(Ragged(row, rows)), encoder(Ragged(row.flip(0), rows)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_the_rows_own_positions_are_read(positions: str) -> None:
    encoder = TransformerSeq2VecEncoder(8, 8, 1, 2, 16, positions=positions).double().eval()
    row = torch.randn(2, 8, dtype=torch.float64)
    plain, with_gap = Rows.from_lengths([2]), Rows.from_lengths([2], positions=[0, 2])
    assert (encoder(Ragged(row, plain)) - encoder(Ragged(row, with_gap))).abs().max() > 1e-6


@pytest.mark.parametrize(
    "wrong",
    [{"hidden_size": 0}, {"num_layers": 0}, {"num_heads": 0}, {"num_heads": 3}, {"feedforward_hidden_dim": 0},
     {"dropout": 1.0}, {"max_positions": 0}, {"positions": "rotary"}, {"pooling": "last"}],
)  # fmt: skip
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        TransformerSeq2VecEncoder(8, **wrong)
