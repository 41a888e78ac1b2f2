"""A seq2seq encoder that does nothing."""

from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.ragged import Ragged


class PassThrough(Seq2SeqEncoder):
    """The vectors as they are: what other encoders are measured against, in the same place.

    Args:
        input_dim: width of the vectors in, and out.
    """

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        self.input_dim = self.output_dim = input_dim

    def forward(self, sequences: Ragged) -> Ragged:
        """Return rows of vectors `(N, input_dim)`."""
        return sequences
