"""The bag: what is in a row, whatever its order."""

from typing import Literal

from torch import Tensor

from seqclf.nn.arguments import choose
from seqclf.nn.segments import row_max, row_mean, row_mean_max, row_sqrtn, row_sum
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.ragged import Ragged

MODES = {"mean": row_mean, "sum": row_sum, "sqrtn": row_sqrtn, "max": row_max, "mean_max": row_mean_max}


class Bag(Seq2VecEncoder):
    """The mean, sum or maximum of a row's vectors (as in fastText, Joulin et al. 2016, https://arxiv.org/abs/1607.01759).

    Args:
        input_dim: width of the vectors in.
        mode: `mean`, `sum`, `max`, `mean_max` for both side by side, twice as wide, or `sqrtn`: the sum over the square
            root of the length, whose spread does not depend on the length, so that short and long rows speak equally
            loud.

    Raises:
        UserError: for another mode.
    """

    def __init__(self, input_dim: int, mode: Literal["mean", "sum", "sqrtn", "max", "mean_max"] = "mean") -> None:
        super().__init__()
        self.pool = choose("mode", mode, MODES)
        self.input_dim = input_dim
        self.output_dim = 2 * input_dim if mode == "mean_max" else input_dim

    def forward(self, sequences: Ragged) -> Tensor:
        """Pool rows of vectors `(N, input_dim)`; returns `(S, output_dim)`."""
        return self.pool(sequences)
