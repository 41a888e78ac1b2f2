import pytest
import torch

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


def test_widths_that_do_not_meet_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`encoders\[1\]\.input_dim` must be 10.*but is 4"):
        Chain([RecurrentSeq2SeqEncoder(4, hidden_size=5), FieldEmbedding(4, 3)])


def test_no_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Chain([])
