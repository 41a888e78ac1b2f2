"""What a seq2vec encoder is: a sequence of vectors in, one vector out, at the level of tokens and of fields alike."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from seqclf.chunks import Overhead, to_vectors
from seqclf.ragged import Ragged


class Seq2VecEncoder(nn.Module, ABC):
    """Rows of vectors to one vector per row.

    Attributes:
        input_dim: width of the vectors in.
        output_dim: width of the vectors out.
    """

    input_dim: int
    output_dim: int

    @abstractmethod
    def forward(self, sequences: Ragged) -> Tensor:
        """Encode rows of vectors `(N, input_dim)`; returns `(S, output_dim)`."""

    def field_weights(self, sequences: Ragged) -> Ragged | None:
        """How far each vector `(N, input_dim)` goes into its row's, `(N,)`; None for an encoder that weighs none."""
        return None


class DenseSeq2VecEncoder(Seq2VecEncoder):
    """A seq2vec encoder written for rectangles: subclasses give the kernel, the shell is here.

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
            `(S, output_dim)`.
        """

    def forward(self, sequences: Ragged) -> Tensor:
        """Encode rows of vectors `(N, input_dim)`; returns `(S, output_dim)`."""
        return to_vectors(self.dense, sequences, self.chunk_overhead, self.shortest)
