"""Optimisers whose step on a large table touches only the rows that a batch has used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer


class Taken(NamedTuple):
    """Rows that stand in for their table while torch's optimiser steps."""

    group: dict[str, Any]
    place: int  # of the table among the group's parameters
    table: Tensor  # (V, D)
    indices: Tensor  # (rows,)
    rows: Tensor  # (rows, D)


class SparseRows(Optimizer):
    """Steps on sparse gradients with any optimiser of torch that works element by element.

    The rows that a gradient has are taken out of the table and of its moments, torch steps on them together with all
    dense parameters, and they are put back. What torch's kernels are fast at stays fast, the formula is theirs, and the
    state is that of a dense table. Rows without a gradient keep their moments: this is the lazy Adam of
    `torch.optim.SparseAdam`.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of optimisation.

        Args:
            closure: computes the loss and the gradients.

        Returns:
            What `closure` returned.

        Raises:
            RuntimeError: for weight decay on a table with a sparse gradient: it would be due on every row.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        taken = [
            self._take(group, place, table)
            for group in self.param_groups
            for place, table in enumerate(group["params"])
            if table.grad is not None and table.grad.is_sparse
        ]
        try:
            super().step()
        finally:
            for rows in taken:
                self._put_back(rows)
        return loss

    def _take(self, group: dict[str, Any], place: int, table: Tensor) -> Taken:
        if group["weight_decay"] != 0:
            raise RuntimeError("weight decay and sparse gradients do not go together on one table")
        assert table.grad is not None
        gradient = table.grad.coalesce()
        indices = gradient.indices()[0]
        rows = table.index_select(0, indices)
        rows.grad = gradient.values()
        if self.state[table]:
            self.state[rows] = {
                name: value.index_select(0, indices) if value.shape == table.shape else value
                for name, value in self.state[table].items()
            }
        group["params"][place] = rows
        return Taken(group, place, table, indices, rows)

    def _put_back(self, taken: Taken) -> None:
        group, place, table, indices, rows = taken
        group["params"][place] = table
        table.index_copy_(0, indices, rows)
        state = self.state[table]
        for name, value in self.state.pop(rows, {}).items():
            if value.shape == rows.shape:
                if name not in state:  # the first step: torch made it for the rows alone
                    state[name] = torch.zeros_like(table)
                state[name].index_copy_(0, indices, value)
            else:
                state[name] = value


class SparseRowsAdam(SparseRows, torch.optim.Adam):
    """Adam, or AdamW with `decoupled_weight_decay`; torch's fused kernel where there is one."""

    def __init__(
        self,
        params: Sequence[dict[str, Any]],
        betas: tuple[float, float],
        lr: float,
        eps: float,
        weight_decay: float,
        decoupled_weight_decay: bool = False,
    ) -> None:
        fused = _all_on(params, "cpu", "cuda")
        super().__init__(
            params, lr, betas, eps, weight_decay, fused=fused, decoupled_weight_decay=decoupled_weight_decay
        )
        self._step_supports_amp_scaling = False  # the gradients are unscaled before they are clipped, not in the kernel


class SparseRowsAdagrad(SparseRows, torch.optim.Adagrad):
    """Adagrad; torch's fused kernel where there is one."""

    def __init__(
        self,
        params: Sequence[dict[str, Any]],
        lr: float,
        lr_decay: float,
        eps: float,
        weight_decay: float,
        initial_accumulator_value: float = 0.0,
    ) -> None:
        fused = _all_on(params, "cpu")
        super().__init__(params, lr, lr_decay, weight_decay, initial_accumulator_value, eps, fused=fused)
        self._step_supports_amp_scaling = False  # as above


def _all_on(groups: Sequence[dict[str, Any]], *devices: str) -> bool:
    return all(parameter.device.type in devices for group in groups for _, parameter in group["params"])
