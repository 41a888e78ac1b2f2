"""What metrics have counted so far, to be saved in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric


def state_of(metrics: nn.Module) -> dict[str, Any]:
    """The states of all metrics inside of a module, added up over all ranks; call it on each of them."""
    states: dict[str, Any] = {}
    for name, metric in _inside(metrics):
        with metric.sync_context(dist_sync_fn=metric.dist_sync_fn):
            values = {key: _copy(value) for key, value in metric.metric_state.items()}
        states[name] = {"count": metric.update_count, "values": values}
    return states


def load_state(metrics: nn.Module, states: dict[str, Any]) -> None:
    """Go on counting from there."""
    for name, metric in _inside(metrics):
        for key, value in states[name]["values"].items():
            setattr(metric, key, _copy(value, metric))
        metric._update_count = states[name]["count"]


def to_device(batch: tuple[Any, ...], device: torch.device) -> tuple[Any, ...]:
    """What a batch left to be counted, where it is counted."""
    return tuple(value.to(device) if isinstance(value, Tensor) else value for value in batch)


def _inside(metrics: nn.Module) -> Iterator[tuple[str, Metric]]:
    return ((name, module) for name, module in metrics.named_modules() if isinstance(module, Metric))


def _copy(value: Tensor | list[Tensor], metric: Metric | None = None) -> Tensor | list[Tensor]:
    if isinstance(value, Tensor):
        return value.detach().clone() if metric is None else value.to(metric.device, copy=True)
    return [tensor.clone() for tensor in value]
