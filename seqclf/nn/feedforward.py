"""Fully connected layers."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from seqclf.nn.arguments import choose, positive_each, probability

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "linear": nn.Identity}


class FeedForward(nn.Module):
    """Linear layers, each with an activation and dropout.

    Args:
        input_dim: width of the vectors in.
        hidden_dims: width of each layer; the last is the width of the vectors out.
        activation: what follows each linear layer; `linear` for nothing.
        dropout: share of each layer's output left out in training.
        layer_norm: whether to normalise before each activation (Ba et al. 2016, https://arxiv.org/abs/1607.06450).

    Attributes:
        input_dim: width of the vectors in.
        output_dim: width of the vectors out.

    Raises:
        UserError: for an argument out of its range.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dims: Sequence[int] = (128,),
        activation: Literal["relu", "gelu", "tanh", "linear"] = "relu",
        dropout: float = 0.0,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        positive_each(hidden_dims=hidden_dims)
        probability(dropout=dropout)
        make_activation = choose("activation", activation, ACTIVATIONS)
        self.input_dim = input_dim
        self.output_dim = hidden_dims[-1]
        layers: list[nn.Module] = []
        for width_in, width_out in zip([input_dim, *hidden_dims], hidden_dims, strict=False):
            layers.append(nn.Linear(width_in, width_out))
            if layer_norm:
                layers.append(nn.LayerNorm(width_out))
            layers += [make_activation(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Transform vectors `(*, input_dim)`; returns `(*, output_dim)`."""
        out: Tensor = self.layers(x)
        return out
