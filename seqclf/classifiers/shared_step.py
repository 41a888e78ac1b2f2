"""What processes that train together, and batches that are accumulated, have to agree on before a step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

USUAL = 64.0  # records of a batch, about: gradients of sums stay of the size that 16 bits are scaled for


class SharedStep:
    """Makes the gradient of a step that of the mean over the records of all ranks and accumulated batches.

    Lightning and torch's `DistributedDataParallel` mean over ranks and batches as if each had the same weight. So each
    batch's gradient is scaled by its weight (`weigh`), and their mean by that of all of them (`settle`). Gradients of
    sparse tables, which `DistributedDataParallel` leaves alone (`sparse_tables`), are added up over the ranks here,
    row by row, with any backend.
    """

    def __init__(self) -> None:
        self._seen: list[Tensor] = []

    def weigh(self, loss: Tensor, weight: Tensor, known: Tensor, records: int) -> Tensor:
        """The same loss, whose gradient counts for as much as the batch weighs.

        Args:
            loss: the mean loss of a batch, a scalar.
            weight: what it was divided by, a scalar.
            known: how many records have a label, a scalar.
            records: how many there are.
        """
        weight = weight.detach().double()
        self._seen.append(torch.stack([weight, known.to(weight), torch.full_like(weight, records)]))
        large = loss * (weight / USUAL).to(loss)
        return loss.detach() + (large - large.detach())

    def settle(self, parameters: Sequence[nn.Parameter], num_batches: int) -> Tensor:
        """Turn the gradients of a step into those of the weighted mean; call it on every rank.

        Args:
            parameters: those that are trained.
            num_batches: how many batches a step accumulates, at most.

        Returns:
            Of the step on all ranks the weight, the records that have a label, and all records `(3,)`.
        """
        totals = torch.stack(self._seen).sum(dim=0)
        self._seen = []
        world = dist.get_world_size() if dist.is_initialized() else 1
        if world > 1:
            dist.all_reduce(totals)
        if world > 1:
            for table in filter(is_sparse_table, parameters):
                _mean_over_ranks(table, world)
        gradients = [each.grad for each in parameters if each.grad is not None]
        values = [each._values() if each.is_sparse else each for each in gradients]
        factor = USUAL * world * num_batches / totals[0].clamp(min=1e-30)
        torch._foreach_mul_(values, factor.to(values[0]))
        return totals


def known_records(labels: Tensor) -> Tensor:
    """How many records have a label, a scalar: of `(B,)` those from 0 on, of `(B, C)` all."""
    known = (labels >= 0).sum()
    return known if labels.dim() == 1 else torch.full_like(known, len(labels))


def sparse_tables(module: nn.Module) -> dict[str, nn.Parameter]:
    """The tables of a module that get sparse gradients, by name; they are marked as such."""
    found = {}
    for name, inside in module.named_modules():
        table = getattr(inside, "weight", None)
        if getattr(inside, "sparse", False) and isinstance(table, nn.Parameter) and table.requires_grad:
            table.is_sparse_table = True  # type: ignore[attr-defined]
            found[f"{name}.weight"] = table
    return found


def is_sparse_table(parameter: nn.Parameter) -> bool:
    """Whether `sparse_tables` has found it."""
    return getattr(parameter, "is_sparse_table", False)


@torch.no_grad()
def _mean_over_ranks(table: nn.Parameter, world: int) -> None:
    """Replace the sparse gradient of a table by the mean over all ranks; a rank without one has one of zeros."""
    if table.grad is None:
        indices, values = table.new_zeros(0, dtype=torch.long), table.new_zeros(0, table.shape[1])
    else:
        gradient = table.grad.coalesce()
        indices, values = gradient.indices()[0], gradient.values()
    counts = _gather(torch.tensor([len(indices)], device=table.device), world)
    sizes = [int(count) for count in counts]
    if not any(sizes):
        return
    rows = _gather(_padded(indices, max(sizes)), world)
    parts = _gather(_padded(values, max(sizes)), world)
    places = torch.cat([each[:size] for each, size in zip(rows, sizes, strict=True)])
    summed = torch.cat([each[:size] for each, size in zip(parts, sizes, strict=True)])
    table.grad = torch.sparse_coo_tensor(places[None], summed / world, table.shape).coalesce()


def _padded(tensor: Tensor, length: int) -> Tensor:
    out = tensor.new_zeros(length, *tensor.shape[1:])
    out[: len(tensor)] = tensor
    return out


def _gather(tensor: Tensor, world: int) -> list[Tensor]:
    out = [torch.empty_like(tensor) for _ in range(world)]
    dist.all_gather(out, tensor)
    return out
