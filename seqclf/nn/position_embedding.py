"""Where in its row does a vector stand? Something added to it says so."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


class SinusoidalPositions(nn.Module):
    """Adds waves of many lengths, for positions of any size (Vaswani et al. 2017, section 3.5).

    Args:
        hidden_size: width of the vectors, `H`.
    """

    rates: Tensor

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        steps = torch.arange(0, hidden_size, 2) / hidden_size
        self.register_buffer("rates", torch.exp(-math.log(10_000.0) * steps), persistent=False)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Mark vectors `(S, L, H)` with their positions `(S, L)`; returns `(S, L, H)`."""
        angles = positions.unsqueeze(2) * self.rates
        waves = torch.cat([angles.sin(), angles.cos()], dim=2)
        return x + waves[..., : x.shape[2]]  # an odd H has one cosine less


class LearnedPositions(nn.Module):
    """Adds a learned vector for each position; those past the last share its vector.

    Args:
        hidden_size: width of the vectors, `H`.
        max_positions: how many positions have a vector of their own.
    """

    def __init__(self, hidden_size: int, max_positions: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(max_positions, hidden_size)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Mark vectors `(S, L, H)` with their positions `(S, L)`; returns `(S, L, H)`."""
        marks: Tensor = self.embedding(positions.clamp(max=self.embedding.num_embeddings - 1))
        return x + marks


class NoPositions(nn.Module):
    """Adds nothing: a row is a set."""

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Return the vectors `(S, L, H)` as they are."""
        return x


# What makes each, from the width of the vectors and the number of learned positions.
POSITION_EMBEDDINGS: dict[str, Callable[[int, int], nn.Module]] = {
    "sinusoidal": lambda hidden_size, max_positions: SinusoidalPositions(hidden_size),
    "learned": LearnedPositions,
    "none": lambda hidden_size, max_positions: NoPositions(),
}
