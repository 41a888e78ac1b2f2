"""Whole fields left out in training, so that a missing one does no harm later."""

import numpy as np
import torch

from seqclf.nn.arguments import positive, probability
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.ragged import Ragged


class FieldDropout(Seq2SeqEncoder):
    """Leaves out fields of a record at random, in training alone; at least one of them always stays.

    A field that was left out is missing as any other missing field is: the others keep their positions. As word dropout
    (Iyyer et al. 2015, https://aclanthology.org/P15-1162) does with the words of a text. Unlike other seq2seq encoders
    it gives back fewer rows' values than it read.

    Args:
        input_dim: width of the vectors in, and out.
        field_dropout: the probability of each field to be left out; of a record that would lose all, one stays.

    Raises:
        UserError: for an argument out of its range.
    """

    def __init__(self, input_dim: int, field_dropout: float) -> None:
        super().__init__()
        positive(input_dim=input_dim)
        probability(field_dropout=field_dropout)
        self.input_dim = self.output_dim = input_dim
        self.field_dropout = field_dropout

    def forward(self, sequences: Ragged) -> Ragged:
        """Choose among rows of field vectors `(N, input_dim)`; returns those that stay, as many rows of them."""
        if not self.training or self.field_dropout == 0:
            return sequences
        rows = sequences.rows
        drawn = torch.rand(rows.num_values).numpy()  # on the host, where the rows are
        luckiest = np.repeat(np.maximum.reduceat(drawn, rows.offsets[:-1]), rows.lengths)
        return sequences.keep((drawn >= self.field_dropout) | (drawn == luckiest))
