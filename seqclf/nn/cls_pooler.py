"""The first or the last vector of a row."""

from typing import Literal

from torch import Tensor

from seqclf.nn.arguments import choose
from seqclf.nn.segments import row_first, row_last
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.ragged import Ragged

PLACES = {"first": row_first, "last": row_last}


class ClsPooler(Seq2VecEncoder):
    """One end of a row stands for all of it, as in BERT (Devlin et al. 2019, https://arxiv.org/abs/1810.04805).

    It makes sense of what a seq2seq encoder wrote, whose vectors know of one another.

    Args:
        input_dim: width of the vectors in, and out.
        place: which vector it is.

    Raises:
        UserError: for another place.
    """

    def __init__(self, input_dim: int, place: Literal["first", "last"] = "first") -> None:
        super().__init__()
        self.pool = choose("place", place, PLACES)
        self.input_dim = self.output_dim = input_dim

    def forward(self, sequences: Ragged) -> Tensor:
        """Choose among rows of vectors `(N, input_dim)`; returns `(S, input_dim)`."""
        return self.pool(sequences)
