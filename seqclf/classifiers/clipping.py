"""Clipping of gradients, the sparse ones among them."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm


@torch.no_grad()
def clip_gradients(
    parameters: Iterable[Tensor], max_norm: float | None, watch: Callable[[Tensor], None] | None = None
) -> Tensor:
    """Scale all gradients in place so that their norm together is at most `max_norm` (Pascanu et al. 2013).

    `torch.nn.utils.clip_grad_norm_`, which refuses sparse gradients, for both kinds. A sparse gradient is coalesced
    first: the norm is that of the same gradient made dense. Nothing waits for the device.

    Args:
        parameters: parameters; those without a gradient are passed over.
        max_norm: the largest norm; None scales nothing.
        watch: is given the norm before anything is scaled.

    Returns:
        The norm before, a scalar.
    """
    values = []
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is None:
            continue
        if gradient.is_sparse:
            gradient = parameter.grad = gradient.coalesce()
        values.append(gradient.values() if gradient.is_sparse else gradient)
    if not values:
        return torch.zeros(())
    norm: Tensor = get_total_norm(values)
    if watch is not None:
        watch(norm)
    if max_norm:
        torch._foreach_mul_(values, (max_norm / (norm + 1e-6)).clamp(max=1.0))
    return norm
