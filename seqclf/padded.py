"""Rows as one rectangle, for graphs that are drawn once and run at any size: the exporters trace these.

`Ragged` keeps its rows on the host, where a graph cannot follow. Here lengths and positions are tensors, every cell of
the rectangle is a value, and what stands at the padding is never looked at.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqclf.ragged import Ragged, Rows


class PaddedRows(Rows):
    """Where rows end in a rectangle `(S, L)`.

    Args:
        lengths: `(S,)`, at least 1.
        positions: `(S, L)`, the place of each value in its row; None for 0, 1, 2, ...
        longest: `L`, as the tensors have it that lie in the rectangle.
    """

    def __init__(self, lengths: Tensor, longest: Any, positions: Tensor | None = None) -> None:
        self.row_lengths = lengths
        self.size, self.longest = lengths.shape[0], longest
        places = torch.arange(longest, device=lengths.device).unsqueeze(0).expand(self.size, longest)
        self.real = places < lengths.unsqueeze(1)  # (S, L)
        self.cell_positions = places if positions is None else positions
        self.positions = None
        self.kept = {}

    def row_of_value(self, device: torch.device) -> Tensor:
        """The row that each cell belongs to, `(S * L,)`."""
        rows = torch.arange(self.size, device=device)
        return rows.unsqueeze(1).expand(self.size, self.longest).reshape(-1)

    def position_of_value(self, device: torch.device) -> Tensor:
        """The position of each cell, `(S * L,)`."""
        return self.cell_positions.reshape(-1)

    def lengths_on(self, device: torch.device) -> Tensor:
        """The length of each row, `(S,)`."""
        return self.row_lengths


class Padded(Ragged):
    """A rectangle of rows, its cells one after another.

    Args:
        values: `(S * L, *)`.
        rows: which cells are real.
    """

    rows: PaddedRows

    def __init__(self, values: Tensor, rows: PaddedRows) -> None:
        self.values = values
        self.rows = rows

    def with_values(self, values: Tensor) -> Padded:
        """Other values `(S * L, *)` over the same rows."""
        return Padded(values, self.rows)

    def rectangle(self, fill: float = 0.0, more: int = 0) -> Tensor:
        """The values as a rectangle `(S, L + more, *)`, with `fill` at the padding."""
        rows, rest = self.rows, self.values.shape[1:]
        cells = self.values.view(rows.size, rows.longest, *rest)
        outside = (~rows.real).view(rows.size, rows.longest, *(1 for _ in rest))
        cells = cells.masked_fill(outside, fill)
        return pad(cells, (0, 0) * len(rest) + (0, more), value=fill) if more else cells

    def positions(self, more: int = 0) -> Tensor:
        """The position of each cell `(S, L + more)`."""
        return pad(self.rows.cell_positions, (0, more)) if more else self.rows.cell_positions
