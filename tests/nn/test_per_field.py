import numpy as np
import pytest
import torch

from seqclf.nn.per_field import PerFieldSeq2SeqEncoder, PerFieldSeq2VecEncoder
from seqclf.nn.recurrent import RecurrentSeq2SeqEncoder, RecurrentSeq2VecEncoder
from seqclf.ragged import Ragged, Rows

LENGTHS = [3, 1, 5, 2, 4]  # of five fields in three records
RECORDS = Rows.from_lengths([2, 1, 2], np.array([0, 2, 1, 0, 1]))


def drawn() -> Ragged:
    return Ragged(torch.randn(sum(LENGTHS), 4, dtype=torch.float64), Rows.from_lengths(LENGTHS))


def test_each_field_is_pooled_by_its_own_encoder() -> None:
    encoders = [RecurrentSeq2VecEncoder(4, hidden_size=3).double() for _ in range(3)]
    part, sequences = PerFieldSeq2VecEncoder(encoders), drawn()
    rows = zip(RECORDS.positions, sequences.values.split(LENGTHS), strict=True)
    expected = [encoders[field](Ragged(row, Rows.from_lengths([len(row)])))[0] for field, row in rows]
    torch.testing.assert_close(part(sequences, RECORDS), torch.stack(expected), rtol=0, atol=1e-12)
    assert (part.input_dim, part.output_dim) == (4, 6)


def test_each_field_is_read_by_its_own_encoder() -> None:
    encoders = [RecurrentSeq2SeqEncoder(4, hidden_size=3).double() for _ in range(3)]
    part, sequences = PerFieldSeq2SeqEncoder(encoders), drawn()
    rows = zip(RECORDS.positions, sequences.values.split(LENGTHS), strict=True)
    expected = [encoders[field](Ragged(row, Rows.from_lengths([len(row)]))).values for field, row in rows]
    out = part(sequences, RECORDS)
    assert out.rows is sequences.rows
    torch.testing.assert_close(out.values, torch.cat(expected), rtol=0, atol=1e-12)
    assert (part.input_dim, part.output_dim) == (4, 6)


def test_records_with_all_their_fields_count_them() -> None:
    encoders = [RecurrentSeq2VecEncoder(4, hidden_size=3).double() for _ in range(2)]
    sequences = Ragged(torch.randn(4, 4, dtype=torch.float64), Rows.from_lengths([1, 1, 1, 1]))
    out = PerFieldSeq2VecEncoder(encoders)(sequences, Rows.from_lengths([2, 2]))
    expected = torch.stack([encoders[place % 2](sequences)[place] for place in range(4)])
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)


def test_positions_of_tokens_go_along() -> None:
    rows = Rows.from_lengths([2, 2], np.array([3, 4, 1, 7]))
    seen: list[list[int]] = []

    class Watching(RecurrentSeq2VecEncoder):
        def forward(self, sequences: Ragged) -> torch.Tensor:
            seen.append([] if sequences.rows.positions is None else sequences.rows.positions.tolist())
            return super().forward(sequences)

    part = PerFieldSeq2VecEncoder([Watching(4), Watching(4)])
    part(Ragged(torch.randn(4, 4), rows), Rows.from_lengths([2]))
    assert seen == [[3, 4], [1, 7]]


def test_gradients_reach_the_encoders_of_the_fields_that_there_are() -> None:
    part = PerFieldSeq2VecEncoder([RecurrentSeq2VecEncoder(4).double() for _ in range(3)])
    part(drawn(), Rows.from_lengths([2, 1, 2], np.array([0, 2, 0, 0, 2]))).sum().backward()
    reached = [all(parameter.grad is not None for parameter in encoder.parameters()) for encoder in part.encoders]
    assert reached == [True, False, True]


def test_a_field_without_an_encoder_and_no_records_are_refused() -> None:
    part = PerFieldSeq2VecEncoder([RecurrentSeq2VecEncoder(4), RecurrentSeq2VecEncoder(4)])
    with pytest.raises(ValueError, match="2 fields, but a record has a field 2"):
        part(drawn(), RECORDS)
    with pytest.raises(ValueError, match="`records`"):
        part(drawn())
