"""Layers that a vector may go around."""

import torch
from torch import Tensor, nn

from seqclf.nn.arguments import positive


class Highway(nn.Module):
    """Highway Networks (Srivastava et al. 2015, https://arxiv.org/abs/1505.00387): `g * x + (1 - g) * relu(A x + a)`.

    The gates `g = sigmoid(B x + b)` start with `b` at 2, as Kim et al. (2016) do: at first nearly all goes by as it is.

    Args:
        input_dim: width of the vectors in, and out.
        num_layers: how many layers, one after another.

    Raises:
        UserError: for an argument out of its range.
    """

    def __init__(self, input_dim: int, num_layers: int = 1) -> None:
        super().__init__()
        positive(num_layers=num_layers)
        self.layers = nn.ModuleList(nn.Linear(input_dim, 2 * input_dim) for _ in range(num_layers))
        for layer in self.layers:
            assert isinstance(layer.bias, Tensor)
            nn.init.constant_(layer.bias[input_dim:], 2.0)

    def forward(self, x: Tensor) -> Tensor:
        """Transform vectors `(*, input_dim)`; returns `(*, input_dim)`."""
        for layer in self.layers:
            new, gate = layer(x).chunk(2, dim=-1)
            x = torch.lerp(torch.relu(new), x.to(new.dtype), gate.sigmoid())
        return x
