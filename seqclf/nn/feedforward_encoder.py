"""Fully connected layers on every vector of a row."""

from collections.abc import Sequence
from typing import Literal

from seqclf.nn.feedforward import FeedForward
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.ragged import Ragged


class FeedForwardSeq2SeqEncoder(Seq2SeqEncoder):
    """The same fully connected layers for each vector, whatever stands beside it.

    Args:
        input_dim: width of the vectors in.
        hidden_dims: width of each layer; the last is the width of the vectors out.
        activation: what follows each linear layer; `linear` for nothing.
        dropout: share of each layer's output left out in training.
        layer_norm: whether to normalise before each activation (Ba et al. 2016, https://arxiv.org/abs/1607.06450).

    Raises:
        UserError: for an argument out of its range.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dims: Sequence[int] = (128,),
        activation: Literal["relu", "gelu", "tanh", "linear"] = "relu",
        dropout: float = 0.0,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.feed_forward = FeedForward(input_dim, hidden_dims, activation, dropout, layer_norm)
        self.input_dim = input_dim
        self.output_dim = self.feed_forward.output_dim

    def forward(self, sequences: Ragged) -> Ragged:
        """Transform rows of vectors `(N, input_dim)`; returns `(N, output_dim)` over the same rows."""
        return sequences.with_values(self.feed_forward(sequences.values))
