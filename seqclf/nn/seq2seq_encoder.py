"""What a seq2seq encoder is: a sequence of vectors in, as many vectors out, each knowing the others."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from seqclf.chunks import Overhead, to_ragged
from seqclf.ragged import Ragged


class Seq2SeqEncoder(nn.Module, ABC):
    """Rows of vectors to rows of vectors.

    Attributes:
        input_dim: width of the vectors in.
        output_dim: width of the vectors out.
    """

    input_dim: int
    output_dim: int

    @abstractmethod
    def forward(self, sequences: Ragged) -> Ragged:
        """Encode rows of vectors `(N, input_dim)`; returns `(N, output_dim)` over the same rows."""


class DenseSeq2SeqEncoder(Seq2SeqEncoder):
    """A seq2seq encoder written for rectangles: subclasses give the kernel, the shell is here.

    Attributes:
        chunk_overhead: what one more chunk costs, measured against a cell of the rectangle.
        shortest: rows are padded to at least this length.
        compiles: whether compiling the kernel works and helps; not where it goes along a row step by step, for each
            length would be compiled anew.
    """

    chunk_overhead: Overhead = Overhead(cells=300)
    shortest: int = 1
    compiles: bool = True

    @abstractmethod
    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle, as if its padding were not there.

        Args:
            x: `(S, L, input_dim)`, zero at the padding.
            lengths: `(S,)`, at least 1.
            positions: `(S, L)`, the place of each vector in its row.

        Returns:
            `(S, L, output_dim)`; what stands at the padding does not matter.
        """

    def forward(self, sequences: Ragged) -> Ragged:
        """Encode rows of vectors `(N, input_dim)`; returns `(N, output_dim)` over the same rows."""
        return to_ragged(self.dense, sequences, self.chunk_overhead, self.shortest)
