"""The convolutional encoder with highway layers of Kim et al. (2016)."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from seqclf.chunks import Overhead
from seqclf.nn.arguments import choose, positive
from seqclf.nn.cnn import CnnEncoder
from seqclf.nn.highway import Highway
from seqclf.nn.seq2vec_encoder import DenseSeq2VecEncoder

LOCATIONS = {"after_cnn": True, "after_highway": False}


class CnnHighwayEncoder(DenseSeq2VecEncoder):
    """Character-Aware Neural Language Models (Kim et al. 2016, https://arxiv.org/abs/1508.06615): a CNN, then highways.

    Args:
        input_dim: width of the vectors in.
        num_filters: how many filters of each width; one number for all widths, or a list.
        ngram_filter_sizes: the widths, in tokens.
        conv_layer_activation: what the filters' answers go through.
        num_highway: how many highway layers.
        projection_dim: width of a linear layer; None for no such layer.
        projection_location: whether the linear layer comes before the highway layers or after them.
        layer_norm: whether the vector out is normalised (Ba et al. 2016, https://arxiv.org/abs/1607.06450).

    Raises:
        UserError: for an argument out of its range.
    """

    chunk_overhead = Overhead(cells=300)

    def __init__(
        self,
        input_dim: int,
        num_filters: int | Sequence[int] = (25, 50, 75, 100, 125, 150),
        ngram_filter_sizes: Sequence[int] = (1, 2, 3, 4, 5, 6),
        conv_layer_activation: Literal["relu", "tanh"] = "tanh",
        num_highway: int = 1,
        projection_dim: int | None = None,
        projection_location: Literal["after_cnn", "after_highway"] = "after_highway",
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        positive(num_highway=num_highway)
        before = choose("projection_location", projection_location, LOCATIONS)
        if projection_dim is not None:
            positive(projection_dim=projection_dim)
        self.cnn = CnnEncoder(
            input_dim, num_filters, ngram_filter_sizes, conv_layer_activation, projection_dim if before else None
        )
        self.highway = Highway(self.cnn.output_dim, num_highway)
        self.shortest = self.cnn.shortest
        self.input_dim = input_dim
        self.output_dim = projection_dim or self.cnn.output_dim
        same = self.output_dim == self.cnn.output_dim and (before or projection_dim is None)
        self.projection = nn.Identity() if same else nn.Linear(self.cnn.output_dim, self.output_dim)
        self.norm = nn.LayerNorm(self.output_dim) if layer_norm else nn.Identity()

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`, L at least `shortest`; returns `(S, output_dim)`."""
        out: Tensor = self.norm(self.projection(self.highway(self.cnn.dense(x, lengths, positions))))
        return out
