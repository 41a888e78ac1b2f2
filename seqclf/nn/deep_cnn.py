"""The deep convolutional network over characters of Zhang et al. (2015)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from seqclf.chunks import Overhead
from seqclf.errors import UserError
from seqclf.nn.arguments import positive, positive_each
from seqclf.nn.pooling import maximum
from seqclf.nn.seq2vec_encoder import DenseSeq2VecEncoder


class DeepCnnEncoder(DenseSeq2VecEncoder):
    """Character-level Convolutional Networks for Text Classification (Zhang et al. 2015, https://arxiv.org/abs/1509.01626).

    Convolutions one upon another, the largest of every few neighbours after some of them: the ConvNet of the paper,
    whose layers behind it are `feedforward`. A row that is too short for it counts as filled up with zeros.

    Args:
        input_dim: width of the vectors in.
        num_filters: how many filters each convolution has; 256 in the paper's small network, 1024 in its large one.
        ngram_filter_sizes: the width of each convolution, in what the one before it gives.
        pool_sizes: how many neighbours the largest is taken of behind each convolution, without overlap; 1 for none.
        length: every row is cut, or filled up with zeros, to so many vectors, and all that is left of it at the end
            lies side by side; 1014 in the paper. None reads rows of any length, and takes the largest value of each
            filter over what is left.

    Raises:
        UserError: for an argument out of its range.
    """

    chunk_overhead = Overhead(cells=300)

    def __init__(
        self,
        input_dim: int,
        num_filters: int = 256,
        ngram_filter_sizes: Sequence[int] = (7, 7, 3, 3, 3, 3),
        pool_sizes: Sequence[int] = (3, 3, 1, 1, 1, 3),
        length: int | None = None,
    ) -> None:
        super().__init__()
        positive(num_filters=num_filters)
        positive_each(ngram_filter_sizes=ngram_filter_sizes, pool_sizes=pool_sizes)
        if len(pool_sizes) != len(ngram_filter_sizes):
            raise UserError(
                f"`pool_sizes` must be one number for each of the {len(ngram_filter_sizes)} `ngram_filter_sizes`, "
                f"but is {list(pool_sizes)}."
            )
        self.layers = list(zip(ngram_filter_sizes, pool_sizes, strict=True))
        self.seen = self._read_for(1)
        if length is not None and length < self.seen:
            raise UserError(
                f"`length` must be at least {self.seen}, what the convolutions see at once, but is {length}."
            )
        widths_in = [input_dim] + [num_filters] * (len(self.layers) - 1)
        self.convolutions = nn.ModuleList(
            _convolution(width_in, num_filters, width)
            for width_in, width in zip(widths_in, ngram_filter_sizes, strict=True)
        )
        self.length = length
        # Two vectors are left of every rectangle: torch.export takes a size of one for a constant.
        self.shortest = self._read_for(2) if length is None else length
        self.input_dim = input_dim
        self.output_dim = num_filters if length is None else num_filters * self._left_of(length)

    def _read_for(self, left: int) -> int:
        """How many vectors a row must have for so many to be left at the end."""
        for width, pool in reversed(self.layers):
            left = left * pool + width - 1
        return left

    def _left_of(self, length: int) -> int:
        """How many vectors are left at the end of a row of so many."""
        for width, pool in self.layers:
            length = (length - width + 1) // pool
        return length

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`, L at least `shortest`; returns `(S, output_dim)`."""
        # What a window beyond the row's end gives stands behind all that the row's own windows give.
        lengths = lengths.clamp(min=self.seen)
        x = x[:, : self.length].transpose(1, 2).unsqueeze(2)  # (S, D, 1, L)
        for (width, pool), convolution in zip(self.layers, self.convolutions, strict=True):
            x = torch.relu(convolution(x))
            lengths = (lengths - width + 1) // pool
            if pool > 1:
                x = max_pool2d(x, (1, pool))
        left = x.squeeze(2).transpose(1, 2)  # (S, what is left, num_filters)
        return maximum(left, lengths) if self.length is None else left.flatten(1)


def _convolution(channels_in: int, channels_out: int, width: int) -> nn.Conv2d:
    # Rows as images of height 1, see CnnEncoder.
    convolution = nn.Conv2d(channels_in, channels_out, (1, width))
    # As large as the paper's start. By torch's own, six layers hand on next to nothing of a row.
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)
    return convolution
