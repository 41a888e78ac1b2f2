"""Rectangles of vectors to one vector per row, as if the padding were not there: what the kernels end with."""

from collections.abc import Callable

import torch
from torch import Tensor

Pooling = Callable[[Tensor, Tensor], Tensor]


def padding_mask(x: Tensor, lengths: Tensor) -> Tensor:
    """True at the padding of `x` `(S, L, *)`; returns `(S, L)`."""
    return torch.arange(x.shape[1], device=x.device) >= lengths.unsqueeze(1)


def below_all(mask: Tensor, like: Tensor) -> Tensor:
    """What to add before a maximum: minus infinity where `mask` is True, zero elsewhere, in the dtype of `like`.

    Adding it is several times cheaper than `masked_fill`, and its gradient costs nothing.
    """
    return torch.zeros(mask.shape, dtype=like.dtype, device=like.device).masked_fill_(mask, -torch.inf)


def first(x: Tensor, lengths: Tensor) -> Tensor:
    """The first vector of each row of `x` `(S, L, D)`; returns `(S, D)`."""
    return x[:, 0]


def last(x: Tensor, lengths: Tensor) -> Tensor:
    """The last vector of each row of `x` `(S, L, D)`; returns `(S, D)`."""
    return x[torch.arange(x.shape[0], device=x.device), lengths - 1]


def mean(x: Tensor, lengths: Tensor) -> Tensor:
    """The mean of each row of `x` `(S, L, D)`, finite at its padding; returns `(S, D)`."""
    share = (~padding_mask(x, lengths)).to(x.dtype) / lengths.unsqueeze(1).to(x.dtype)  # (S, L)
    return torch.bmm(share.unsqueeze(1), x).squeeze(1)


def maximum(x: Tensor, lengths: Tensor) -> Tensor:
    """The largest value of each row of `x` `(S, L, D)`, per dimension; returns `(S, D)`."""
    masked = x + below_all(padding_mask(x, lengths), x).unsqueeze(2)
    # max, not amax: with the place of the maximum at hand its gradient is three times as fast.
    return masked.max(dim=1).values
