"""The deep pyramid CNN of Johnson and Zhang (2017)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from seqclf.chunks import Overhead
from seqclf.errors import UserError
from seqclf.nn.arguments import positive
from seqclf.nn.pooling import below_all, maximum, padding_mask
from seqclf.nn.seq2vec_encoder import DenseSeq2VecEncoder

WIDTH = 3  # of every convolution but the first, and of the pooling


class DpcnnEncoder(DenseSeq2VecEncoder):
    """Deep Pyramid Convolutional Neural Networks for Text Categorization (Johnson & Zhang 2017, https://aclanthology.org/P17-1052).

    Blocks of two convolutions with a way around them; before each block but the first, the row is halved by taking the
    largest of every three neighbours. So the last layers look at the whole text, and all together cost no more than
    twice the first. The largest values of what is left of the row are its vector.

    Args:
        input_dim: width of the vectors in.
        num_filters: how many filters each convolution has; the width of the vector out.
        num_blocks: how many blocks; a row of `2 ** (num_blocks - 1)` vectors ends as one.
        region_size: how many vectors the first convolution reads, an odd number.

    Raises:
        UserError: for an argument out of its range.
    """

    chunk_overhead = Overhead(cells=300)
    compiles = False  # torch 2.13 cannot order the strides of images whose width was halved

    def __init__(self, input_dim: int, num_filters: int = 250, num_blocks: int = 4, region_size: int = 3) -> None:
        super().__init__()
        positive(num_filters=num_filters, num_blocks=num_blocks, region_size=region_size)
        if region_size % 2 == 0:
            raise UserError(f"`region_size` must be odd, but is {region_size}.")
        self.input_dim = input_dim
        self.output_dim = num_filters
        self.region = _convolution(input_dim, num_filters, region_size)
        self.blocks = nn.ModuleList(
            nn.ModuleList(_convolution(num_filters, num_filters, WIDTH) for _ in range(2)) for _ in range(num_blocks)
        )

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`; returns `(S, output_dim)`."""
        x = self.region(x.transpose(1, 2).unsqueeze(2))  # (S, num_filters, 1, L)
        outside = padding_mask(x[:, 0, 0], lengths)[:, None, None]  # (S, 1, 1, L)
        for depth, convolutions in enumerate(self.blocks):
            if depth > 0:
                # A window begins at every second vector; those that hang over the row's end are shorter.
                x = max_pool2d(pad(x + below_all(outside, x), (0, WIDTH - 1), value=-torch.inf), (1, WIDTH), (1, 2))
                lengths = (lengths + 1) // 2
                outside = padding_mask(x[:, 0, 0], lengths)[:, None, None]
            x = x.masked_fill(outside, 0)
            new = x
            assert isinstance(convolutions, nn.ModuleList)
            for convolution in convolutions:
                new = convolution(new.relu()).masked_fill(outside, 0)
            x = x + new
        return maximum(x.squeeze(2).transpose(1, 2), lengths)


def _convolution(channels_in: int, channels_out: int, width: int) -> nn.Conv2d:
    # Rows as images of height 1, see CnnEncoder.
    return nn.Conv2d(channels_in, channels_out, (1, width), padding=(0, width // 2))
