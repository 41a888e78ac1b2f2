"""Recurrent layers as a scan, for graphs: torch's own have no form at free lengths that `torch.export` can draw."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import linear


class ScannedRecurrence(nn.Module):
    """One layer of torch's LSTM, GRU or RNN in one direction, step by step; equal to it.

    Args:
        layer: with `batch_first`, one layer, not bidirectional; its parameters are shared.
    """

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.mode, self.hidden_size = layer.mode, layer.hidden_size
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Read rows `(S, L, D)`; returns the states `(S, L, H)`, alone in a tuple as torch has them first of two."""
        layer: Any = self.layer
        bias, hidden_bias = (layer.bias_ih_l0, layer.bias_hh_l0) if layer.bias else (None, None)
        read = linear(x, layer.weight_ih_l0, bias).transpose(0, 1)  # (L, S, gates * H)
        weight = layer.weight_hh_l0
        start = x.new_zeros(x.shape[0], self.hidden_size)
        if self.mode == "LSTM":
            return (scan(_lstm, (start, start.clone()), (read,), (weight, hidden_bias)),)
        step = _gru if self.mode == "GRU" else _relu if self.mode == "RNN_RELU" else _tanh
        return (scan(step, (start,), (read,), (weight, hidden_bias)),)


def scan(step: Any, start: tuple[Tensor, ...], read: tuple[Tensor, ...], constants: tuple[Any, ...]) -> Tensor:
    """The states of a recurrence, `(S, L, H)`.

    Args:
        step: `(carry, what is read, constants) -> carry`, whose first tensor `(S, H)` is the state.
        start: the first carry.
        read: what is read at each step, `(L, S, *)` each.
        constants: what is the same at each step.
    """
    from torch._higher_order_ops.scan import scan as torch_scan

    def both(carry: tuple[Tensor, ...], x: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor]:
        new = step(carry, x, constants)
        return new, new[0].clone()

    states: Tensor = torch_scan(both, start, read, dim=0)[1]
    return states.transpose(0, 1)


def _lstm(carry: tuple[Tensor, ...], x: tuple[Tensor, ...], constants: tuple[Any, ...]) -> tuple[Tensor, ...]:
    hidden, memory = carry
    let_in, keep, new, let_out = (x[0] + linear(hidden, *constants)).chunk(4, dim=1)
    memory = keep.sigmoid() * memory + let_in.sigmoid() * new.tanh()
    return let_out.sigmoid() * memory.tanh(), memory


def _gru(carry: tuple[Tensor, ...], x: tuple[Tensor, ...], constants: tuple[Any, ...]) -> tuple[Tensor, ...]:
    (hidden,) = carry
    read, kept = x[0].chunk(3, dim=1), linear(hidden, *constants).chunk(3, dim=1)
    reset, update = (read[0] + kept[0]).sigmoid(), (read[1] + kept[1]).sigmoid()
    new = (read[2] + reset * kept[2]).tanh()
    return ((1 - update) * new + update * hidden,)


def _tanh(carry: tuple[Tensor, ...], x: tuple[Tensor, ...], constants: tuple[Any, ...]) -> tuple[Tensor, ...]:
    return ((x[0] + linear(carry[0], *constants)).tanh(),)


def _relu(carry: tuple[Tensor, ...], x: tuple[Tensor, ...], constants: tuple[Any, ...]) -> tuple[Tensor, ...]:
    return ((x[0] + linear(carry[0], *constants)).relu(),)


def with_scans(module: nn.Module) -> nn.Module:
    """The module with its recurrent layers of one direction as scans, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.RNNBase) and child.num_layers == 1 and not child.bidirectional and child.batch_first:
            setattr(module, name, ScannedRecurrence(child))
        else:
            with_scans(child)
    return module


def is_recurrent(module: nn.Module) -> bool:
    """Whether there is one of torch's recurrent layers in it."""
    return any(isinstance(child, nn.RNNBase) for child in module.modules())
