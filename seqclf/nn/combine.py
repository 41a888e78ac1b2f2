"""Two vectors as one: what a classifier of pairs looks at."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

WIDTHS = {"concat": 2, "full": 4, "symmetric": 2}  # of the joined vector, in widths of one


def combine_pair(vectors: Tensor, combine: Literal["concat", "full", "symmetric"]) -> Tensor:
    """Join the two vectors of each pair (Conneau et al. 2017, https://arxiv.org/abs/1705.02364).

    Args:
        vectors: `(B, 2, D)`.
        combine: `concat`, the one after the other; `full`, these, their absolute difference and their product;
            `symmetric`, the difference and the product alone, which do not depend on which of the two comes first.

    Returns:
        `(B, H)`, `H = WIDTHS[combine] * D`.
    """
    left, right = vectors.unbind(dim=1)
    compared = [] if combine == "concat" else [(left - right).abs(), left * right]
    return torch.cat(([] if combine == "symmetric" else [left, right]) + compared, dim=-1)
