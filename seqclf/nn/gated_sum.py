"""The sum of a record's fields, each let in by a gate of its own."""

import torch
from torch import Tensor, nn

from seqclf.nn.arguments import positive
from seqclf.nn.segments import row_sum
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.ragged import Ragged


class GatedSum(Seq2VecEncoder):
    """How far each field counts is learned, for the field and for what it says.

    Field `f` with the vector `x` adds `sigmoid(w_f · x + b_f) * x`. Unlike the weights of an attention, the gates of a
    record do not compete: a missing field takes nothing from the others and gives nothing to them. After the gated
    multimodal unit (Arevalo et al. 2017, https://arxiv.org/abs/1702.01992), with one gate per field.

    Args:
        input_dim: width of a field's vector, and of the vector out.
        num_fields: how many fields a record may have; the positions of the rows count them.
    """

    def __init__(self, input_dim: int, num_fields: int) -> None:
        super().__init__()
        positive(num_fields=num_fields)
        self.input_dim = self.output_dim = input_dim
        self.weight = nn.Parameter(torch.empty(num_fields, input_dim).uniform_(-1, 1) / input_dim**0.5)
        self.bias = nn.Parameter(torch.zeros(num_fields))

    def forward(self, sequences: Ragged) -> Tensor:
        """Add up rows of field vectors `(N, input_dim)`; returns `(S, input_dim)`."""
        return row_sum(sequences.with_values(self.gates(sequences).values.unsqueeze(1) * sequences.values))

    def field_weights(self, sequences: Ragged) -> Ragged:
        """The gates `(N,)`."""
        return self.gates(sequences)

    def gates(self, sequences: Ragged) -> Ragged:
        """How far each field is let in, between 0 and 1: `(N,)`."""
        fields = sequences.rows.position_of_value(sequences.device)
        scores = (sequences.values * self.weight.index_select(0, fields)).sum(dim=1)
        return sequences.with_values(torch.sigmoid(scores + self.bias.index_select(0, fields)))
