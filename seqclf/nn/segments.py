"""Sums, means, maxima and softmaxes over the rows of a `Ragged`, with no padding anywhere."""

import torch
from torch import Tensor

from seqclf.padded import Padded
from seqclf.ragged import Ragged, host_to_device


def row_first(sequences: Ragged) -> Tensor:
    """The first of each row of values `(N, *)`; returns `(S, *)`."""
    if isinstance(sequences, Padded):
        return sequences.rectangle()[:, 0]
    return sequences.values.index_select(0, host_to_device(sequences.rows.offsets[:-1], sequences.device))


def row_last(sequences: Ragged) -> Tensor:
    """The last of each row of values `(N, *)`; returns `(S, *)`."""
    if isinstance(sequences, Padded):
        rows = sequences.rows
        ends = torch.arange(rows.size, device=sequences.device) * rows.longest + rows.row_lengths - 1
        return sequences.values.index_select(0, ends)
    return sequences.values.index_select(0, host_to_device(sequences.rows.offsets[1:] - 1, sequences.device))


def row_sum(sequences: Ragged) -> Tensor:
    """The sum of each row of values `(N, *)`; returns `(S, *)`."""
    if isinstance(sequences, Padded):
        return sequences.rectangle().sum(dim=1)
    values, rows = sequences.values, sequences.rows
    zeros = values.new_zeros((len(rows), *values.shape[1:]))
    return zeros.index_add_(0, rows.row_of_value(sequences.device), values)


def row_mean(sequences: Ragged) -> Tensor:
    """The mean of each row of vectors `(N, D)`; returns `(S, D)`."""
    return row_sum(sequences) / sequences.rows.lengths_on(sequences.device).unsqueeze(1)


def row_sqrtn(sequences: Ragged) -> Tensor:
    """The sum of each row of vectors `(N, D)` over the square root of its length; returns `(S, D)`."""
    lengths = sequences.rows.lengths_on(sequences.device).to(sequences.values.dtype)
    return row_sum(sequences) / lengths.sqrt().unsqueeze(1)


def row_max(sequences: Ragged) -> Tensor:
    """The maximum of each row of values `(N, *)`, per dimension; returns `(S, *)`."""
    if isinstance(sequences, Padded):
        return sequences.rectangle(-torch.inf).amax(dim=1)
    lengths = sequences.rows.lengths_on(sequences.device)
    # Lengths fit by construction; checking them would make a GPU wait.
    return torch.segment_reduce(sequences.values, "max", lengths=lengths, axis=0, unsafe=True)


def row_mean_max(sequences: Ragged) -> Tensor:
    """The mean and the maximum of each row of vectors `(N, D)`, side by side; returns `(S, 2 * D)`."""
    return torch.cat([row_mean(sequences), row_max(sequences)], dim=1)


def row_softmax(scores: Ragged) -> Ragged:
    """Scores `(N, *)` to weights `(N, *)` that add up to 1 in each row."""
    row = scores.rows.row_of_value(scores.device)
    highest = row_max(scores.with_values(scores.values.detach()))  # any number would do; this one cannot overflow
    powers = (scores.values - highest.index_select(0, row)).exp()
    return scores.with_values(powers / row_sum(scores.with_values(powers)).index_select(0, row))
