"""Dropout that leaves out the same entries of every vector of a row."""

from seqclf.nn.arguments import probability
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.ragged import Ragged


class VariationalDropout(Seq2SeqEncoder):
    """One mask for all vectors of a row (Gal & Ghahramani 2016, https://arxiv.org/abs/1512.05287).

    Args:
        input_dim: width of the vectors in, and out.
        dropout: share of the entries left out in training; those that stay are larger by as much.

    Raises:
        UserError: for a share that is not at least 0 and below 1.
    """

    def __init__(self, input_dim: int, dropout: float = 0.3) -> None:
        super().__init__()
        probability(dropout=dropout)
        self.input_dim = self.output_dim = input_dim
        self.dropout = dropout

    def forward(self, sequences: Ragged) -> Ragged:
        """Mask rows of vectors `(N, input_dim)` in training; elsewhere they go on as they are."""
        if not self.training or self.dropout == 0:
            return sequences
        values, kept = sequences.values, 1.0 - self.dropout
        masks = values.new_empty(len(sequences), self.input_dim).bernoulli_(kept) / kept  # (S, D)
        return sequences.with_values(values * masks[sequences.rows.row_of_value(values.device)])
