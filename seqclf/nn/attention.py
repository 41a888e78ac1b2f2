"""Attention that pools a row (Yang et al. 2016)."""

import torch
from torch import Tensor, nn

from seqclf.nn.arguments import positive
from seqclf.nn.segments import row_softmax, row_sum
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.ragged import Ragged


class AttentionPooling(Seq2VecEncoder):
    """Hierarchical Attention Networks for Document Classification (Yang et al. 2016, https://aclanthology.org/N16-1174).

    The mean of a row's vectors `h`, weighted by how well each answers a learned question `c`:
    `softmax(tanh(W h + b) · c)`. The same class weighs the words of a text and the fields of a record.

    Args:
        input_dim: width of the vectors in, and out.
        hidden_size: width of `c`.

    Raises:
        UserError: for an argument out of its range.
    """

    def __init__(self, input_dim: int, hidden_size: int = 128) -> None:
        super().__init__()
        positive(hidden_size=hidden_size)
        self.input_dim = self.output_dim = input_dim
        self.projection = nn.Linear(input_dim, hidden_size)
        self.context = nn.Linear(hidden_size, 1, bias=False)

    def forward(self, sequences: Ragged) -> Tensor:
        """Pool rows of vectors `(N, input_dim)`; returns `(S, input_dim)`."""
        weights = self.weights(sequences).values.unsqueeze(1)  # (N, 1)
        return row_sum(sequences.with_values(weights * sequences.values))

    def weights(self, sequences: Ragged) -> Ragged:
        """How much of each vector goes into its row's: `(N,)`, adding up to 1 in each row."""
        scores = self.context(torch.tanh(self.projection(sequences.values))).squeeze(1)
        return row_softmax(sequences.with_values(scores))
