"""The gated convolutional encoder of Dauphin et al. (2017)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import glu, pad
from torch.nn.utils.parametrizations import weight_norm

from seqclf.chunks import Overhead
from seqclf.errors import UserError
from seqclf.nn.arguments import positive_each, probability
from seqclf.nn.pooling import padding_mask
from seqclf.nn.seq2seq_encoder import DenseSeq2SeqEncoder

Blocks = Sequence[Sequence[Sequence[int]]]


class GatedCnnEncoder(DenseSeq2SeqEncoder):
    """Language Modeling with Gated Convolutional Networks (Dauphin et al. 2017, https://arxiv.org/abs/1612.08083).

    Two stacks of blocks, one that sees what stands before each vector and one that sees what stands after it; their
    vectors stand side by side. A block is some convolutions, each with gates of its own, and what it reads is added to
    what they give (as in Gehring et al. 2017, https://arxiv.org/abs/1705.03122, and in AllenNLP's encoder).

    Args:
        input_dim: width of the vectors in; a linear layer brings them to the width of the blocks where it is another.
        layers: for each block a list of convolutions: `[width, filters]`, or `[width, filters, dilation]`. The last
            convolutions of all blocks have equally many filters: half the width of the vectors out.
        dropout: on what each block reads.

    Raises:
        UserError: for an argument out of its range.
    """

    chunk_overhead = Overhead(cells=300)

    def __init__(
        self,
        input_dim: int,
        layers: Sequence[Sequence[Sequence[int]]] = (((4, 128),), ((4, 128),), ((4, 128),), ((4, 128),)),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        probability(dropout=dropout)
        width = _width_of(layers)
        self.input_dim = input_dim
        self.output_dim = 2 * width
        self.projection = nn.Identity() if input_dim == width else nn.Linear(input_dim, width)
        self.forward_blocks = _blocks(layers, width, dropout)
        self.backward_blocks = _blocks(layers, width, dropout)
        self.dropout = nn.Dropout(dropout)

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`; returns `(S, L, output_dim)`."""
        images = self.projection(x).transpose(1, 2).unsqueeze(2)  # (S, width, 1, L)
        inside = ~padding_mask(x, lengths)[:, None, None]  # (S, 1, 1, L)
        ways = [
            self._read(images, inside, self.forward_blocks, False),
            self._read(images, inside, self.backward_blocks, True),
        ]
        return torch.cat(ways, dim=1).squeeze(2).transpose(1, 2)

    def _read(self, images: Tensor, inside: Tensor, blocks: nn.ModuleList, backwards: bool) -> Tensor:
        for block in blocks:
            new = self.dropout(images)
            assert isinstance(block, nn.ModuleList)
            for convolution in block:
                assert isinstance(convolution, nn.Conv2d)
                reach = (convolution.kernel_size[1] - 1) * convolution.dilation[1]
                # Looking back, no vector ever sees the padding; looking ahead, it must be zero.
                around = pad(new * inside, (0, reach)) if backwards else pad(new, (reach, 0))
                new = glu(convolution(around), dim=1)
            images = (images + new) * 0.5**0.5
        return images


def _width_of(layers: Blocks) -> int:
    convolutions = [convolution for block in layers for convolution in block]
    if not convolutions or not all(layers):
        raise UserError("`layers` must be at least one block of at least one convolution.")
    for convolution in convolutions:
        positive_each(layers=convolution)
        if len(convolution) not in (2, 3):
            raise UserError(
                f"`layers`: a convolution is [width, filters] or [width, filters, dilation], not {[*convolution]}."
            )
    widths = {block[-1][1] for block in layers}
    if len(widths) > 1:
        raise UserError(
            f"`layers`: the last convolutions of all blocks must have equally many filters, but have {sorted(widths)}."
        )
    return widths.pop()


def _blocks(layers: Blocks, width: int, dropout: float) -> nn.ModuleList:
    blocks = nn.ModuleList()
    for block in layers:
        convolutions, filters_in = nn.ModuleList(), width
        for place, (size, filters, *rest) in enumerate(block):
            dilation = rest[0] if rest else 1
            # Rows as images of height 1, see CnnEncoder; half of the answers are gates.
            convolution = nn.Conv2d(filters_in, 2 * filters, (1, size), dilation=(1, dilation))
            # So that the spread of the vectors stays as it is (Gehring et al. 2017, section 3.5).
            kept = 1 - dropout if place == 0 else 1.0
            nn.init.normal_(convolution.weight, std=(4 * kept / (size * filters_in)) ** 0.5)
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # there is one
            convolutions.append(weight_norm(convolution))
            filters_in = filters
        blocks.append(convolutions)
    return blocks
