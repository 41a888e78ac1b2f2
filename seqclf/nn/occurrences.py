"""How often does each value stand in its row?"""

import torch
from torch import Tensor
from torch.nn.functional import pad


def occurrences(keys: Tensor) -> Tensor:
    """For each of the whole numbers `(R, M)` how often it stands in its row; every size is that of the rectangle.

    Args:
        keys: rows of numbers.

    Returns:
        `(R, M)`.
    """
    ordered, order = keys.sort(dim=1)
    before = pad(ordered, (1, 0))[:, :-1]  # of equal size: an exported graph then runs at rows of one number too
    run = (ordered != before).to(keys.dtype).cumsum(dim=1)  # which distinct number of the row each is
    run = run - run[:, :1]
    ones = torch.ones_like(keys)
    counts = torch.zeros_like(keys).scatter_add(1, run, ones).gather(1, run)
    return torch.zeros_like(keys).scatter(1, order, counts)
