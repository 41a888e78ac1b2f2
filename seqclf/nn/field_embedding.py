"""Which field is it? A learned vector says so."""

from torch import nn

from seqclf.nn.arguments import positive
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.ragged import Ragged


class FieldEmbedding(Seq2SeqEncoder):
    """Adds to each field's vector a learned one for its place in the record.

    What position embeddings are to the tokens of a transformer (Vaswani et al. 2017), so that parts which see a set of
    fields - a bag, an attention - can tell a title from a body.

    Args:
        input_dim: width of the vectors in, and out.
        num_fields: how many fields a record may have; the positions of the rows count them.
        std: standard deviation of the vectors at the start.
    """

    def __init__(self, input_dim: int, num_fields: int, std: float = 0.1) -> None:
        super().__init__()
        positive(num_fields=num_fields)
        self.input_dim = self.output_dim = input_dim
        self.embedding = nn.Embedding(num_fields, input_dim)
        nn.init.normal_(self.embedding.weight, std=std)

    def forward(self, sequences: Ragged) -> Ragged:
        """Mark rows of field vectors `(N, input_dim)`; returns `(N, input_dim)` over the same rows."""
        fields = self.embedding(sequences.rows.position_of_value(sequences.device))
        return sequences.with_values(sequences.values + fields)
