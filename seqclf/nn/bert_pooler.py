"""The pooler of BERT."""

import torch
from torch import Tensor, nn

from seqclf.nn.arguments import probability
from seqclf.nn.segments import row_first
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.ragged import Ragged


class BertPooler(Seq2VecEncoder):
    """The first vector of a row through a linear layer and tanh (Devlin et al. 2019, https://arxiv.org/abs/1810.04805).

    Args:
        input_dim: width of the vectors in, and out.
        dropout: on the vector out.

    Raises:
        UserError: for a dropout out of its range.
    """

    def __init__(self, input_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        probability(dropout=dropout)
        self.input_dim = self.output_dim = input_dim
        self.projection = nn.Linear(input_dim, input_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequences: Ragged) -> Tensor:
        """Pool rows of vectors `(N, input_dim)`; returns `(S, input_dim)`."""
        vectors: Tensor = self.dropout(torch.tanh(self.projection(row_first(sequences))))
        return vectors
