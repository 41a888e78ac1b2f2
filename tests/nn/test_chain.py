import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.chain import Chain
from seqclf.nn.field_embedding import FieldEmbedding
from seqclf.nn.recurrent import RecurrentSeq2SeqEncoder
from seqclf.ragged import Ragged, Rows


def test_each_encoder_reads_what_the_one_before_wrote() -> None:
    first, second = FieldEmbedding(4, 3), RecurrentSeq2SeqEncoder(4, hidden_size=5)
    chain = Chain([first, second])
    sequences = Ragged(torch.randn(5, 4), Rows.from_lengths([2, 3]))
    torch.testing.assert_close(chain(sequences).values, second(first(sequences)).values)
    assert (chain.input_dim, chain.output_dim) == (4, 10)
    assert {name.split(".")[1] for name, _ in chain.named_parameters()} == {"0", "1"}


def test_residual_and_layer_norm_are_those_of_he_and_ba_per_row() -> None:
    first, second = RecurrentSeq2SeqEncoder(4, hidden_size=3), RecurrentSeq2SeqEncoder(6, hidden_size=3)
    chain = Chain([first, second], residual=True, layer_norm=True, dropout=0.5).double().eval()
    sequences = Ragged(torch.randn(5, 4, dtype=torch.float64), Rows.from_lengths([2, 3]))
    expected = []
    for row in sequences.values.split([2, 3]):
        alone = Ragged(row, Rows.from_lengths([len(row)]))
        x = first(alone).values + row @ chain.shortcuts[0].weight.T  # 4 wide to 6 wide
        x = (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
        x = second(alone.with_values(x)).values + x
        expected.append((x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + 1e-5).sqrt())
    torch.testing.assert_close(chain(sequences).values, torch.cat(expected), rtol=0, atol=1e-12)


def test_dropout_is_between_encoders_and_in_training_alone() -> None:
    one = Chain([RecurrentSeq2SeqEncoder(4, hidden_size=2)], dropout=0.5).train()
    two = Chain([one.encoders[0], RecurrentSeq2SeqEncoder(4, hidden_size=2)], dropout=0.5).train()
    sequences = Ragged(torch.randn(5, 4), Rows.from_lengths([2, 3]))
    assert torch.equal(one(sequences).values, one(sequences).values)
    assert not torch.equal(two(sequences).values, two(sequences).values)
    assert torch.equal(two.eval()(sequences).values, two(sequences).values)


def test_a_dropout_out_of_range_is_refused() -> None:
    with pytest.raises(UserError, match="`dropout`"):
        Chain([RecurrentSeq2SeqEncoder(4)], dropout=1.0)


def test_widths_that_do_not_meet_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`encoders\[1\]\.input_dim` must be 10.*but is 4"):
        Chain([RecurrentSeq2SeqEncoder(4, hidden_size=5), FieldEmbedding(4, 3)])


def test_no_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Chain([])
