import pytest
import torch
from torch import nn

from seqclf.errors import UserError
from seqclf.nn.feedforward_encoder import FeedForwardSeq2SeqEncoder
from seqclf.ragged import Ragged, Rows


def test_it_is_the_same_layers_for_each_vector() -> None:
    encoder = FeedForwardSeq2SeqEncoder(4, [6, 3], "gelu", layer_norm=True).double()
    first, first_norm, _, _, second, second_norm, _, _ = encoder.feed_forward.layers
    vectors = torch.randn(4, 4, dtype=torch.float64)
    expected = []
    for vector in vectors:
        hidden = nn.functional.gelu(first_norm(first.weight @ vector + first.bias))
        expected.append(nn.functional.gelu(second_norm(second.weight @ hidden + second.bias)))
    out = encoder(Ragged(vectors, Rows.from_lengths([3, 1]))).values
    torch.testing.assert_close(out, torch.stack(expected), rtol=0, atol=1e-12)
    assert (encoder.input_dim, encoder.output_dim) == (4, 3)


def test_arguments_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(UserError, match="`hidden_dims`"):
        FeedForwardSeq2SeqEncoder(4, [])
