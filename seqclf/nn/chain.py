"""Several seq2seq encoders in turn."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from seqclf.nn.arguments import probability
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.ragged import Ragged


class Chain(Seq2SeqEncoder):
    """Each encoder reads what the one before it wrote.

    With `residual` each adds to what it reads (He et al. 2016, https://arxiv.org/abs/1512.03385), so that a deep chain
    of any encoders learns as well as a short one.

    Args:
        encoders: in their order, at least one; each one's `input_dim` is the `output_dim` of the one before it.
        residual: whether each encoder's input is added to its output; a linear layer brings it to the output's width
            where that is another.
        layer_norm: whether what each encoder gives is normalised (Ba et al. 2016, https://arxiv.org/abs/1607.06450),
            after its input was added.
        dropout: on what one encoder hands to the next.

    Raises:
        UserError: for a dropout out of its range.
        ValueError: for no encoder, or for two whose widths do not meet.
    """

    def __init__(
        self,
        encoders: Sequence[Seq2SeqEncoder],
        residual: bool = False,
        layer_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        probability(dropout=dropout)
        if not encoders:
            raise ValueError("`encoders` must be at least one encoder, but is empty")
        for place, (before, after) in enumerate(pairwise(encoders), start=1):
            if before.output_dim != after.input_dim:
                raise ValueError(
                    f"`encoders[{place}].input_dim` must be {before.output_dim}, the width of what "
                    f"`encoders[{place - 1}]` gives, but is {after.input_dim}"
                )
        self.encoders = nn.ModuleList(encoders)
        self.shortcuts = nn.ModuleList(map(_shortcut, encoders)) if residual else None
        self.norms = nn.ModuleList(nn.LayerNorm(encoder.output_dim) for encoder in encoders) if layer_norm else None
        self.dropout = nn.Dropout(dropout)
        self.input_dim = encoders[0].input_dim
        self.output_dim = encoders[-1].output_dim

    def forward(self, sequences: Ragged) -> Ragged:
        """Encode rows of vectors `(N, input_dim)`; returns `(N, output_dim)` over the same rows."""
        for place, encoder in enumerate(self.encoders):
            if place > 0:
                sequences = sequences.with_values(self.dropout(sequences.values))
            out = encoder(sequences)
            if self.shortcuts is not None:
                out = out.with_values(out.values + self.shortcuts[place](sequences.values))
            if self.norms is not None:
                out = out.with_values(self.norms[place](out.values))
            sequences = out
        return sequences


def _shortcut(encoder: Seq2SeqEncoder) -> nn.Module:
    if encoder.input_dim == encoder.output_dim:
        return nn.Identity()
    return nn.Linear(encoder.input_dim, encoder.output_dim, bias=False)
