"""How several processes train one model, with what Lightning's own strategies do not know of this model."""

from __future__ import annotations

from typing import Any, Literal

import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy, FSDPStrategy
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from seqclf.classifiers.shared_step import sparse_tables
from seqclf.nn.per_field import PerFieldSeq2SeqEncoder, PerFieldSeq2VecEncoder

Strategy = Literal["ddp", "fsdp"]
OURS = ("seqclf.", "torch.", "torchmetrics.")


class WholeModels(DDPStrategy):
    """Every process holds the whole model and reads its share of the records (torch's `DistributedDataParallel`).

    The gradients of sparse tables are left to the model, which adds them up row by row with any backend; torch does it
    with gloo alone. Buffers are the same on all ranks and are not sent around. Parameters that a batch need not use
    are looked for only where there may be some.
    """

    def configure_ddp(self) -> None:
        """Wrap the model."""
        model = self.lightning_module
        assert model is not None
        tables = sparse_tables(model)
        apart: Any = DistributedDataParallel._set_params_and_buffers_to_ignore_for_model  # it has no types
        apart(model, list(tables))
        for table in tables.values():
            dist.broadcast(table.data, 0)
        self._ddp_kwargs |= {"broadcast_buffers": False, "find_unused_parameters": may_skip_parameters(model)}
        super().configure_ddp()


class ShardedModels(FSDPStrategy):
    """Every process holds a part of the model (Zhao et al. 2023, https://arxiv.org/abs/2304.11277).

    For models that do not fit a GPU with their optimiser's state; the checkpoint is that of the whole model.
    """


def make_strategy(name: Strategy) -> Any:
    """The strategy of this name, for Lightning's Trainer."""
    return WholeModels() if name == "ddp" else ShardedModels(state_dict_type="full")


def may_skip_parameters(model: nn.Module) -> bool:
    """Whether a batch may leave parameters unused: encoders of fields that it has not, and parts of the user's own."""
    apart = (PerFieldSeq2SeqEncoder, PerFieldSeq2VecEncoder)
    return any(isinstance(part, apart) or not type(part).__module__.startswith(OURS) for part in model.modules())
