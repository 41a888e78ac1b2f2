"""Attention that pools a row (Yang et al. 2016; Lin et al. 2017)."""

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

    Several heads ask a question each, and their means stand side by side: the structured self-attention of Lin et al.
    (2017, https://arxiv.org/abs/1703.03130), without its penalty on heads that look at the same vectors.

    Args:
        input_dim: width of the vectors in.
        hidden_size: width of `c`.
        num_heads: how many questions there are; the vector out is `num_heads * input_dim` wide.

    Raises:
        UserError: for an argument out of its range.
    """

    def __init__(self, input_dim: int, hidden_size: int = 128, num_heads: int = 1) -> None:
        super().__init__()
        positive(hidden_size=hidden_size, num_heads=num_heads)
        self.input_dim = input_dim
        self.output_dim = num_heads * input_dim
        self.projection = nn.Linear(input_dim, hidden_size)
        self.context = nn.Linear(hidden_size, num_heads, bias=False)

    def forward(self, sequences: Ragged) -> Tensor:
        """Pool rows of vectors `(N, input_dim)`; returns `(S, output_dim)`."""
        weights = self.weights(sequences).values.unsqueeze(2)  # (N, num_heads, 1)
        return row_sum(sequences.with_values((weights * sequences.values.unsqueeze(1)).flatten(1)))

    def field_weights(self, sequences: Ragged) -> Ragged:
        """The weights `(N,)`, on average over the heads."""
        weights = self.weights(sequences)
        return weights.with_values(weights.values.mean(dim=1))

    def weights(self, sequences: Ragged) -> Ragged:
        """How much of each vector goes into its row's: `(N, num_heads)`, adding up to 1 in each row."""
        return row_softmax(sequences.with_values(self.context(torch.tanh(self.projection(sequences.values)))))
