"""The vectors of a record's fields side by side, each in a place of its own."""

import torch
from torch import Tensor, nn

from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.padded import Padded
from seqclf.ragged import Ragged


class Concat(Seq2VecEncoder):
    """One slot per named field; a field that is missing is a learned vector.

    Args:
        input_dim: width of a field's vector.
        num_fields: how many fields a record may have; the positions of the rows count them.
    """

    def __init__(self, input_dim: int, num_fields: int) -> None:
        super().__init__()
        self.input_dim = input_dim
        self.num_fields = num_fields
        self.output_dim = input_dim * num_fields
        self.missing = nn.Parameter(torch.zeros(num_fields, input_dim))

    def forward(self, sequences: Ragged) -> Tensor:
        """Lay out rows of field vectors `(N, input_dim)`; returns `(S, num_fields * input_dim)`."""
        if isinstance(sequences, Padded):
            return self._lay_out(sequences)
        rows, device = sequences.rows, sequences.device
        slots = rows.row_of_value(device) * self.num_fields + rows.position_of_value(device)
        table = self.missing.to(sequences.values.dtype).repeat(len(rows), 1)  # (S * F, D)
        return table.index_copy(0, slots, sequences.values).view(len(rows), -1)

    def _lay_out(self, sequences: Padded) -> Tensor:
        fields = torch.arange(self.num_fields, device=sequences.device)
        there = (sequences.positions().unsqueeze(2) == fields) & sequences.rows.real.unsqueeze(2)  # (S, L, F)
        table = torch.bmm(there.to(sequences.values.dtype).transpose(1, 2), sequences.rectangle())  # (S, F, D)
        missing = ~there.any(dim=1).unsqueeze(2)
        return (table + missing.to(table.dtype) * self.missing).flatten(1)
