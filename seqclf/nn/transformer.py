"""Transformer encoders (Vaswani et al. 2017), trained from scratch."""

import math
from typing import Literal

from torch import Tensor, nn

from seqclf.chunks import Overhead
from seqclf.errors import UserError
from seqclf.nn.arguments import choose, positive, probability
from seqclf.nn.pooling import below_all, first, maximum, mean, padding_mask
from seqclf.nn.position_embedding import POSITION_EMBEDDINGS
from seqclf.nn.seq2seq_encoder import DenseSeq2SeqEncoder
from seqclf.nn.seq2vec_encoder import DenseSeq2VecEncoder
from seqclf.nn.transformer_layer import TransformerLayer

POOLINGS = {"mean": mean, "max": maximum, "first": first}
OVERHEAD = Overhead(cells=100)  # measured on one core


class TransformerSeq2SeqEncoder(DenseSeq2SeqEncoder):
    """Attention Is All You Need (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762), its encoder.

    Args:
        input_dim: width of the vectors in; a linear layer brings them to `hidden_size` where it is another.
        hidden_size: width of the vectors out.
        num_layers: how many layers, one over the other.
        num_heads: how many heads attend in each layer; they divide `hidden_size`.
        feedforward_hidden_dim: width inside the layers' feed-forward networks.
        dropout: on the sum of vectors and positions, and on what each half of a layer adds.
        positions: what is added for the place of a vector in its row; `none` makes the row a set.
        max_positions: how many learned positions there are; those past the last share its vector.

    Raises:
        UserError: for an argument out of its range.
    """

    chunk_overhead = OVERHEAD

    def __init__(
        self,
        input_dim: int,
        hidden_size: int = 128,
        num_layers: int = 2,
        num_heads: int = 4,
        feedforward_hidden_dim: int = 512,
        dropout: float = 0.1,
        positions: Literal["sinusoidal", "learned", "none"] = "sinusoidal",
        max_positions: int = 512,
    ) -> None:
        super().__init__()
        positive(hidden_size=hidden_size, num_layers=num_layers, num_heads=num_heads, max_positions=max_positions)
        positive(feedforward_hidden_dim=feedforward_hidden_dim)
        probability(dropout=dropout)
        if hidden_size % num_heads != 0:
            raise UserError(f"`num_heads` must divide `hidden_size` ({hidden_size}), but is {num_heads}.")
        self.input_dim = input_dim
        self.output_dim = hidden_size
        self.projection = nn.Identity() if input_dim == hidden_size else nn.Linear(input_dim, hidden_size)
        self.positions = choose("positions", positions, POSITION_EMBEDDINGS)(hidden_size, max_positions)
        self.layers = nn.ModuleList(
            TransformerLayer(hidden_size, num_heads, feedforward_hidden_dim, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`; returns `(S, L, output_dim)`."""
        penalty = below_all(padding_mask(x, lengths), x)[:, None, None]  # (S, 1, 1, L)
        x = self.projection(x) * math.sqrt(self.output_dim)  # as large as the positions (section 3.4)
        x = self.dropout(self.positions(x, positions))
        for layer in self.layers:
            x = layer(x, penalty)
        out: Tensor = self.norm(x)
        return out


class TransformerSeq2VecEncoder(DenseSeq2VecEncoder):
    """Attention Is All You Need (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762), its encoder, pooled.

    Args:
        input_dim: width of the vectors in; a linear layer brings them to `hidden_size` where it is another.
        hidden_size: width of the vector out.
        num_layers: how many layers, one over the other.
        num_heads: how many heads attend in each layer; they divide `hidden_size`.
        feedforward_hidden_dim: width inside the layers' feed-forward networks.
        dropout: on the sum of vectors and positions, and on what each half of a layer adds.
        positions: what is added for the place of a vector in its row; `none` makes the row a set.
        max_positions: how many learned positions there are; those past the last share its vector.
        pooling: `mean` and `max` take all the layers' vectors, `first` the first.

    Raises:
        UserError: for an argument out of its range.
    """

    chunk_overhead = OVERHEAD

    def __init__(
        self,
        input_dim: int,
        hidden_size: int = 128,
        num_layers: int = 2,
        num_heads: int = 4,
        feedforward_hidden_dim: int = 512,
        dropout: float = 0.1,
        positions: Literal["sinusoidal", "learned", "none"] = "sinusoidal",
        max_positions: int = 512,
        pooling: Literal["mean", "max", "first"] = "mean",
    ) -> None:
        super().__init__()
        self.transformer = TransformerSeq2SeqEncoder(
            input_dim, hidden_size, num_layers, num_heads, feedforward_hidden_dim, dropout, positions, max_positions
        )
        self.pool = choose("pooling", pooling, POOLINGS)
        self.input_dim = input_dim
        self.output_dim = hidden_size

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`; returns `(S, output_dim)`."""
        return self.pool(self.transformer.dense(x, lengths, positions), lengths)
