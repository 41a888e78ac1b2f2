"""Several layers of a model, added up by learned weights."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ScalarMix(nn.Module):
    """A weighted mean of layers (Peters et al. 2018, https://arxiv.org/abs/1802.05365); equal weights at the start.

    Args:
        layers: how many there are.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Mix layers `(..., D)` of one shape."""
        weights = self.weights.softmax(dim=0)
        return self.scale * torch.stack([weight * each for weight, each in zip(weights, layers, strict=True)]).sum(0)
