"""The convolutional encoder of Kim (2014)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from seqclf.chunks import Overhead
from seqclf.errors import UserError
from seqclf.nn.arguments import choose, positive, positive_each
from seqclf.nn.pooling import below_all
from seqclf.nn.seq2vec_encoder import DenseSeq2VecEncoder

# None of these ever falls, so that it may come after the maximum, where there is far less to compute.
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class CnnEncoder(DenseSeq2VecEncoder):
    """Convolutional neural networks for sentence classification (Kim 2014, https://arxiv.org/abs/1408.5882).

    Filters of several widths slide over the row; each gives its largest answer. A row shorter than the widest filter
    counts as filled up with zeros to that width.

    Args:
        input_dim: width of the vectors in.
        num_filters: how many filters of each width; one number for all widths, or a list.
        ngram_filter_sizes: the widths, in tokens.
        conv_layer_activation: what the answers go through.
        output_dim: width of a linear layer at the end; None for no such layer, and a width out of
            `num_filters` of all widths together.

    Raises:
        UserError: for an argument out of its range.
    """

    chunk_overhead = Overhead(cells=300)

    def __init__(
        self,
        input_dim: int,
        num_filters: int | Sequence[int] = 100,
        ngram_filter_sizes: Sequence[int] = (3, 4, 5),
        conv_layer_activation: Literal["relu", "tanh"] = "relu",
        output_dim: int | None = None,
    ) -> None:
        super().__init__()
        positive_each(ngram_filter_sizes=ngram_filter_sizes)
        counts = [num_filters] * len(ngram_filter_sizes) if isinstance(num_filters, int) else list(num_filters)
        positive_each(num_filters=counts)
        if len(counts) != len(ngram_filter_sizes):
            raise UserError(
                f"`num_filters` must be one number, or one for each of the {len(ngram_filter_sizes)} "
                f"`ngram_filter_sizes`, but is {counts}."
            )
        self.activation = choose("conv_layer_activation", conv_layer_activation, ACTIVATIONS)
        # Rows as images of height 1: torch convolves those as they lie in memory, and does it a third faster.
        self.convolutions = nn.ModuleList(
            nn.Conv2d(input_dim, count, (1, width)) for count, width in zip(counts, ngram_filter_sizes, strict=True)
        )
        self.shortest = max(ngram_filter_sizes)
        self.input_dim = input_dim
        self.output_dim = sum(counts)
        self.projection: nn.Module = nn.Identity()
        if output_dim is not None:
            positive(output_dim=output_dim)
            self.projection = nn.Linear(self.output_dim, output_dim)
            self.output_dim = output_dim

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`, L at least `shortest`; returns `(S, output_dim)`."""
        images = x.transpose(1, 2).unsqueeze(2)  # (S, D, 1, L)
        # A window is the row's own when it ends inside the row.
        ends_outside = torch.arange(x.shape[1], device=x.device) >= lengths.clamp(min=self.shortest).unsqueeze(1)
        penalty = below_all(ends_outside, x)[:, None, None]  # (S, 1, 1, L)
        answers = []
        for convolution in self.convolutions:
            windows = convolution(images)  # (S, num_filters, 1, L - width + 1)
            windows += penalty[..., -windows.shape[3] :]
            # max, not amax: with the place of the maximum at hand its gradient is twice as fast.
            answers.append(windows.max(dim=3).values.squeeze(2))
        out: Tensor = self.projection(self.activation(torch.cat(answers, dim=1)))
        return out
