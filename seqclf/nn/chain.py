"""Several seq2seq encoders in turn."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.ragged import Ragged


class Chain(Seq2SeqEncoder):
    """Each encoder reads what the one before it wrote.

    Args:
        encoders: in their order, at least one; each one's `input_dim` is the `output_dim` of the one before it.

    Raises:
        ValueError: for no encoder, or for two whose widths do not meet.
    """

    def __init__(self, encoders: Sequence[Seq2SeqEncoder]) -> None:
        super().__init__()
        if not encoders:
            raise ValueError("`encoders` must be at least one encoder, but is empty")
        for place, (before, after) in enumerate(pairwise(encoders), start=1):
            if before.output_dim != after.input_dim:
                raise ValueError(
                    f"`encoders[{place}].input_dim` must be {before.output_dim}, the width of what "
                    f"`encoders[{place - 1}]` gives, but is {after.input_dim}"
                )
        self.encoders = nn.ModuleList(encoders)
        self.input_dim = encoders[0].input_dim
        self.output_dim = encoders[-1].output_dim

    def forward(self, sequences: Ragged) -> Ragged:
        """Encode rows of vectors `(N, input_dim)`; returns `(N, output_dim)` over the same rows."""
        for encoder in self.encoders:
            sequences = encoder(sequences)
        return sequences
